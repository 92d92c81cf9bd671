"""A raw phone number that came in is found nowhere: not on disk, in logs, traces or the database."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import psutil
import pytest_asyncio

from chassis.testing import eventually
from tests.e2e.conftest import Stack
from tests.e2e.market import RUN, TODAY, WITHIN_S, Market

# Eleven digits that no generated id of the house can hold by chance together.
PHONE = "13987650421"
CONSUMER = "wx-consumer-7f3a9c51d2"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def market(api: httpx.AsyncClient) -> Market:
    market = Market(api)
    await market.open()
    return market


def _sale(market: Market, number: int, **more: object) -> dict[str, object]:
    return {
        "retailer_code": market.shops[0],
        "order_no": f"POS-{RUN}-{number}",
        "line_no": 1,
        "sku_code": market.skus[0],
        "unit_price": "12.00",
        "unit": "pack",
        "qty": 2,
        "amount": "24.00",
        "sold_at": TODAY.isoformat(),
        **more,
    }


async def test_a_raw_phone_number_is_found_nowhere(api: httpx.AsyncClient, stack: Stack, market: Market):
    sales = [
        _sale(market, 1, consumer_phone=PHONE, consumer_id=CONSUMER, consent_ref="cn-1"),
        _sale(market, 2, consumer_phone=f"+86 {PHONE}"),
        _sale(market, 3, consumer_phone=PHONE, sku_name_raw=f"call {PHONE}", sku_code="NOBODY-KNOWS"),
        _sale(market, 4, consumer_phone=PHONE, qty=-2),
        _sale(market, 5, consumer_phone=PHONE, amount="abc"),
        _sale(market, 6, note=f"打给{PHONE}"),
    ]

    answered = await api.post("/records/pos_sale", json=sales)
    malformed = await api.post(
        "/records/pos_sale",
        content=f'[{{"consumer_phone": "{PHONE}"'.encode(),
        headers={"content-type": "application/json"},
    )

    assert answered.status_code == 202, answered.text
    assert malformed.status_code == 400
    assert PHONE not in answered.text + malformed.text
    assert CONSUMER not in answered.text

    async def stored():
        page = (await api.get("/records/pos_sale", params={"retailer": market.shops[0]})).json()
        return page["items"] if len(page["items"]) >= 3 else None

    items = await eventually(stored, within_s=WITHIN_S)
    by_order = {item["order_no"]: item for item in items}
    assert re.fullmatch(r"k1:[0-9a-f]{32,}", by_order[f"POS-{RUN}-1"]["phone_token"])
    assert by_order[f"POS-{RUN}-2"]["phone_token"] is None  # no consent: the sale is kept, the link is not
    quarantined = (await api.get("/quarantine", params={"kind": "pos_sale"})).text
    assert PHONE not in str(items) + quarantined
    assert PHONE.encode() not in await _dump(stack)
    _assert_on_no_disk(stack.home, (PHONE.encode(), CONSUMER.encode()))


async def _dump(stack: Stack) -> bytes:
    """Every row of every table as text."""
    connection = await asyncpg.connect(_postgres_url(stack))
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        assert len(tables) > 10
        parts = []
        for schema, name in tables:
            rows = await connection.fetch(f'SELECT t::text FROM "{schema}"."{name}" t')
            parts.extend(row[0] for row in rows)
        return "\n".join(part for part in parts if part).encode()
    finally:
        await connection.close()


def _postgres_url(stack: Stack) -> str:
    """From the environment of a service of the stack."""
    url = psutil.Process(stack.pids["twin"]).environ()["MARKETWIN_POSTGRES_URL"]
    assert urlsplit(url).hostname == "127.0.0.1"
    return url


def _assert_on_no_disk(home: Path, secrets: tuple[bytes, ...]) -> None:
    searched = 0
    for path in home.rglob("*"):
        if not path.is_file() or path.is_socket():
            continue
        content = path.read_bytes()
        searched += len(content)
        for secret in secrets:
            assert secret not in content, f"found in {path}"
    assert searched > 1_000_000
