"""Pages of twins in a browser, and what sources say of twins behind it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Locator, Page, expect

from services.twin import usecases
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin
from services.twin.store import PostgresStore

HOUR = timedelta(hours=1)


async def open_twin(page: Page, twin_id: str) -> None:
    await page.goto(f"/#/twins/{twin_id}")
    await expect(page.get_by_test_id("twin-page")).to_be_visible()
    await expect(page.get_by_test_id("tail-state")).to_have_attribute("data-state", "open")


def row_of(page: Page, name: str) -> Locator:
    """The line of one property."""
    return page.locator(f"[data-testid=state-row][data-name={name}]")


async def said(store: PostgresStore, twin_id: str, *told: tuple[str, float, float, dict[str, Any]]) -> None:
    """What sources said of a line: hours ago when it was true and when it was learnt."""
    now = datetime.now(UTC)
    sightings = [
        Sighting.of(twin_id, properties, (), Origin.of(now - true * HOUR, now - known * HOUR, source, ""))
        for source, true, known, properties in told
    ]
    for each in sightings:
        await usecases.seed(store, [each])
