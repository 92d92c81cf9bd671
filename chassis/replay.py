"""Reading a stream without a place of one's own in it: from now on, or once more what came after a sequence.

follow(subject, handle)   ─▶ everything from now on, for ever, without gaps
replayed(subject, after)  ─▶ what was published since, at the pace of the reader, up to a bound
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

import nats
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamInfo
from nats.js.errors import NotFoundError

from chassis.bus import Bus, Handler, Message, message_of
from chassis.errors import Unavailable

log = structlog.get_logger()
_Fetch = Callable[[int], Awaitable[list[Msg]]]

HEARTBEAT_S = 1.0
AGAIN_S = 0.2
BATCH = 256
BATCH_BYTES = 1024 * 1024
ANSWER_S = 5.0
KEPT_S = 60.0


@dataclass(frozen=True, slots=True)
class Missed:
    """Messages in order; everything of the subject up to `sequence` has been told with them."""

    messages: list[Message]
    sequence: int


def _stream_of(subject: str) -> str:
    return subject.split(".")[1].upper()


async def follow(
    bus: Bus,
    subject: str,
    handle: Handler,
    *,
    started: Callable[[int, int], None] = lambda _after, _newest: None,
    back: int = 0,
    back_bytes: int = 0,
) -> None:
    """Feeds messages published from now on to `handle`, in order and without gaps, for ever, keeping no position.

    About `back` messages and `back_bytes` of those that came before are fed first. `started` hears the sequence after
    which messages are fed, and the newest there was; again, when messages were lost: the stream was made anew, or they
    grew too old while the server was away. A lost consumer, a restarted server and a dropped message all lead to a
    new consumer behind the last message that was handled.
    """
    stream = _stream_of(subject)
    await bus.ensure_stream(stream.lower())
    life: object = None
    last = 0
    while True:
        try:
            found = await bus.jetstream.stream_info(stream)
            if found.created != life or found.state.first_seq > last + 1:
                life, last = found.created, _beginning(found, back, back_bytes)
                started(last, found.state.last_seq)
            async for message in _after(bus, stream, subject, last):
                await handle(message)
                last = message.sequence
        except NotFoundError:
            await bus.ensure_stream(stream.lower())
        except (nats.errors.Error, OSError, TimeoutError) as error:
            log.warning("bus.follows_again", subject=subject, error=type(error).__name__)
            await asyncio.sleep(AGAIN_S)


def _beginning(found: StreamInfo, back: int, back_bytes: int) -> int:
    """The sequence after which the newest messages begin, as many as there may be and as large as they usually are."""
    state = found.state
    usual = state.bytes / max(1, state.messages)
    return max(state.first_seq - 1, state.last_seq - min(back, int(back_bytes / max(1, usual))), 0)


async def _after(bus: Bus, stream: str, subject: str, last: int) -> AsyncIterator[Message]:
    """Messages after a sequence, until one is missing. The ordered consumer of nats-py drops messages without
    a word when it is slow, and begins at the first message of the stream when it is lost before it heard one."""
    client = bus.client
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    config = ConsumerConfig(
        deliver_subject=inbox,
        filter_subject=subject,
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=last + 1,
        idle_heartbeat=HEARTBEAT_S,
        mem_storage=True,
        num_replicas=1,
    )
    heard = 0
    try:
        await bus.jetstream.add_consumer(stream, config)
        while True:
            raw = await subscription.next_msg(timeout=3 * HEARTBEAT_S)
            if raw.headers and "Status" in raw.headers:
                if int(raw.headers.get("Nats-Last-Consumer", heard)) != heard:
                    return
                continue
            if raw.metadata.sequence.consumer != heard + 1:
                return
            heard += 1
            yield message_of(raw)
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


async def replayed(bus: Bus, subject: str, *, after: int, most: int, most_bytes: int) -> AsyncGenerator[Missed, None]:
    """What was published after a sequence until now, in batches that are fetched when the reader comes for them.

    LookupError when it is not all there any more, is more than `most` messages or `most_bytes`, or is of another life
    of the stream. Unavailable when the log is away.
    """
    try:
        async with aclosing(_replayed(bus, subject, after, most, most_bytes)) as found:
            async for missed in found:
                yield missed
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise Unavailable("the log did not answer in time", retry_after_s=1) from error


async def _replayed(bus: Bus, subject: str, after: int, most: int, most_bytes: int) -> AsyncGenerator[Missed, None]:
    stream = _stream_of(subject)
    state = (await bus.jetstream.stream_info(stream)).state
    if not state.first_seq <= after + 1 <= state.last_seq + 1:
        raise LookupError(after)
    reached, size = after, 0
    async with _consumer(bus, stream, subject, after) as (fetch, pending):
        left = pending
        if left > most:
            raise LookupError(after)
        usual = state.bytes / max(1, state.messages)
        while left:
            batch = await fetch(min(left, BATCH, 1 + int(BATCH_BYTES / usual)))
            size += sum(len(raw.data) for raw in batch)
            if size > most_bytes:
                raise LookupError(after)
            usual = max(1.0, sum(len(raw.data) for raw in batch) / len(batch))
            left, reached = batch[-1].metadata.num_pending, batch[-1].metadata.sequence.stream
            yield Missed([message_of(raw) for raw in batch], reached)
    yield Missed([], max(reached, state.last_seq))


@asynccontextmanager
async def _consumer(bus: Bus, stream: str, subject: str, after: int) -> AsyncIterator[tuple[_Fetch, int]]:
    """How so many messages are fetched, and how many there are. LookupError where one was lost."""
    inbox = bus.client.new_inbox()
    subscription = await bus.client.subscribe(inbox)
    name, heard = "", 0

    async def fetch(number: int) -> list[Msg]:
        nonlocal heard
        asked = json.dumps({"batch": number, "no_wait": True}).encode()
        await bus.client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}", asked, reply=inbox)
        batch: list[Msg] = []
        while len(batch) < number:
            raw = await subscription.next_msg(timeout=ANSWER_S)
            heard += 1
            if (raw.headers and "Status" in raw.headers) or raw.metadata.sequence.consumer != heard:
                raise LookupError(after)
            batch.append(raw)
        return batch

    try:
        consumer = await bus.jetstream.add_consumer(stream, _from(subject, after))
        name = consumer.name
        yield fetch, int(consumer.num_pending or 0)
    finally:
        with suppress(nats.errors.Error, OSError, TimeoutError):
            await subscription.unsubscribe()
            await bus.jetstream.delete_consumer(stream, name)


def _from(subject: str, after: int) -> ConsumerConfig:
    return ConsumerConfig(
        filter_subject=subject,
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        inactive_threshold=KEPT_S,
        mem_storage=True,
        num_replicas=1,
    )
