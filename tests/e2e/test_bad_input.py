"""Bad input gets a problem or a reason with a pointer, and nothing is lost or half stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from chassis.testing import eventually
from tests.e2e.market import RUN, TODAY, WITHIN_S, Market, line

PROBLEM = "application/problem+json"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def market(api: httpx.AsyncClient) -> Market:
    market = Market(api)
    await market.open()
    return market


async def _totals(api: httpx.AsyncClient) -> dict[str, int]:
    items = (await api.get("/quality")).json()["items"]
    own = [item for item in items if item["kind"] == "commercial_order" and item["source"] == "api"]
    return {
        name: sum(item[name] for item in own)
        for name in ("received", "stored", "duplicate", "quarantined", "rejected", "pending")
    }


async def _settled(api: httpx.AsyncClient) -> dict[str, int]:
    """The totals once nothing is on its way any more."""

    async def nothing_pending():
        totals = await _totals(api)
        return totals if totals["pending"] == 0 else None

    return await eventually(nothing_pending, within_s=WITHIN_S)


def _assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert len(problem["trace_id"]) == 32
    return problem


@pytest.mark.parametrize("body", [b'{"order_no": ', b"[1, 2", b"\xff\xfe\x00", b"nothing", b'[{"a": 1},]'])
async def test_malformed_json_is_refused_whole_with_its_place(api: httpx.AsyncClient, body: bytes):
    before = await _settled(api)

    response = await api.post("/records/commercial_order", content=body, headers={"content-type": "application/json"})

    problem = _assert_problem(response, 400)
    assert problem["errors"][0]["rule"]
    assert "pointer" in problem["errors"][0]
    assert await _settled(api) == before


async def test_an_unknown_kind_is_not_found(api: httpx.AsyncClient):
    _assert_problem(await api.post("/records/spaceship", json=[{}]), 404)


async def test_an_unknown_content_type_is_refused(api: httpx.AsyncClient):
    response = await api.post("/records/sku", content=b"x", headers={"content-type": "image/png"})

    _assert_problem(response, 415)


async def test_a_body_of_50_mb_is_refused_and_nothing_of_it_is_stored(api: httpx.AsyncClient):
    before = await _settled(api)

    async def parts():
        for _ in range(50):
            yield b" " * 1_000_000

    announced = await api.post(
        "/records/commercial_order",
        content=b"[" + b" " * 50_000_000 + b"]",
        headers={"content-type": "application/json"},
    )
    _assert_problem(announced, 413)
    try:
        unannounced = await api.post(
            "/records/commercial_order", content=parts(), headers={"content-type": "application/json"}
        )
        _assert_problem(unannounced, 413)
    except httpx.WriteError:
        pass  # the server may stop listening before everything is sent
    assert await _settled(api) == before


@pytest.mark.parametrize("token", ["x", "nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."])
async def test_an_unknown_token_is_refused(api: httpx.AsyncClient, token: str):
    response = await api.post("/records/sku", json=[{}], headers={"Authorization": f"Bearer {token}"})

    _assert_problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")


BAD_LINES = [
    ({"qty_order_base": -200, "qty_demand_base": -200}, "DQ-22", "quarantined"),
    ({"qty_order_base": "many", "qty_demand_base": "many"}, "DQ-02", "rejected"),
    ({"order_no": None}, "DQ-01", "rejected"),
    ({"order_no": "  "}, "DQ-01", "rejected"),
    ({"amount": "900.00"}, "DQ-20", "quarantined"),
    ({"ordered_at": (TODAY + timedelta(days=30)).isoformat()}, "DQ-07", "quarantined"),
    ({"ordered_at": "1999-12-31T00:00:00Z"}, "DQ-07", "quarantined"),
    ({"sku_code": "NOBODY-KNOWS"}, "DQ-10", "quarantined"),
    ({"retailer_code": "NOBODY-KNOWS"}, "DQ-11", "quarantined"),
]


@pytest.mark.parametrize(("change", "rule", "fate"), BAD_LINES, ids=[f"{c[1]}-{n}" for n, c in enumerate(BAD_LINES)])
async def test_a_bad_record_is_set_aside_with_its_rule_and_the_good_one_beside_it_is_stored(
    api: httpx.AsyncClient, market: Market, change: dict[str, Any], rule: str, fate: str
):
    number = BAD_LINES.index((change, rule, fate))
    good = line(market.shops[0], market.skus[0], TODAY, f"GOOD-{RUN}-{number}", 1)
    bad = {**line(market.shops[0], market.skus[0], TODAY, f"BAD-{RUN}-{number}", 1), **change}
    before = await _settled(api)

    receipt = (await api.post("/records/commercial_order", json=[good, bad])).json()

    assert (receipt["accepted"], receipt[fate]) == (1, 1), receipt
    reason = next(each for each in receipt["reasons"] if each["rule"] == rule)
    assert reason["pointer"].startswith("/1")
    assert reason["message"]

    async def accounted_for():
        now = await _totals(api)
        settled = now["received"] == before["received"] + 2 and now["pending"] == 0
        return now if settled and now["stored"] == before["stored"] + 1 else None

    now = await eventually(accounted_for, within_s=WITHIN_S)
    assert now[fate] == before[fate] + 1


async def test_full_width_digits_and_separators_are_mended_and_the_original_is_kept(
    api: httpx.AsyncClient, market: Market
):
    order = {
        **line(market.shops[0], market.skus[0], TODAY, f"WIDE-{RUN}", 1),
        "qty_order_base": "１,０００",
        "qty_demand_base": "１０００",
        "amount": "500.00元",
    }

    receipt = (await api.post("/records/commercial_order", json=[order])).json()

    assert (receipt["accepted"], receipt["repaired"]) == (1, 1), receipt

    async def stored():
        found = await api.get(f"/orders/WIDE-{RUN}")
        return found.json()["items"][0] if found.status_code == 200 else None

    kept = await eventually(stored, within_s=WITHIN_S)
    assert kept["qty_order_base"] == 1000
    assert kept["amount"] == "500.00"
    assert "１,０００" in str(kept["originals"])


async def test_gbk_csv_is_read_as_chinese(api: httpx.AsyncClient):
    text = f"org_code,kind,adcode,name\r\nC-GBK-{RUN},city_commercial,US-NV,合肥市烟草公司\r\n"

    receipt = await api.post("/records/org", content=text.encode("gbk"), headers={"content-type": "text/csv"})

    assert receipt.status_code == 202, receipt.text
    assert receipt.json()["accepted"] == 1

    async def stored():
        items = (await api.get(f"/records/org/C-GBK-{RUN}")).json()
        return items if items.get("name") else None

    assert (await eventually(stored, within_s=WITHIN_S))["name"] == "合肥市烟草公司"


async def test_a_bad_parameter_is_named_by_pointer(api: httpx.AsyncClient):
    problem = _assert_problem(await api.get("/orders", params={"limit": 0}), 422)

    assert problem["errors"][0]["pointer"] == "/query/limit"
