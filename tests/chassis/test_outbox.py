from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from google.protobuf.wrappers_pb2 import StringValue

from chassis.app import background
from chassis.bus import Bus, Message, bus
from chassis.db import Database, database
from chassis.outbox import Relay, inbox_table, is_new, outbox_table, tell
from chassis.settings import CommonSettings
from chassis.telemetry import span, trace_id
from chassis.testing import eventually
from marketwin.twin.v1 import events_pb2

METADATA = sa.MetaData(schema="boxes")
INBOX = inbox_table(METADATA)
OUTBOX = outbox_table(METADATA)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def db(common: CommonSettings) -> AsyncIterator[Database]:
    async with database(common.postgres_url, "boxes") as opened:
        async with opened.engine.begin() as connection:
            await connection.execute(sa.schema.CreateSchema("boxes"))
            await connection.run_sync(METADATA.create_all)
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        await connected.ensure_stream("twin")
        yield connected


async def test_a_message_is_new_once_per_consumer(db: Database):
    async def mark(consumer: str) -> bool:
        async with db.transaction() as session:
            return await is_new(session, INBOX, consumer, "m1")

    assert [await mark("a"), await mark("a"), await mark("b")] == [True, False, True]


async def test_a_mark_that_did_not_commit_does_not_count(db: Database):
    async def mark_and_fail() -> None:
        async with db.transaction() as session:
            assert await is_new(session, INBOX, "c", "m2")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await mark_and_fail()

    async with db.transaction() as session:
        assert await is_new(session, INBOX, "c", "m2")


@asynccontextmanager
async def _relaying(db: Database, log: Bus) -> AsyncIterator[Relay]:
    relay = Relay(db, log, OUTBOX)
    async with background() as tasks:
        tasks.spawn(relay.run(), name="relay")
        yield relay


@asynccontextmanager
async def _hearing(log: Bus, key: str, handle: Callable[[Message], Awaitable[None]]) -> AsyncIterator[None]:
    async with background() as tasks:
        hearing = log.consume(durable=key, subjects=[f"marketwin.twin.v1.TwinChanged.{key}"], handle=handle)
        tasks.spawn(hearing, name="hearing")
        yield


async def test_what_is_told_is_published_once_in_order_and_in_its_trace(db: Database, log: Bus):
    key, heard = uuid.uuid4().hex, []

    async def handle(message: Message) -> None:
        heard.append((events_pb2.TwinChanged.FromString(message.data).twins[0].id, trace_id()))

    events = [events_pb2.TwinChanged() for _ in range(150)]
    for number, event in enumerate(events):
        event.twins.add(id=str(number))

    async with _hearing(log, key, handle), _relaying(db, log) as relay:
        with span("telling"):
            told_in = trace_id()
            async with db.transaction() as session:
                await tell(session, OUTBOX, events, key=key)
        relay.wake()

        async def all_heard():
            return len(heard) >= 150

        async def none_left():
            async with db.transaction() as session:
                return await session.scalar(sa.select(sa.func.count()).select_from(OUTBOX)) == 0

        await eventually(all_heard)
        # They are heard a moment before the relay has noted that they are told.
        await eventually(none_left)

    assert told_in
    assert heard == [(str(number), told_in) for number in range(150)]


async def test_rows_that_are_not_deleted_yet_are_not_published_again(
    db: Database, log: Bus, monkeypatch: pytest.MonkeyPatch
):
    published: list[str] = []
    publish = log.publish

    async with _relaying(db, log) as relay:

        async def publish_and_wake(subject: str, data: bytes, *, message_id: str, **named: Any) -> bool:
            published.append(message_id)
            if len(published) < 5:
                # There is more to do: the deletion has to wait.
                relay.wake()
            return await publish(subject, data, message_id=message_id, **named)

        monkeypatch.setattr(log, "publish", publish_and_wake)
        async with db.transaction() as session:
            await tell(session, OUTBOX, [_of("one"), _of("two")], key=uuid.uuid4().hex)
        relay.wake()

        async def none_left() -> bool:
            async with db.transaction() as session:
                return await session.scalar(sa.select(sa.func.count()).select_from(OUTBOX)) == 0

        await eventually(none_left)

    assert len(published) == 2


async def test_two_relays_publish_each_once_and_in_order(db: Database, log: Bus):
    key, heard = uuid.uuid4().hex, []

    async def handle(message: Message) -> None:
        heard.append(events_pb2.TwinChanged.FromString(message.data).twins[0].id)

    async with _hearing(log, key, handle), _relaying(db, log) as one, _relaying(db, log) as other:
        for number in range(60):
            async with db.transaction() as session:
                await tell(session, OUTBOX, [_of(f"{number}.{part}") for part in range(3)], key=key)
            for relay in (one, other) if number % 3 else (other,):
                relay.wake()

        async def nothing_left() -> bool:
            async with db.transaction() as session:
                return await session.scalar(sa.select(sa.func.count()).select_from(OUTBOX)) == 0

        await eventually(nothing_left)

        async def all_heard() -> bool:
            return len(heard) >= 180

        await eventually(all_heard)

    assert heard == [f"{number}.{part}" for number in range(60) for part in range(3)]


async def test_what_is_told_in_a_transaction_that_fails_is_never_published(db: Database):
    async def tell_and_fail() -> None:
        async with db.transaction() as session:
            await tell(session, OUTBOX, [StringValue(value="x")])
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await tell_and_fail()

    async with db.transaction() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(OUTBOX)) == 0


async def test_a_transaction_that_began_earlier_and_commits_while_others_are_published_is_told_too(
    db: Database, log: Bus, monkeypatch: pytest.MonkeyPatch
):
    """Its rows have lower numbers than those that are published when it commits."""
    key, heard = uuid.uuid4().hex, []
    may_commit, has_committed = asyncio.Event(), asyncio.Event()
    publish = log.publish

    async def handle(message: Message) -> None:
        heard.append(events_pb2.TwinChanged.FromString(message.data).twins[0].id)

    async def tell_slowly() -> None:
        async with db.transaction() as session:
            await tell(session, OUTBOX, [_of("early")], key=key)
            told.set()
            await may_commit.wait()
        has_committed.set()

    async def publish_meanwhile(*args: Any, **named: Any) -> bool:
        may_commit.set()
        await has_committed.wait()
        return await publish(*args, **named)

    told = asyncio.Event()
    monkeypatch.setattr(log, "publish", publish_meanwhile)
    slow = asyncio.create_task(tell_slowly())
    await told.wait()
    async with db.transaction() as session:
        await tell(session, OUTBOX, [_of("late")], key=key)
    hearing = asyncio.create_task(
        log.consume(durable=key, subjects=[f"marketwin.twin.v1.TwinChanged.{key}"], handle=handle)
    )
    async with _relaying(db, log):

        async def both_heard() -> bool:
            return len(heard) >= 2

        await eventually(both_heard)
    hearing.cancel()
    await asyncio.gather(slow, hearing, return_exceptions=True)

    assert heard == ["late", "early"]


def _of(twin_id: str) -> events_pb2.TwinChanged:
    event = events_pb2.TwinChanged()
    event.twins.add(id=twin_id)
    return event
