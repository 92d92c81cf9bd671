"""The log goes away and comes back, and the door is killed meanwhile: what was acknowledged is booked, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
import redis.asyncio

from chassis.bus import bus
from chassis.db import Database, database, read_frame
from chassis.errors import ChassisError
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually, fresh_database
from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest.app import app
from services.ingest.settings import IngestSettings
from services.ingest.store import SCHEMA
from tests.ingest.builders import PHONE, sale
from tests.ingest.conftest import KEY
from tests.ingest.outage import Door, Nats, restartable_nats
from tests.ingest.running import Stub, at, balances, is_balanced, load_master, push


@pytest_asyncio.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    async with restartable_nats(tmp_path) as server:
        yield server


@pytest_asyncio.fixture
async def installation(
    common: CommonSettings, template: str, nats: Nats, tmp_path: Path
) -> AsyncIterator[CommonSettings]:
    client = redis.asyncio.from_url(common.redis_url)
    await client.flushall()
    await client.aclose()
    async with fresh_database(common.postgres_url, template=template) as url:
        yield common.model_copy(update={"postgres_url": url, "nats_url": nats.url, "data": tmp_path})


async def stored(db: Database) -> list[str]:
    async with db.transaction() as session:
        frame = await read_frame(session, "SELECT order_no FROM ingest.pos_sale ORDER BY ingested_at, line")
    return frame["order_no"].to_list() if frame.height else []


async def test_the_door_stays_open_while_the_log_is_away_and_the_log_hears_all_in_order(
    installation: CommonSettings, nats: Nats
):
    settings = IngestSettings(common=installation, token_key=KEY)
    async with (
        app(settings) as running,
        connect(running.address, service_pb2_grpc.IngestServiceStub, deadline_s=30) as stub,
        database(installation.postgres_url, SCHEMA) as db,
    ):
        await load_master(stub)
        first = sale(order_no="A0", sold_at=at(hours=1))
        before = await push(stub, "pos_sale", first)
        await nats.stop()
        during = [
            await push(stub, "pos_sale", sale(order_no=f"A{n}", sold_at=at(hours=1), consumer_phone=PHONE))
            for n in range(1, 6)
        ]
        refused = await push(stub, "pos_sale", sale(order_no="A9", qty=-1, sold_at=at(hours=1)))
        again = await push(stub, "pos_sale", first, key="new")
        spooled = b"".join(path.read_bytes() for path in settings.spool_folder.glob("*/*.spool"))
        await nats.start()

        async def all_booked() -> bool:
            return len(await stored(db)) == 6

        await eventually(all_booked, within_s=30)
        after = await push(stub, "pos_sale", sale(order_no="A6", sold_at=at(hours=1)))
        async with bus(nats.url, "test") as log:
            balance = (await balances(stub, log))["till", "pos_sale"]
        booked = await stored(db)

    assert booked == [f"A{n}" for n in range(7)]
    assert not before.spooled
    assert [(receipt.accepted, receipt.spooled) for receipt in during] == [(1, True)] * 5
    assert (refused.quarantined, refused.spooled, again.spooled, after.spooled) == (1, True, True, False)
    assert len(spooled) > 5000
    assert PHONE.encode() not in spooled
    assert (balance.received, balance.stored, balance.duplicate, balance.quarantined) == (9, 7, 1, 1)
    assert is_balanced(balance)
    assert list(settings.spool_folder.glob("*/*.spool")) == []


async def test_a_door_that_starts_before_the_log_spools_and_books_when_the_log_comes(
    installation: CommonSettings, nats: Nats
):
    await nats.stop()
    settings = IngestSettings(common=installation, token_key=KEY)
    async with (
        app(settings) as running,
        connect(running.address, service_pb2_grpc.IngestServiceStub, deadline_s=30) as stub,
        database(installation.postgres_url, SCHEMA) as db,
    ):
        await load_master(stub)
        first = sale(order_no="B0", sold_at=at(hours=1))
        early = await push(stub, "pos_sale", [first])
        again = await push(stub, "pos_sale", [first], key="B0")
        await nats.start()
        async with bus(nats.url, "test") as log:

            async def both_booked() -> bool:
                return await stored(db) == ["B0"] and bool(await balances(stub, log))

            await eventually(both_booked, within_s=30)
            late = await push(stub, "pos_sale", [sale(order_no="B1", sold_at=at(hours=1))])
            found = (await balances(stub, log))["till", "pos_sale"]

    assert (early.accepted, early.spooled, again.spooled, late.accepted, late.spooled) == (1, True, True, 1, False)
    assert (found.received, found.stored, found.duplicate) == (3, 2, 1)
    assert is_balanced(found)
    assert list(settings.spool_folder.glob("*/*.spool")) == []


async def test_what_a_killed_door_acknowledged_is_booked_once(installation: CommonSettings, nats: Nats, tmp_path: Path):
    door = Door(installation, nats.url, tmp_path, KEY)
    await door.start()
    acknowledged: list[str] = []
    sent: list[str] = []
    try:
        async with connect(door.address, service_pb2_grpc.IngestServiceStub, deadline_s=20) as stub:
            await load_master(stub)
            senders = [asyncio.create_task(keep_sending(stub, name, sent, acknowledged)) for name in "abcdefgh"]
            await many(acknowledged, 100)
            await nats.stop()
            await many(acknowledged, len(acknowledged) + 200)
            await door.kill()
            await asyncio.gather(*senders)
        await nats.start()
        await door.start()
        async with database(installation.postgres_url, SCHEMA) as db:

            async def all_booked() -> bool:
                return set(acknowledged) <= set(await stored(db))

            await eventually(all_booked, within_s=30)
            async with connect(door.address, service_pb2_grpc.IngestServiceStub) as stub, bus(nats.url, "test") as log:
                found = await balances(stub, log)
                booked = await stored(db)
    finally:
        await door.kill()

    assert len(booked) == len(set(booked))
    assert set(booked) <= set(sent)
    assert [row for row in found.values() if not is_balanced(row) or row.pending or row.duplicate] == []


async def keep_sending(stub: Stub, name: str, sent: list[str], acknowledged: list[str]) -> None:
    """Sends until nobody answers any more."""
    number = 0
    while True:
        order: Any = sale(order_no=f"{name}{number}", sold_at=at(hours=1))
        sent.append(order["order_no"])
        try:
            receipt = await push(stub, "pos_sale", order)
        except ChassisError:
            return
        assert receipt.accepted == 1
        acknowledged.append(order["order_no"])
        number += 1


async def many(acknowledged: list[str], count: int) -> None:
    async def enough() -> bool:
        return len(acknowledged) >= count

    await eventually(enough, within_s=60)
