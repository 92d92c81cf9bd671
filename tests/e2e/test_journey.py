"""One record, from the door to the card on an account manager's phone and back, under one trace id."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any

import httpx
import pytest_asyncio

from chassis.testing import eventually
from tests.e2e.conftest import Stack
from tests.e2e.market import MANAGER, REGION, RUN, TODAY, WITHIN_S, Market, line, post

SERVICES = {"gateway", "ingest", "twin", "profile", "forecast", "recommend"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def market(api: httpx.AsyncClient) -> Market:
    market = Market(api)
    await market.open()
    return market


async def _one(api: httpx.AsyncClient, path: str, trace: str) -> dict[str, Any] | None:
    """The first item of a list, or the thing itself, that carries the trace."""
    response = await api.get(path)
    if response.status_code != 200:
        return None
    body = response.json()
    return next((item for item in body.get("items", [body]) if item["trace_id"] == trace), None)


async def _cards(stack: Stack, recommendation_ids: set[str]) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as client:
        messages = (await client.get(f"{stack.wecom}/stand-in/messages", params={"user": MANAGER})).json()
    listed = messages["items"] if isinstance(messages, dict) else messages
    return [each for each in listed if any(known in json.dumps(each) for known in recommendation_ids)]


def _services_in(stack: Stack, trace: str) -> set[str]:
    files = (stack.home / "data" / "telemetry").glob("*.jsonl")
    spans = (json.loads(text) for file in files for text in file.read_text().splitlines() if trace in text)
    return {span["service"] for span in spans if span["trace_id"] == trace}


async def test_a_record_reaches_twin_profile_forecast_recommendation_and_card_in_one_trace(
    api: httpx.AsyncClient, stack: Stack, market: Market
):
    trace = secrets.token_hex(16)
    shop, product = market.shops[2], market.skus[2]
    order = line(shop, product, TODAY, f"LIVE-{trace[:8]}", 1)

    await post(api, "commercial_order", order, traceparent=f"00-{trace}-{secrets.token_hex(8)}-01")

    twin = await eventually(lambda: _one(api, f"/twins/retailer:{shop}", trace), within_s=WITHIN_S)
    profile = await eventually(lambda: _one(api, f"/profiles/{shop}", trace), within_s=WITHIN_S)
    demand = f"/forecasts/demand?region={REGION}&sku={product}"
    forecast = await eventually(lambda: _one(api, demand, trace), within_s=WITHIN_S)
    recommended = f"/recommendations?retailer={shop}"
    recommendation = await eventually(lambda: _one(api, recommended, trace), within_s=WITHIN_S)
    listed = (await api.get(recommended)).json()["items"]
    cards = await eventually(lambda: _cards(stack, {each["id"] for each in listed}), within_s=WITHIN_S)
    assert twin["properties"]["last_order_no"] == order["order_no"]
    assert [each["sku"] for each in profile["purchases"]] == [product]
    assert forecast["quantiles"]["0.1"] <= forecast["value"] <= forecast["quantiles"]["0.9"]
    assert recommendation["reasons"]
    assert all(reason["text_zh"] and reason["text_en"] for reason in recommendation["reasons"])
    assert cards

    async def all_in_one_trace():
        return _services_in(stack, trace) >= SERVICES

    await eventually(all_in_one_trace, within_s=WITHIN_S)


async def test_a_click_on_the_card_comes_back_and_changes_the_recommendation(
    api: httpx.AsyncClient, stack: Stack, market: Market
):
    listed = (await api.get(f"/recommendations?retailer={market.shops[2]}")).json()["items"]
    (card, *_) = await eventually(lambda: _cards(stack, {each["id"] for each in listed}), within_s=WITHIN_S)
    recommendation_id = next(each["id"] for each in listed if each["id"] in json.dumps(card))

    async with httpx.AsyncClient(timeout=10) as client:
        clicked = await client.post(
            f"{stack.wecom}/stand-in/click",
            json={"msgid": card["msgid"], "user": MANAGER, "button_key": f"accept:{recommendation_id}"},
        )
    assert clicked.status_code == 200, clicked.text

    async def accepted():
        return (await api.get(f"/recommendations/{recommendation_id}")).json()["state"] == "accepted"

    await eventually(accepted, within_s=WITHIN_S)


async def test_the_record_is_in_the_book_and_in_the_statistics(api: httpx.AsyncClient, market: Market):
    shop = market.shops[1]
    asked = {"retailer": shop, "to": (TODAY - timedelta(days=1)).date().isoformat()}

    async def in_the_book():
        page = (await api.get("/orders", params={**asked, "with_total": True})).json()
        return page if page["total"] == 8 else None

    page = await eventually(in_the_book, within_s=WITHIN_S)
    grouped = {"group_by": "product", "measure": "qty_order_base"}
    by_product = (await api.get("/orders/statistics", params={**asked, **grouped})).json()
    download = await api.get("/orders", params={**asked, "format": "csv"})

    assert {item["retailer_code"] for item in page["items"]} == {shop}
    assert [group["value"] for group in by_product["items"]] == [4000, 4000]
    assert (by_product["total"], by_product["unit"]) == (8000, "stick")
    assert len(download.text.strip().splitlines()) == 9
    assert download.headers["content-type"].startswith("text/csv")


async def test_the_same_batch_again_is_counted_as_duplicate_and_stored_once(api: httpx.AsyncClient, market: Market):
    order = line(market.shops[1], market.skus[0], TODAY, f"TWICE-{RUN}", 1)
    first = await post(api, "commercial_order", [order])

    again = (await api.post("/records/commercial_order", json=[order])).json()

    assert first["accepted"] == 1
    assert (again["accepted"], again["duplicates"]) == (0, 1)

    async def stored_once():
        found = await api.get(f"/orders/TWICE-{RUN}")
        return found.status_code == 200 and len(found.json()["items"]) == 1

    await eventually(stored_once, within_s=WITHIN_S)
