"""The way of a record over REST: back to its body, and on to what was made from it."""

from __future__ import annotations

from typing import Any

import httpx

from chassis.testing import eventually
from tests.gateway.house import House, door
from tests.gateway.market import Market
from tests.gateway.problem import problem_of


async def _order(api: httpx.AsyncClient) -> dict[str, Any]:
    record: dict[str, Any] = (await api.get("/api/v1/records/commercial_order/O/0-1~1")).json()
    return record


async def test_an_order_leads_to_its_body_and_to_what_was_made_from_it(api: httpx.AsyncClient, market: Market):
    record = await _order(api)

    async def whole() -> dict[str, Any] | None:
        found: dict[str, Any] = (await api.get(f"/api/v1/lineage/{record['record_id']}")).json()
        return found if {"twin", "profile"} <= {step["stage"] for step in found["steps"]} else None

    found = await eventually(whole, within_s=30)
    by_stage: dict[str, list[dict[str, Any]]] = {}
    for step in found["steps"]:
        by_stage.setdefault(step["stage"], []).append(step)

    assert (found["kind"], found["key"], found["missing"]) == ("commercial_order", "O/0-1~1", [])
    assert {"source", "batch", "message", "book", "history", "twin", "profile"} <= by_stage.keys()
    assert by_stage["batch"][0]["id"] == record["batch_id"]
    assert by_stage["batch"][0]["detail"]["sent_by"] == "tester"
    [book] = by_stage["book"]
    assert (await api.get(book["link"])).json()["record_id"] == record["record_id"]
    changed = {step["id"]: step for step in by_stage["twin"]}
    assert changed["retailer:G-A"]["exact"] is True
    assert (await api.get(changed["retailer:G-A"]["link"])).status_code == 200
    assert by_stage["profile"][0]["id"] == "G-A"
    assert by_stage["profile"][0]["detail"]["model_version"]
    assert all(step["detail"]["model_version"] for step in by_stage.get("recommendation", []))


async def test_what_cannot_be_asked_is_named_and_the_rest_is_told(whole: House, api: httpx.AsyncClient, market: Market):
    record = await _order(api)
    addresses = {name: address for name, address in whole.addresses.items() if name != "twin_address"}
    async with door(whole.common, **addresses) as opened:
        client = await opened.client("analyst")

        found = (await client.get(f"/api/v1/lineage/{record['record_id']}")).json()

    assert found["missing"] == ["twin"]
    assert "book" in {step["stage"] for step in found["steps"]}


async def test_a_record_set_aside_has_a_way_and_nobody_has_none(api: httpx.AsyncClient, market: Market):
    item = await market.set_aside("LINEAGE")

    found = (await api.get(f"/api/v1/lineage/{item['id']}")).json()

    assert (found["kind"], found["key"]) == ("store_check", "")
    [aside] = [step for step in found["steps"] if step["stage"] == "quarantine"]
    assert (aside["id"], aside["detail"]["rules"]) == (item["id"], ["DQ-10"])
    assert (await api.get(aside["link"])).json()["id"] == item["id"]
    problem_of(await api.get("/api/v1/lineage/nobody"), 404, "unknown_record")
