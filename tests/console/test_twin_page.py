"""One twin in a browser: its state and sources, its past, its neighbours, changes as they come, writing it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from chassis.bus import bus
from chassis.passing import tell
from chassis.settings import CommonSettings
from chassis.testing import eventually
from marketwin.twin.v1.events_pb2 import TwinReadings
from marketwin.twin.v1.types_pb2 import Reading
from services.twin.store import PostgresStore
from tests.console.conftest import Twins, signed_in
from tests.console.twinpages import open_twin, row_of, said
from tests.gateway.house import Door

RULES = "/api/v1/models/line/fusion-rules"
SHOP = "retailer:past"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(twins: Twins) -> str:
    """A shop whose tier rose three times, of which something was added and something was taken away."""
    await twins.put(SHOP, "retailer", {"name": "老店", "tier": 1, "trade_area": "school"}, located_in="region:3401")
    await twins.patch(SHOP, properties={"tier": 2}, desired={"tier": 9, "order_cycle_days": 7})
    await twins.patch(SHOP, properties={"tier": 5, "trade_area": None})
    await twins.patch(SHOP, properties={"tier": 4, "order_cycle_days": 7})
    return SHOP


async def _value(page: Page, name: str) -> str:
    return await row_of(page, name).get_by_test_id("value").inner_text()


async def test_each_value_says_who_told_it_when_and_what_is_wanted_instead(page: Page, shop: str):
    await open_twin(page, shop)

    tier = row_of(page, "tier")
    await expect(tier.get_by_test_id("value")).to_have_text("4")
    await expect(tier.get_by_test_id("desired")).to_contain_text("9")
    await expect(tier.get_by_test_id("value-source")).to_have_text("user:colleague")
    await expect(tier.get_by_test_id("value-age")).to_have_attribute("title", re.compile(r"learnt"))
    await expect(tier.get_by_test_id("sparkline")).to_have_attribute("aria-label", re.compile("4 values from 1 to 5"))
    await expect(row_of(page, "order_cycle_days").get_by_test_id("desired")).to_contain_text("as wanted")
    await expect(page.get_by_test_id("twin-title")).to_have_text("老店")


async def test_what_is_measured_after_the_state_is_shown_beside_its_value(
    page: Page, twins: Twins, common: CommonSettings
):
    await twins.put("machine:m1", "machine", {"speed_per_min": 7000.0})
    await open_twin(page, "machine:m1")
    moment = datetime.now(UTC) + timedelta(seconds=1)
    speed = Reading(
        id="machine:m1", model="machine", properties_json='{"speed_per_min": 7012.5}', source="scada:m1.speed"
    )
    speed.at.FromDatetime(moment)

    async with bus(common.nats_url, "test") as log:
        await tell(log, TwinReadings(readings=[speed]))
        reading = row_of(page, "speed_per_min").get_by_test_id("reading")
        await expect(reading).to_contain_text("live 7012.5")
    await expect(reading).to_have_attribute("title", re.compile("by scada:m1.speed"))
    await expect(row_of(page, "speed_per_min").get_by_test_id("value")).to_have_text("7000")
    await twins.patch("machine:m1", properties={"speed_per_min": 7013.0})
    await expect(row_of(page, "speed_per_min").get_by_test_id("value")).to_have_text("7013")
    await page.get_by_test_id("by-revision").click()
    await page.get_by_test_id("revision-slider").press("ArrowLeft")
    await expect(page.get_by_test_id("reading")).to_have_count(0)


async def test_the_slider_shows_an_older_state_and_what_has_changed_since(page: Page, shop: str):
    await open_twin(page, shop)
    await page.get_by_test_id("by-revision").click()

    slider = page.get_by_test_id("revision-slider")
    await slider.focus()
    for _ in range(2):
        await slider.press("ArrowLeft")
    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("2")
    differs = {name: await row_of(page, name).get_attribute("data-differs") for name in ("tier", "trade_area", "name")}
    await expect(row_of(page, "tier").get_by_test_id("difference")).to_contain_text("4")
    await page.get_by_test_id("to-now").click()
    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("4")

    assert differs == {"tier": "changed", "trade_area": "removed", "name": ""}


async def test_the_past_is_walked_by_time_and_before_the_beginning_there_was_nothing(page: Page, shop: str):
    await open_twin(page, shop)
    await expect(page.get_by_test_id("history-line")).to_have_count(4)

    await page.get_by_test_id("past-before").click()
    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("5")
    await page.get_by_test_id("time-entry").fill("2020-01-01T00:00:00")

    await expect(page.get_by_test_id("past-note")).to_contain_text("no such twin")


async def test_the_state_is_shown_as_it_was_known(page: Page, shop: str):
    await open_twin(page, shop)
    await page.get_by_test_id("known-toggle").check()

    await page.get_by_test_id("known-entry").fill("2020-01-01T00:00:00")

    await expect(page.get_by_test_id("past-note")).to_contain_text("no such twin")
    await page.get_by_test_id("known-toggle").uncheck()
    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("4")


async def test_a_line_of_the_history_leads_to_its_revision(page: Page, shop: str):
    await open_twin(page, shop)
    line = page.locator("[data-testid=history-line][data-revision='1']")
    await expect(line).to_contain_text("老店")

    await line.get_by_test_id("look-at").click()

    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("1")
    await expect(row_of(page, "trade_area").get_by_test_id("value")).to_have_text("school")


async def test_the_whole_history_is_downloaded_line_by_line(page: Page, shop: str):
    await open_twin(page, shop)

    async with page.expect_download() as file:
        await page.get_by_test_id("history-file").click()
    lines = (await (await file.value).path()).read_text("utf-8").splitlines()

    assert [json.loads(line)["revision"] for line in lines] == [1, 2, 3, 4]
    assert (await file.value).suggested_filename.endswith("-history.ndjson")


async def test_what_came_late_is_marked_and_was_not_known_before(page: Page, store: PostgresStore):
    await said(
        store,
        "line:late",
        ("mes", 9, 9, {"good_base": 100}),
        ("mes", 3, 3, {"good_base": 300}),
        ("mes", 6, 1, {"good_base": 200}),
    )
    await open_twin(page, "line:late")

    line = page.locator("[data-testid=history-line][data-late=true]")
    await expect(line).to_have_count(1)
    await expect(line).to_contain_text("200")
    await page.get_by_test_id("past-before").click()
    await expect(row_of(page, "good_base").get_by_test_id("value")).to_have_text("200")
    await page.get_by_test_id("known-toggle").check()
    await expect(row_of(page, "good_base").get_by_test_id("value")).to_have_text("100")


async def test_a_value_of_several_sources_shows_what_each_says_and_counts_and_that_they_disagree(
    page: Page, twins: Twins, store: PostgresStore
):
    await said(
        store,
        "line:several",
        ("scada", 1, 1, {"rate_base_per_h": 480_000}),
        ("mes", 1, 1, {"rate_base_per_h": 400_000}),
    )
    rule = {"method": "weighted", "variance": {"scada": 1e6, "*": 3e6}}
    answer = await twins.api.put(f"{RULES}/rate_base_per_h", json=rule, headers={"if-none-match": "*"})
    assert answer.status_code == 200, answer.text
    await open_twin(page, "line:several")
    row = row_of(page, "rate_base_per_h")
    await expect(row.get_by_test_id("value")).to_have_text("460,000")

    await expect(row.get_by_test_id("conflict-mark")).to_be_visible()
    await expect(row.get_by_test_id("fusion-open")).to_have_text("2 sources")
    await row.get_by_test_id("fusion-open").click()

    weights = {
        str(await each.get_attribute("data-source")): float(await each.get_attribute("data-weight") or 0)
        for each in await page.get_by_test_id("fusion-input").all()
    }
    assert weights == {"scada": pytest.approx(0.75), "mes": pytest.approx(0.25)}
    await expect(page.get_by_test_id("fusion-method")).to_contain_text("weighted mean")
    await expect(page.get_by_test_id("fusion-spread")).to_contain_text("400,000 – 480,000")
    await expect(page.get_by_test_id("fusion")).to_have_attribute("data-conflict", "true")


async def test_the_graph_is_walked_from_a_shop_to_its_province(page: Page, shop: str):
    await open_twin(page, shop)

    await page.locator("[data-testid=node][data-id='region:3401'] a").first.click()
    await expect(page.get_by_test_id("twin-id")).to_have_text("region:3401")
    city = page.locator("[data-testid=node][data-id='region:3401']")
    await expect(city.get_by_test_id("node-more")).to_have_text(re.compile(r"\+\d+"))
    await page.locator("[data-testid=node][data-id='region:34'] a").first.click()
    await expect(page.get_by_test_id("twin-id")).to_have_text("region:34")
    await page.get_by_test_id("depth-2").click()
    await expect(page.locator("[data-testid=node][data-id^='retailer:']").first).to_be_visible()
    nodes = await page.get_by_test_id("node").count()
    await page.go_back()
    await expect(page.get_by_test_id("twin-id")).to_have_text("region:3401")

    assert 4 < nodes <= 90


async def test_what_points_at_a_twin_is_listed_and_all_of_it_can_be_searched(page: Page, twins: Twins):
    await open_twin(page, "region:3402")
    await page.get_by_test_id("relations-list").click()
    await expect(page.locator("[data-testid=outgoing][data-name=part_of]")).to_contain_text("Anhui")

    await page.locator("[data-testid=incoming][data-name=located_in]").get_by_test_id("incoming-all").click()

    await expect(page.get_by_test_id("query")).to_have_value('eq(relations/located_in,"region:3402")')
    await expect(page.get_by_test_id("total")).to_have_attribute("data-total", "30")


async def test_a_change_appears_as_it_comes_and_waits_while_the_page_is_paused(page: Page, twins: Twins):
    await twins.put("retailer:live", "retailer", {"name": "直播店", "tier": 1})
    await open_twin(page, "retailer:live")

    await twins.patch("retailer:live", properties={"tier": 2})
    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("2")
    await expect(page.get_by_test_id("tail-entry")).to_have_count(1)
    await expect(page.get_by_test_id("history-line")).to_have_count(2)
    await page.get_by_test_id("tail-pause").click()
    await twins.patch("retailer:live", properties={"tier": 3})
    await expect(page.get_by_test_id("tail-pause")).to_contain_text("1")
    held = await _value(page, "tier")
    await page.get_by_test_id("tail-pause").click()
    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("3")

    assert held == "2"


async def test_a_twin_that_changes_faster_than_the_page_is_told_whole(page: Page, twins: Twins):
    await twins.put("retailer:busy", "retailer", {"name": "忙店", "tier": 1})
    await open_twin(page, "retailer:busy")

    for n in range(60):
        await twins.patch("retailer:busy", properties={"tier": n % 29 + 2})

    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("3")
    await expect(page.get_by_test_id("tail-entry")).to_have_count(60)
    await expect(page.get_by_test_id("history-line")).to_have_count(61)


async def test_the_tail_says_that_the_line_broke_and_misses_nothing(page: Page, twins: Twins):
    await twins.put("retailer:line", "retailer", {"name": "断线店", "tier": 1})
    broken = False

    async def relay(socket):
        if broken:
            await socket.close()
            return
        server = socket.connect_to_server()
        sockets.append(socket)
        socket.on_message(server.send)
        server.on_message(socket.send)

    sockets = []
    await page.route_web_socket(re.compile("/live$"), relay)
    await open_twin(page, "retailer:line")
    broken = True
    for socket in sockets:
        await socket.close()
    await expect(page.get_by_test_id("tail-state")).not_to_have_attribute("data-state", "open")
    await twins.patch("retailer:line", properties={"tier": 7})
    broken = False

    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("7")
    await expect(page.get_by_test_id("tail-entry")).to_have_count(1)


async def test_a_value_is_written_and_taken_back(page: Page, twins: Twins):
    await twins.put("retailer:edit", "retailer", {"name": "改店", "tier": 3})
    await open_twin(page, "retailer:edit")

    await row_of(page, "tier").get_by_test_id("edit").click()
    await page.get_by_test_id("edit-entry").fill("x")
    await expect(page.get_by_test_id("edit-save")).to_be_disabled()
    await page.get_by_test_id("edit-entry").fill("8")
    await page.get_by_test_id("edit-entry").press("Enter")
    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("8")
    written = await twins.get("retailer:edit")
    await page.get_by_test_id("undo").click()
    await expect(row_of(page, "tier").get_by_test_id("value")).to_have_text("3")

    assert (written["properties"]["tier"], written["source"]) == (8, "user:reader")
    assert (await twins.get("retailer:edit"))["revision"] == 3


async def test_a_wanted_value_is_written_beside_the_reported_one(page: Page, twins: Twins):
    await twins.put("retailer:wanted", "retailer", {"name": "愿店", "tier": 3})
    await open_twin(page, "retailer:wanted")

    await row_of(page, "tier").get_by_test_id("edit-desired").click()
    await page.get_by_test_id("edit-entry").fill("20")
    await page.get_by_test_id("edit-save").click()

    await expect(row_of(page, "tier").get_by_test_id("desired")).to_contain_text("20")
    assert (await twins.get("retailer:wanted"))["desired"] == {"tier": 20}


async def test_who_was_slower_sees_what_the_other_wrote_and_decides(page: Page, twins: Twins):
    await twins.put("retailer:race", "retailer", {"name": "快店", "tier": 3})
    await open_twin(page, "retailer:race")
    await row_of(page, "tier").get_by_test_id("edit").click()
    await twins.patch("retailer:race", properties={"tier": 11, "trade_area": "office"})
    await page.get_by_test_id("edit-entry").fill("12")

    await page.get_by_test_id("edit-save").click()

    conflict = page.get_by_test_id("conflict")
    await expect(conflict).to_contain_text("user:colleague")
    await expect(conflict.locator("[data-testid=change-line][data-name=tier]")).to_contain_text("11")
    await expect(conflict.locator("[data-testid=change-line][data-name=trade_area]")).to_contain_text("office")
    assert (await twins.get("retailer:race"))["properties"]["tier"] == 11
    await page.get_by_test_id("conflict-write").click()

    async def is_written() -> bool:
        return (await twins.get("retailer:race"))["properties"] == {"name": "快店", "tier": 12, "trade_area": "office"}

    await eventually(is_written)


async def test_who_may_only_read_is_offered_no_writing(browser: Browser, door: Door, shop: str):
    async with signed_in(browser, door, "account_manager") as context:
        page = await context.new_page()
        await open_twin(page, shop)
        await expect(row_of(page, "tier")).to_be_visible()

        assert await page.get_by_test_id("edit").count() == 0
        await page.goto("/#/models/line")
        await expect(page.get_by_test_id("model-property").first).to_be_visible()
        assert await page.get_by_test_id("rule-open").count() == 0


async def test_a_deleted_twin_says_so_while_it_is_looked_at(page: Page, twins: Twins):
    await twins.put("retailer:gone", "retailer", {"name": "别店"})
    await open_twin(page, "retailer:gone")

    await twins.api.delete("/api/v1/twins/retailer:gone", headers={"if-match": "*"})

    await expect(page.get_by_test_id("deleted")).to_be_visible()


async def test_a_twin_may_have_an_odd_id(page: Page, twins: Twins):
    await twins.put("retailer:红-双.喜", "retailer", {"name": "怪店"})
    await open_twin(page, "retailer:%E7%BA%A2-%E5%8F%8C.%E5%96%9C")

    await expect(page.get_by_test_id("twin-id")).to_have_text("retailer:红-双.喜")


async def test_a_twin_that_is_not_there_is_said_so_in_the_readers_words(browser: Browser, door: Door, twins: Twins):
    async with signed_in(browser, door, "analyst", locale="zh-CN") as context:
        page = await context.new_page()
        await page.goto("/#/twins/retailer:nobody")

        told = page.get_by_test_id("no-twin")
        await expect(told).to_contain_text("没有这个孪生体")
        await expect(told).to_contain_text("retailer:nobody")
        await told.get_by_role("link").click()
        await expect(page.get_by_test_id("search-page")).to_be_visible()


async def test_a_twin_of_which_nothing_is_said_yet_says_that_it_was_made_and_leads_nowhere(page: Page, twins: Twins):
    await twins.put("region:bare", "region", {})
    await open_twin(page, "region:bare")

    await expect(page.get_by_test_id("history-line")).to_contain_text("Created")
    await expect(page.get_by_test_id("graph")).to_contain_text("Nothing leads from or to this twin")
    await expect(page.get_by_test_id("node")).to_have_count(0)


async def test_what_is_chosen_is_told_apart_in_the_readers_own_colours(page: Page, shop: str):
    await page.emulate_media(forced_colors="active")
    await open_twin(page, shop)
    colours = "each => getComputedStyle(each).backgroundColor"

    for chosen, other in (("by-time", "by-revision"), ("tab-search", "tab-models"), ("nav-twins", "nav-map")):
        here, there = [await page.get_by_test_id(each).evaluate(colours) for each in (chosen, other)]
        assert here != there


async def test_the_page_speaks_chinese_and_fits_a_small_phone(browser: Browser, door: Door, shop: str):
    async with signed_in(browser, door, "admin", locale="zh-CN", width=360) as context:
        phone = await context.new_page()
        await open_twin(phone, shop)
        width = await phone.evaluate("document.querySelector('.page').scrollWidth")
        words = await phone.get_by_test_id("twin-page").inner_text()

    assert width <= 360
    assert not re.search(r"\b(History|Relations|Source|Age|Pause|now)\b", words)
