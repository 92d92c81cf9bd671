"""Reports, differences and chains over REST, as JSON and as files."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import fastexcel
import httpx
import polars as pl
import pytest

from chassis.testing import eventually
from tests.gateway.market import TODAY, Market
from tests.gateway.problem import pointers_of, problem_of

CHINA = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "path", ["reports/suppliers", "reports/stock", "reports/late-orders", "reports/contradictions", "differences"]
)
async def test_a_report_comes_as_json_csv_and_workbook(api: httpx.AsyncClient, market: Market, path: str):
    answer = await api.get(f"/api/v1/{path}", params={"limit": 5})
    table = await api.get(f"/api/v1/{path}", params={"format": "csv"})
    book = await api.get(f"/api/v1/{path}", params={"format": "xlsx"})

    assert set(answer.json()) == {"items", "next_cursor"}
    assert table.text.startswith("\ufeff")
    assert fastexcel.read_excel(book.content).sheet_names


async def test_what_was_short_is_a_difference_and_open_orders_are_late(api: httpx.AsyncClient, market: Market):
    transfer = {
        "transfer_no": "TR-1",
        "line_no": 1,
        "permit_no": "P1",
        "to_org": "C-NV",
        "sku_code": "G-1",
        "qty_base": 1000,
        "received_base": 900,
        "status": "received",
        "planned_on": TODAY.date().isoformat(),
        "received_at": TODAY.isoformat(),
        "status_at": TODAY.isoformat(),
    }
    await market.post("transfer", [transfer])

    async def found() -> list[dict[str, object]]:
        answer = await api.get("/api/v1/differences", params={"type": "transfer_receipt"})
        items: list[dict[str, object]] = answer.json()["items"]
        return items

    [short] = await eventually(found)
    table = await api.get("/api/v1/differences", params={"type": "transfer_receipt", "format": "csv"})
    late = (await api.get("/api/v1/reports/late-orders", params={"equal": "no:O/0-4"})).json()["items"]
    chain = (await api.get("/api/v1/orders/TR-1/chain", params={"kind": "transfer"})).json()

    assert (short["key"], short["difference"], short["unit"]) == ("TR-1~1", "-100", "stick")
    assert pl.read_csv(io.StringIO(table.text.removeprefix("\ufeff")))["key"].to_list() == ["TR-1~1"]
    assert [row["line_no"] for row in late] == [1, 2, 3]
    # Days are those of China, where the next one may have begun.
    promised = TODAY.date() - timedelta(weeks=3)
    assert {row["days_late"] for row in late} == {(datetime.now(CHINA).date() - promised).days}
    assert [state["state"] for state in chain["states"]] == ["received"]
    assert chain["is_late"] is False


async def test_an_order_shows_its_chain_although_its_number_holds_a_slash(api: httpx.AsyncClient, market: Market):
    chain = (await api.get("/api/v1/orders/O/0-1/chain")).json()
    none = await api.get("/api/v1/orders/O/9-9/chain")

    assert [(state["line_no"], state["state"]) for state in chain["states"]] == [(n, "confirmed") for n in (1, 2, 3)]
    problem_of(none, 404, "order_not_found")


async def test_a_report_refuses_what_it_does_not_know(api: httpx.AsyncClient):
    problem_of(await api.get("/api/v1/reports/weather"), 422, "invalid_parameter")
    wrong = await api.get("/api/v1/reports/suppliers", params={"equal": "mood:good"})
    assert pointers_of(problem_of(wrong, 400, "invalid")) == ["/query/equal"]
    assert pointers_of(problem_of(await api.get("/api/v1/differences?type=x"), 400, "invalid")) == ["/query/type"]
