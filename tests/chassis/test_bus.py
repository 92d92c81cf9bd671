from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import pytest_asyncio

from chassis.bus import MAX_ATTEMPTS, Bus, Handler, Message, bus
from chassis.errors import Unavailable
from chassis.settings import CommonSettings
from chassis.telemetry import span, trace_id
from chassis.testing import eventually


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        await connected.ensure_stream("owner")
        yield connected


@asynccontextmanager
async def _hearing(log: Bus, subject: str, handle: Handler, durable: str | None = None) -> AsyncIterator[str]:
    durable = durable or f"d{uuid.uuid4().hex}"
    task = asyncio.create_task(log.consume(durable=durable, subjects=[subject], handle=handle))
    try:
        yield durable
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _subject() -> str:
    return f"marketwin.owner.v1.Thing.{uuid.uuid4().hex}"


async def test_messages_are_heard_in_the_order_they_were_published(log: Bus):
    subject, heard = _subject(), []

    async def handle(message: Message) -> None:
        heard.append(message.data)

    for number in range(300):
        await log.publish(subject, b"%d" % number, message_id=f"{subject}{number}")

    async with _hearing(log, subject, handle) as durable:

        async def all_heard():
            return len(heard) == 300 and await log.pending("OWNER", durable) == 0

        await eventually(all_heard)

    assert heard == [b"%d" % number for number in range(300)]


async def test_a_message_id_published_again_is_kept_once(log: Bus):
    subject, heard = _subject(), []

    async def handle(message: Message) -> None:
        heard.append(message.message_id)

    first = await log.publish(subject, b"x", message_id=f"{subject}-1")
    again = await log.publish(subject, b"x", message_id=f"{subject}-1")
    await log.publish(subject, b"x", message_id=f"{subject}-2")

    async with _hearing(log, subject, handle):
        await eventually(lambda: _is(len(heard) == 2))

    assert (first, again) == (False, True)
    assert heard == [f"{subject}-1", f"{subject}-2"]


async def _is(value: object) -> object:
    return value


async def test_a_message_that_always_fails_is_buried_with_its_reason_and_holds_nothing_up(log: Bus):
    subject, heard = _subject(), []

    async def handle(message: Message) -> None:
        heard.append(message.data)
        if message.data == b"bad":
            raise ValueError("13812345678")

    await log.publish(subject, b"bad", message_id=f"{subject}-bad")
    await log.publish(subject, b"good", message_id=f"{subject}-good")

    buried: list[Message] = []

    async def see(message: Message) -> None:
        buried.append(message)

    async with _hearing(log, subject, handle) as durable:
        await eventually(lambda: _is(b"good" in heard), within_s=20)
        async with _hearing_dead(log, durable, see):
            await eventually(lambda: _is(buried))

    assert heard == [b"bad"] * MAX_ATTEMPTS + [b"good"]
    assert buried[0].data == b"bad"
    assert buried[0].headers["Dead-Subject"] == subject
    assert buried[0].headers["Dead-Error"] == "ValueError"
    assert "13812345678" not in str(buried[0].headers)


@asynccontextmanager
async def _hearing_dead(log: Bus, durable: str, handle: Handler) -> AsyncIterator[None]:
    client = await nats.connect(log._client.connected_url.geturl())
    subscription = await client.jetstream().subscribe(f"dead.{durable}", ordered_consumer=True)

    async def read() -> None:
        async for raw in subscription.messages:
            await handle(Message(raw.subject, raw.data, "", 1, 0, dict(raw.headers or {})))

    task = asyncio.create_task(read())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()


async def test_a_message_waits_for_as_long_as_something_is_away(log: Bus):
    subject, attempts = _subject(), []

    async def handle(message: Message) -> None:
        attempts.append(message.data)
        if len(attempts) <= MAX_ATTEMPTS + 1:
            raise Unavailable("away")

    await log.publish(subject, b"x", message_id=subject)

    async with _hearing(log, subject, handle) as durable:

        async def handled():
            return len(attempts) == MAX_ATTEMPTS + 2 and await log.pending("OWNER", durable) == 0

        await eventually(handled, within_s=40)


async def test_a_consumer_goes_on_where_it_stopped(log: Bus):
    subject, heard = _subject(), []

    async def handle(message: Message) -> None:
        heard.append(message.data)

    await log.publish(subject, b"1", message_id=f"{subject}-1")
    async with _hearing(log, subject, handle) as durable:

        async def settled():
            return heard and await log.pending("OWNER", durable) == 0

        await eventually(settled)
    await log.publish(subject, b"2", message_id=f"{subject}-2")

    async with _hearing(log, subject, handle, durable):
        await eventually(lambda: _is(len(heard) == 2))

    assert heard == [b"1", b"2"]


async def test_the_trace_of_the_publisher_goes_on_in_the_handler(log: Bus):
    subject, heard = _subject(), []

    async def handle(message: Message) -> None:
        heard.append(trace_id())

    with span("publishing"):
        published = trace_id()
        await log.publish(subject, b"x", message_id=subject)

    async with _hearing(log, subject, handle):
        await eventually(lambda: _is(heard))

    assert published
    assert heard == [published]


async def test_followers_hear_what_is_published_from_now_on_with_growing_sequences(log: Bus):
    subject, heard = _subject(), []

    async def handle(message: Message) -> None:
        heard.append((message.data, message.sequence))

    await log.publish(subject, b"before", message_id=f"{subject}-0")
    task = asyncio.create_task(log.follow(subject, handle))
    try:

        async def first_heard():
            await log.publish(subject, b"now", message_id=uuid.uuid4().hex)
            return heard

        await eventually(first_heard)
        await log.publish(subject, b"last", message_id=f"{subject}-last")
        await eventually(lambda: _is(heard[-1][0] == b"last"))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    sequences = [sequence for _, sequence in heard]
    assert b"before" not in [data for data, _ in heard]
    assert sequences == sorted(set(sequences))
