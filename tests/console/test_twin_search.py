"""Twins are searched in a browser: queries with help, marks under mistakes, pages, figures and files."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from chassis.testing import eventually
from tests.console.conftest import Twins, signed_in
from tests.gateway.house import Door

TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
SHOPS = "/#/twins?model=retailer&sort=id"


def _ids(page: Page) -> Locator:
    return page.locator("[data-testid=result]")


async def _shown(page: Page) -> list[str]:
    return [str(await row.get_attribute("data-id")) for row in await _ids(page).all()]


async def test_a_query_is_searched_while_it_is_typed_and_the_address_holds_it(page: Page):
    await page.goto("/#/twins")
    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "63")

    await page.get_by_test_id("query").fill('and(eq(model,"retailer"),gt(properties/tier,28))')
    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "4")
    found = await _shown(page)
    await page.reload()
    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "4")

    assert found == await _shown(page) == ["retailer:028", "retailer:029", "retailer:058", "retailer:059"]
    assert await page.get_by_test_id("query").input_value() == 'and(eq(model,"retailer"),gt(properties/tier,28))'


async def test_a_mistake_is_marked_under_its_character_and_what_was_found_stays(page: Page):
    await page.goto(SHOPS)
    await expect(_ids(page)).to_have_count(50)

    await page.get_by_test_id("query").fill('and(eq(properties/name,"红"),gt(properties/tier,)')

    fault = page.get_by_test_id("query-fault")
    await expect(fault).to_have_attribute("data-at", "47")
    await expect(fault).to_contain_text("Character 48")
    await expect(page.get_by_test_id("query-marker")).to_have_text(")")
    await expect(page.get_by_test_id("query")).to_have_attribute("aria-invalid", "true")
    await expect(_ids(page)).to_have_count(50)


async def test_who_comes_with_a_query_that_cannot_be_read_is_helped_and_goes_on_from_there(page: Page):
    await page.goto("/#/twins?q=eq(properties/tier,")
    await expect(page.get_by_test_id("query-fault")).to_contain_text("Character 20")
    await expect(page.get_by_test_id("query-help")).to_be_visible()
    await expect(page.get_by_test_id("model-chips")).to_have_count(0)

    await page.get_by_test_id("query").fill("eq(properties/tier,30)")

    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "2")
    await expect(page.get_by_test_id("query-help")).to_have_count(0)


async def test_what_may_come_next_is_offered_and_taken_with_the_keyboard(page: Page):
    await page.goto(SHOPS)
    query = page.get_by_test_id("query")
    await expect(_ids(page)).to_have_count(50)
    await page.keyboard.press("/")
    await expect(query).to_be_focused()

    await page.keyboard.type("g")
    await expect(page.get_by_test_id("suggestion").first).to_contain_text("gt")
    await page.keyboard.press("Tab")
    await page.keyboard.type("tie")
    await expect(page.get_by_test_id("suggestion").first).to_contain_text("properties/tier")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.type("29")
    await page.keyboard.press("Enter")

    await expect(query).to_have_value("gt(properties/tier,29)")
    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "2")
    await page.get_by_test_id("open-twin").first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_test_id("open-twin").nth(1)).to_be_focused()


async def test_a_word_is_looked_for_in_names_and_ids(page: Page):
    await page.goto("/#/twins")

    await page.get_by_test_id("query").fill("合肥")

    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "1")
    assert await _shown(page) == ["region:3401"]


async def test_a_type_narrows_the_result_and_brings_its_columns_and_figures(page: Page):
    await page.goto("/#/twins")
    chip = page.locator("[data-testid=model-chip][data-model=retailer]")
    await expect(chip.get_by_test_id("chip-count")).to_have_text("60")

    await chip.click()

    await expect(page.locator("[data-testid=sort][data-field='properties/tier']")).to_be_visible()
    await expect(page.get_by_test_id("figure-avg")).to_contain_text("15.5")
    await expect(page.get_by_test_id("figure-max")).to_contain_text("30")


async def test_figures_are_of_a_property_that_is_found_until_another_is_chosen(page: Page, twins: Twins):
    await twins.put("machine:9", "machine", {"shift": "早班", "power_kw": 90.5})
    try:
        await page.goto('/#/twins?q=eq(id,"machine:9")')
        await expect(page.get_by_test_id("figures-of")).to_have_value("power_kw")
        await expect(page.get_by_test_id("figure-sum")).to_contain_text("90.5")

        await page.get_by_test_id("figures-of").select_option(index=0)

        await expect(page.get_by_test_id("figure-count")).to_contain_text("0")
    finally:
        await twins.api.delete("/api/v1/twins/machine:9", headers={"if-match": "*"})


async def test_a_header_sorts_and_further_pages_follow_the_order(page: Page):
    await page.goto("/#/twins?model=retailer")
    header = page.locator("[data-testid=sort][data-field='properties/tier']")
    await header.click()
    await header.click()
    await expect(page.locator("th[aria-sort=descending]")).to_have_count(1)
    await expect(_ids(page).first).to_have_attribute("data-id", "retailer:029")

    await page.get_by_test_id("load-more").click()
    await expect(_ids(page)).to_have_count(60)
    found = await _shown(page)

    assert [int(each.removeprefix("retailer:")) % 30 for each in found] == sorted(
        (n % 30 for n in range(60)), reverse=True
    )
    assert "sort=-properties" in page.url


async def test_the_whole_result_is_downloaded_not_only_what_is_shown(page: Page):
    await page.goto("/#/twins?model=retailer")
    await expect(_ids(page)).to_have_count(50)

    async with page.expect_download() as table:
        await page.get_by_test_id("export-csv").click()
    async with page.expect_download() as document:
        await page.get_by_test_id("export-json").click()
    lines = (await (await table.value).path()).read_text("utf-8-sig").splitlines()
    items = json.loads((await (await document.value).path()).read_text("utf-8"))

    assert (len(lines), len(items)) == (61, 60)
    assert lines[0].startswith("id,model,")
    assert {each["id"] for each in items} == {f"retailer:{n:03}" for n in range(60)}


async def test_the_help_has_examples_that_work_and_fields_of_the_type(page: Page):
    await page.goto(SHOPS)
    await page.get_by_test_id("help-toggle").click()
    examples = page.get_by_test_id("example")
    await expect(examples.first).to_be_visible()

    for n in range(await examples.count()):
        wanted = await examples.nth(n).locator("code").inner_text()
        await examples.nth(n).click()
        await expect(page.get_by_test_id("query")).to_have_value(wanted)
        await expect(page.locator("[data-testid=total], [data-testid=empty]")).to_be_visible()
        await expect(page.locator("section.aging")).to_have_count(0)
        await expect(page.get_by_test_id("query-fault")).to_have_count(0)
    fields = await page.get_by_test_id("help-field").locator("code").all_inner_texts()

    assert {"properties/tier", "relations/located_in", "known_at"} <= set(fields)


async def test_rows_that_changed_meanwhile_are_told_of_and_loaded_when_asked_for(page: Page, twins: Twins):
    await page.goto('/#/twins?q=eq(id,"region:3402")')
    row = page.locator("[data-testid=result][data-id='region:3402']")
    await expect(row).to_contain_text("Wuhu")
    await expect(page.get_by_test_id("live-indicator")).to_have_attribute("data-state", "open")

    await twins.patch("region:3402", properties={"name_en": "Wuhu City"})
    await expect(page.get_by_test_id("outdated")).to_contain_text("1 changed")
    shown = await row.inner_text()
    await page.get_by_test_id("outdated").click()
    await expect(row).to_contain_text("Wuhu City")
    await expect(page.get_by_test_id("outdated")).to_have_count(0)

    assert "Wuhu City" not in shown


IN_WORDS = {"en-GB": ("Wuhu", "Order cycle (days)"), "zh-CN": ("芜湖市", "订货周期天数")}


@pytest.mark.parametrize("locale", IN_WORDS)
async def test_the_bar_at_the_foot_tells_changes_in_the_words_of_the_reader(
    browser: Browser, door: Door, twins: Twins, locale: str
):
    title, changed = IN_WORDS[locale]
    async with signed_in(browser, door, "admin", locale=locale) as context:
        page = await context.new_page()
        await page.goto("/#/data/lineage")
        await expect(page.get_by_test_id("live-indicator")).to_have_attribute("data-state", "open")

        days = (await twins.get("retailer:031"))["properties"]["order_cycle_days"] + 1
        await twins.patch("retailer:031", properties={"order_cycle_days": days})
        bar = page.locator("[data-testid=live-toggle] .change").first
        await expect(bar).to_contain_text(f"{changed} {days}")
        in_bar = await bar.inner_text()
        await twins.patch("region:3402", properties={"lat": days})
        await page.get_by_test_id("live-toggle").click()
        line = page.get_by_test_id("live-change").first
        await expect(line).to_contain_text(title)
        await line.get_by_role("link").click()

        await expect(page.get_by_test_id("twin-page")).to_be_visible()
    assert "红星商店31" in in_bar
    assert "retailer:031" not in in_bar


async def test_a_row_that_changed_before_the_page_could_listen_is_told_of_too(page: Page, twins: Twins):
    held: list[str | bytes] = []
    sockets = []

    def hold(message):
        held.append(message)

    async def relay(socket):
        server = socket.connect_to_server()
        sockets.append(server)
        socket.on_message(hold)
        server.on_message(socket.send)

    await page.route_web_socket(re.compile("/live$"), relay)
    await page.goto('/#/twins?q=eq(id,"retailer:059")')
    await expect(_ids(page)).to_have_count(1)
    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "1")
    await eventually(lambda: _any(held))

    await twins.patch("retailer:059", properties={"trade_area": "office"})
    state = await page.get_by_test_id("live-indicator").get_attribute("data-state")
    for message in held:
        sockets[0].send(message)

    await expect(page.get_by_test_id("outdated")).to_contain_text("1 changed")
    assert state == "connecting"


async def _any(items: list[str | bytes]) -> bool:
    return bool(items)


async def test_the_number_found_is_told_with_the_rows_that_it_is_of(page: Page):
    rows = asyncio.Event()

    async def late(route):
        await rows.wait()
        await route.continue_()

    await page.goto("/#/twins")
    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "63")
    await page.route(re.compile(r"/api/v1/twins\?"), late)

    async with page.expect_response(re.compile("/twins/aggregate")):
        await page.get_by_test_id("query").fill('eq(id,"region:34")')
    await page.evaluate(TWO_FRAMES)
    early = await page.get_by_test_id("total").get_attribute("data-total")
    rows.set()

    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "1")
    assert await _shown(page) == ["region:34"]
    assert early == "63"


async def test_what_is_typed_while_the_address_follows_is_kept(page: Page):
    await page.goto(SHOPS)
    await expect(_ids(page)).to_have_count(50)
    await page.evaluate(
        """() => {
            const area = document.querySelector("[data-testid=query]");
            const write = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
            const follow = history.replaceState.bind(history);
            history.replaceState = (...given) => {
                history.replaceState = follow;
                follow(...given);
                write.call(area, area.value + "59");
                area.dispatchEvent(new Event("input", { bubbles: true }));
                requestAnimationFrame(() => requestAnimationFrame(() => (area.dataset.seen = area.value)));
            };
        }"""
    )

    await page.get_by_test_id("query").fill("店")

    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "1")
    await expect(page.get_by_test_id("query")).to_have_attribute("data-seen", "店59")


async def test_nothing_found_leads_back_to_everything(page: Page):
    await page.goto('/#/twins?q=eq(id,"nobody:1")')
    await expect(page.get_by_test_id("empty")).to_be_visible()

    await page.get_by_test_id("show-all").click()

    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "63")


async def test_the_types_are_listed_with_what_they_have_and_lead_to(page: Page):
    await page.goto("/#/models")

    await page.locator("[data-testid=model][data-name=retailer]").click()

    await expect(page.get_by_test_id("model-properties")).to_contain_text("tier")
    await expect(page.get_by_test_id("model-relations")).to_contain_text("Region")
    await expect(page.get_by_test_id("model-versions")).to_contain_text("60 twins")
    await page.get_by_test_id("model-twins").click()
    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "60")


async def test_the_search_speaks_chinese_and_fits_a_small_phone(browser: Browser, door: Door, twins: Twins):
    async with signed_in(browser, door, "analyst", locale="zh-CN", width=360) as context:
        phone = await context.new_page()
        await phone.goto(SHOPS)
        await expect(_ids(phone)).to_have_count(50)
        width = await phone.evaluate("document.querySelector('.page').scrollWidth")
        words = await phone.locator("main").inner_text()

    assert width <= 360
    assert "零售户" in words
    assert "档位" in words
    assert not re.search(r"\b(twins|Search|Type|Changed)\b", words)
