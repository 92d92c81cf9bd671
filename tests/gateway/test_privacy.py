"""Being forgotten over HTTP, and that no service but ingest ever held who a consumer is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import nats
import pytest

from chassis.testing import eventually
from services.ingest.domain.privacy.tokens import TokenKey
from tests.gateway.house import House
from tests.gateway.market import Market
from tests.gateway.problem import problem_of

PHONE = "13600009999"


async def _tables_with(url: str, text: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = set()
        for schema, name in tables:
            if await connection.fetchval(f'SELECT count(*) FROM "{schema}"."{name}" t WHERE t::text LIKE $1', text):
                found.add(f"{schema}.{name}")
        return found
    finally:
        await connection.close()


async def _all_heard(nats_url: str) -> None:
    bus = await nats.connect(nats_url)

    async def nothing_waits() -> bool:
        streams = await bus.jsm().streams_info()
        consumers = [each for stream in streams for each in await bus.jsm().consumers_info(str(stream.config.name))]
        return not any(each.num_pending or each.num_ack_pending for each in consumers if each.config.durable_name)

    try:
        await eventually(nothing_waits, within_s=60)
    finally:
        await bus.close()


async def test_a_consumer_is_known_to_ingest_alone_and_then_to_nobody(
    whole: House, market: Market, api: httpx.AsyncClient
):
    token = TokenKey("k1", b"t" * 32).token(PHONE)
    linked = {"consumer_phone": PHONE, "consumer_id": "c-9", "consent_ref": "cn-9"}
    answered = await api.post("/api/v1/records/pos_sale", json=[{**_sale(market), **linked}])
    assert answered.json()["accepted"] == 1, answered.text
    await _all_heard(whole.common.nats_url)
    held_before = await _tables_with(whole.common.postgres_url, f"%{token}%")

    done = await api.post("/api/v1/privacy/requests", json={"type": "erase", "token": token, "reason": "by letter"})

    listed = (await api.get("/api/v1/privacy/requests", params={"limit": 1})).json()
    assert held_before == {"ingest.pos_sale"}
    assert done.status_code == 202, done.text
    assert done.json()["finished_at"], done.text
    assert {each["store"]: each["left"] for each in done.json()["stores"]} == dict.fromkeys(
        ("book", "superseded", "quarantine", "history", "cache", "log"), 0
    )
    assert listed["items"] == [done.json()]
    assert token not in done.text
    assert await _tables_with(whole.common.postgres_url, f"%{token}%") == set()
    assert await _tables_with(whole.common.postgres_url, f"%{PHONE}%") == set()


def _sale(market: Market) -> dict[str, Any]:
    return {
        "retailer_code": next(iter(market.shops)),
        "order_no": "PRIVACY-1",
        "line_no": 1,
        "sku_code": market.skus[0],
        "unit_price": "12.00",
        "unit": "pack",
        "qty": 2,
        "amount": "24.00",
        "sold_at": (datetime.now(UTC) - timedelta(hours=2)).isoformat(),
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"type": "erase", "reason": "x"}, "/token"),
        ({"type": "erase", "token": PHONE, "reason": "x"}, "/token"),
        ({"type": "withdraw", "token": "k1:" + "a" * 64, "reason": "x"}, "/consent_refs"),
    ],
)
async def test_a_request_that_names_nobody_is_a_problem_without_an_echo(
    api: httpx.AsyncClient, body: dict[str, str], pointer: str
):
    answer = await api.post("/api/v1/privacy/requests", json=body)

    problem = problem_of(answer, 400, "invalid", hides=PHONE)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert PHONE not in answer.text
