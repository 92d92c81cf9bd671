"""The console as a person sees it, in headless Chromium against the running stack."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from chassis.testing import eventually
from deploy.debian import find_browser
from tests.e2e.conftest import Stack
from tests.e2e.market import RUN, TODAY, WITHIN_S, Market, line

FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DRAWN_MS = 60_000
ANSWERED_MS = 20_000
BANDS = 5


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = find_browser()
    if path is None:
        assert not os.environ.get("CI"), "CI needs Chromium"
        pytest.skip("NO CHROMIUM on this machine: the console was not looked at")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser, sign_in_link: str) -> AsyncIterator[Page]:
    """A tab that came through the printed link, and what went wrong in it."""
    opened = await browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-US")
    opened.set_default_timeout(DRAWN_MS)
    await opened.goto(sign_in_link)
    yield opened
    await opened.close()


@pytest.fixture
def pictures(stack: Stack) -> Path:
    folder = stack.home / "pictures"
    folder.mkdir(exist_ok=True)
    return folder


async def test_the_map_shows_every_state_in_its_band(page: Page, pictures: Path):
    await page.wait_for_selector("html[data-ready=true] [data-testid=map-page]")

    await expect(page.get_by_test_id("legend-band")).to_have_count(BANDS)
    rows = page.get_by_test_id("region-row")
    await expect(rows).to_have_count(51)
    california = page.locator("[data-testid=region-row][data-region=US-CA]")
    assert re.search(r"\d", await california.inner_text())
    await page.screenshot(path=pictures / "map.png")
    assert await _colours(page) > 50, "an empty canvas has one colour"


async def _colours(page: Page) -> int:
    """Distinct colours of the drawn map, read back from a picture of the canvas."""
    picture = await page.get_by_test_id("map-canvas").screenshot()
    return int(
        await page.evaluate(
            """async (text) => {
                const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
                const image = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
                const canvas = new OffscreenCanvas(image.width, image.height);
                const context = canvas.getContext("2d");
                context.drawImage(image, 0, 0);
                const data = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
                return new Set(data).size;
            }""",
            base64.b64encode(picture).decode(),
        )
    )


async def test_a_region_explains_its_forecast(page: Page, pictures: Path):
    await page.locator("[data-testid=region-row][data-region=US-CA]").click()

    facts = page.get_by_test_id("forecast-inputs")
    await expect(facts).to_be_visible()
    await page.screenshot(path=pictures / "region.png")


async def test_the_signed_in_manager_sees_and_answers_recommendations(page: Page, pictures: Path):
    await page.get_by_test_id("nav-recommendations").click()
    row = page.locator(
        "[data-testid=recommendation-row][data-state=open], [data-testid=recommendation-row][data-state=shown]"
    ).first
    await expect(row).to_be_visible()
    answered = await row.get_attribute("data-id")
    await page.screenshot(path=pictures / "recommendations.png")

    await row.get_by_test_id("accept").click()

    accepted = page.locator(f"[data-testid=recommendation-row][data-id='{answered}']")
    await expect(accepted).to_have_attribute("data-state", "accepted", timeout=ANSWERED_MS)


async def test_the_sources_are_listed_with_what_they_sent(page: Page, pictures: Path):
    await page.get_by_test_id("nav-data").click()
    await expect(page.get_by_test_id("source-row").first).to_be_visible()

    received = [int(re.sub(r"\D", "", text)) for text in await page.get_by_test_id("source-received").all_inner_texts()]
    await page.screenshot(path=pictures / "sources.png")

    assert max(received) > 0


async def test_a_dropped_file_is_read_and_seen_on_the_screen(
    page: Page, api: httpx.AsyncClient, stack: Stack, pictures: Path
):
    market = Market(api)
    await market.open()
    folder = stack.home / "drop" / "commercial_order"
    orders = [line(market.shops[0], market.skus[0], TODAY, f"DROP-{RUN}", number) for number in (1, 2, 3)]
    written = folder / f".{RUN}.csv"
    written.write_text("\n".join([",".join(orders[0]), *(",".join(map(str, each.values())) for each in orders)]))
    written.rename(folder / f"{RUN}.csv")

    async def is_stored():
        found = (await api.get("/records/commercial_order", params={"equal": f"order_no:DROP-{RUN}"})).json()["items"]
        return len(found) == 3 or None

    async def is_counted():
        sources = (await api.get("/sources")).json()["items"]
        counts = {each["name"]: each["records"] for source in sources for each in source["connections"]}
        return counts["dropped_commercial_order"] == 3 or None

    await eventually(is_stored, within_s=WITHIN_S)
    # The page asks again every 10 s only.
    await eventually(is_counted, within_s=WITHIN_S)
    await page.get_by_test_id("nav-data").click()
    await page.get_by_test_id("tab-sources").click()
    connection = page.locator("[data-testid=connection-row][data-name=dropped_commercial_order]")
    await expect(connection).to_contain_text("3")
    await page.screenshot(path=pictures / "dropped.png")

    assert (folder / "done" / f"{RUN}.csv").exists()


async def test_a_record_set_aside_is_mended_and_replayed_on_the_screen(
    page: Page, api: httpx.AsyncClient, pictures: Path
):
    market = Market(api)
    await market.open()
    number = f"MEND-{RUN}"
    order = line(market.shops[0], market.skus[0], TODAY, number, 1)
    receipt = (await api.post("/records/commercial_order", json=[order | {"amount": "900.00"}])).json()
    assert receipt["quarantined"] == 1

    async def is_set_aside():
        return (await api.get("/quarantine", params={"search": number})).json()["total"] == 1 or None

    await eventually(is_set_aside, within_s=WITHIN_S)

    await page.get_by_test_id("tab-quarantine").click()
    await page.get_by_test_id("filter-search").fill(number)
    await expect(page.get_by_test_id("quarantine-row")).to_have_count(1)
    await page.get_by_test_id("open-item").click()
    item = page.get_by_test_id("quarantine-item")
    await expect(page.get_by_test_id("item-reasons")).to_contain_text("DQ-20")
    await page.locator("[data-testid=field][data-field=amount] [data-testid=entry]").fill("500.00")
    await page.get_by_test_id("save").click()
    await expect(item).to_have_attribute("data-state", "mended")
    await page.screenshot(path=pictures / "quarantine.png")
    await page.get_by_test_id("replay").click()
    await page.get_by_test_id("dialog-confirm").click()

    await expect(page.get_by_test_id("replay-result")).to_have_attribute("data-accepted", "1")
    await expect(item).to_have_attribute("data-state", "replayed")
    stored = (await api.get(f"/records/commercial_order/{number}~1")).json()
    assert float(stored["amount"]) == 500


async def test_the_lineage_of_the_mended_record_leads_from_its_source_to_the_book_and_on(page: Page, pictures: Path):
    await page.get_by_test_id("replayed-lineage").click()

    steps = page.get_by_test_id("lineage-step")
    await expect(page.locator("[data-testid=lineage-step][data-stage=book]")).to_be_visible()
    stages = {await step.get_attribute("data-stage") for step in await steps.all()}
    await page.screenshot(path=pictures / "lineage.png")

    assert stages >= {"source", "quarantine", "book"}


async def test_the_balance_adds_up_on_the_screen(page: Page, pictures: Path):
    await page.get_by_test_id("nav-data").click()
    await page.get_by_test_id("tab-quality").click()
    await expect(page.get_by_test_id("quality-row").first).to_be_visible()

    totals = {
        name: int(re.sub(r"\D", "", await page.get_by_test_id(f"total-{name}").inner_text()) or 0)
        for name in ("received", "stored", "duplicate", "quarantined", "rejected", "pending")
    }
    await page.screenshot(path=pictures / "quality.png")

    assert totals["received"] == sum(totals.values()) - totals["received"]


async def test_the_live_indicator_is_open(page: Page):
    await expect(page.get_by_test_id("live-indicator")).to_have_attribute("data-state", "open")


async def test_on_a_phone_nothing_scrolls_but_the_page(page: Page):
    await page.set_viewport_size({"width": 390, "height": 844})
    heights = []
    for tab in ("sources", "quality"):
        await page.get_by_test_id("nav-data").click()
        await page.get_by_test_id(f"tab-{tab}").click()
        await expect(page.locator("html")).to_have_attribute("data-ready", "true", timeout=DRAWN_MS)
        heights.append(await page.evaluate("[document.documentElement.scrollHeight, innerHeight]"))
    await page.set_viewport_size({"width": 1440, "height": 900})

    assert heights == [[844, 844]] * 2


async def test_the_sign_in_link_works_once(browser: Browser, sign_in_link: str, page: Page):
    second = await browser.new_page()
    await second.goto(sign_in_link)

    await expect(second.get_by_test_id("signin-message")).to_be_visible(timeout=DRAWN_MS)
    await expect(second.get_by_test_id("trade-notice")).to_be_visible()
    await second.close()


async def test_the_console_speaks_chinese(browser: Browser, stack: Stack, pictures: Path):
    context = await browser.new_context(locale="zh-CN", viewport={"width": 390, "height": 844})
    phone = await context.new_page()
    await phone.goto(stack.gateway)

    await expect(phone.get_by_test_id("signin-page")).to_contain_text("登录")
    await phone.screenshot(path=pictures / "sign-in-phone.png")
    await context.close()
