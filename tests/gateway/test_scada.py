"""Minutes and gaps of machines over REST."""

from __future__ import annotations

import httpx

from chassis.testing import eventually
from tests.gateway.market import TAG, Market


async def test_minutes_and_gaps_come_as_json_and_as_a_table(api: httpx.AsyncClient, market: Market) -> None:
    async def all_samples() -> bool:
        minutes = (await api.get("/api/v1/scada/minutes", params={"tag": TAG})).json()["items"]
        return sum(minute["n"] for minute in minutes) == 40

    await eventually(all_samples, within_s=30)
    gaps = (await api.get("/api/v1/scada/gaps", params={"machine": "g.m1"})).json()["items"]
    table = await api.get("/api/v1/scada/gaps", params={"tag": TAG, "format": "csv"})

    assert [(gap["reason"], gap["seconds"], gap["missing"]) for gap in gaps][1:] == [("no_samples", 21.0, 20)]
    assert gaps[0]["to_at"] is None
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.text.splitlines()[0].lstrip("\ufeff") == "tag,machine,reason,from_at,to_at,seconds,missing"
    assert len(table.text.splitlines()) == 3


async def test_a_span_that_cannot_be_read_is_a_problem(api: httpx.AsyncClient, market: Market) -> None:
    answer = await api.get("/api/v1/scada/minutes", params={"tag": TAG, "from": "yesterday"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/query/from"
