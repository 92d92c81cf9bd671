from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import nats
import pytest_asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.bus import MAX_ATTEMPTS, Bus, GroupHandler, Handler, Message, bus
from chassis.errors import Unavailable
from chassis.replay import follow
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
    task = asyncio.create_task(follow(log, subject, handle))
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


@asynccontextmanager
async def _hearing_many(
    log: Bus, subject: str, handle: GroupHandler, durable: str | None = None, **limits: float
) -> AsyncIterator[str]:
    durable = durable or f"d{uuid.uuid4().hex}"
    work = log.consume_many(durable=durable, subjects=[subject], handle=handle, **limits)  # type: ignore[arg-type]  # limits by name
    task = asyncio.create_task(work)
    try:
        yield durable
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _publish(log: Bus, subject: str, count: int, data: bytes = b"%d") -> None:
    for number in range(count):
        await log.publish(subject, data % number if b"%d" in data else data, message_id=f"{subject}{number}")


async def test_what_has_gathered_is_heard_in_one_call_in_order(log: Bus):
    subject, groups = _subject(), []

    async def handle(messages: Sequence[Message]) -> None:
        groups.append([message.data for message in messages])

    await _publish(log, subject, 300)

    async with _hearing_many(log, subject, handle) as durable:

        async def all_heard():
            return sum(map(len, groups)) == 300 and await log.pending("OWNER", durable) == 0

        await eventually(all_heard)

    assert [data for group in groups for data in group] == [b"%d" % number for number in range(300)]
    assert max(map(len, groups)) > 8
    assert len(groups) < 60


async def test_a_group_stays_within_its_bytes_and_a_large_message_comes_alone(log: Bus):
    subject, groups = _subject(), []

    async def handle(messages: Sequence[Message]) -> None:
        groups.append([len(message.data) for message in messages])

    for number, size in enumerate((10, 10, 5000, 10, 10, 10)):
        await log.publish(subject, b"x" * size, message_id=f"{subject}{number}")

    async with _hearing_many(log, subject, handle, most_bytes=25):
        await eventually(lambda: _is(sum(map(len, groups)) == 6))

    assert [5000] in groups
    assert [group for group in groups if sum(group) > 25] == [[5000]]


async def test_one_bad_message_of_a_group_is_buried_and_the_others_are_heard_at_once(log: Bus):
    subject, heard, calls = _subject(), [], []

    async def handle(messages: Sequence[Message]) -> None:
        calls.append(len(messages))
        if any(message.data == b"17" for message in messages):
            raise ValueError("13812345678")
        heard.extend(message.data for message in messages)

    await _publish(log, subject, 64)
    buried: list[Message] = []

    async def see(message: Message) -> None:
        buried.append(message)

    async with _hearing_many(log, subject, handle) as durable:

        async def settled():
            return len(heard) == 63 and await log.pending("OWNER", durable) == 0

        await eventually(settled, within_s=30)
        async with _hearing_dead(log, durable, see):
            await eventually(lambda: _is(buried))

    assert heard == [b"%d" % number for number in range(64) if number != 17]
    assert [message.data for message in buried] == [b"17"]
    assert len(calls) <= 2 * 6 + MAX_ATTEMPTS + 8


async def test_a_group_waits_for_as_long_as_something_is_away_and_keeps_its_order(log: Bus):
    subject, heard, attempts = _subject(), [], []

    async def handle(messages: Sequence[Message]) -> None:
        attempts.append(len(messages))
        if len(attempts) <= 5:
            raise Unavailable("away")
        heard.extend(message.data for message in messages)

    await _publish(log, subject, 20)

    # The server would deliver again after two seconds what nobody says to be alive.
    async with _hearing_many(log, subject, handle, ack_wait_s=2) as durable:

        async def settled():
            return len(heard) >= 20 and await log.pending("OWNER", durable) == 0

        await eventually(settled, within_s=60)

    assert heard == [b"%d" % number for number in range(20)]


async def test_what_was_fetched_and_not_handled_comes_back_at_once_after_a_stop(log: Bus):
    subject, first, second = _subject(), [], []
    busy = asyncio.Event()

    async def stuck(messages: Sequence[Message]) -> None:
        first.extend(message.data for message in messages)
        busy.set()
        await asyncio.sleep(3600)

    async def handle(messages: Sequence[Message]) -> None:
        second.extend(message.data for message in messages)

    await _publish(log, subject, 50)
    async with _hearing_many(log, subject, stuck, most=8) as durable:
        await asyncio.wait_for(busy.wait(), 10)
    async with _hearing_many(log, subject, handle, durable):
        await eventually(lambda: _is(len(second) == 50), within_s=5)

    assert 0 < len(first) <= 8
    assert sorted(second) == sorted(b"%d" % number for number in range(50))


async def test_a_group_of_several_traces_is_linked_to_each(log: Bus):
    subject, heard = _subject(), []
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def handle(messages: Sequence[Message]) -> None:
        heard.extend(message.trace_id for message in messages)

    published = []
    for number in range(3):
        with span("publishing"):
            published.append(trace_id())
            await log.publish(subject, b"x", message_id=f"{subject}{number}")

    async with _hearing_many(log, subject, handle) as durable:
        await eventually(lambda: _is(len(heard) == 3))

    spans = [each for each in exporter.get_finished_spans() if each.name.startswith(f"{durable} hears")]
    seen = [trace.format_trace_id(link.context.trace_id) for each in spans for link in each.links]
    alone = [trace.format_trace_id(each.context.trace_id) for each in spans if not each.links]
    assert heard == published
    assert sorted(seen + alone) == sorted(published)
