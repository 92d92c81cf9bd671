"""NATS JetStream: fsynced publishing, ordered consumers, dead letters.

    publish(message) ─▶ stream OWNER (marketwin.OWNER.v1.>) ─▶ consume(durable, subjects, handle)
                                                                 │ handled       → ack
                                                                 │ Unavailable   → again, for as long as it takes
                                                                 └ anything else → again 5 times, then stream DEAD
    consume_many hands over what has gathered, several messages a call; a group that fails is halved until the
    message that fails stands alone. Who keeps no place in a stream reads it as in replay.py.

A subject is the full name of the protobuf message, then an optional key. The owner is its second word.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import nats
import structlog
from google.protobuf.message import Message as ProtoMessage
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError, ServiceUnavailableError
from opentelemetry.trace import SpanKind

from chassis.errors import ChassisError, Unavailable
from chassis.pull import PULL_BATCH, Pull
from chassis.telemetry import carry, span, where

log = structlog.get_logger()

KEPT_S = 7 * 24 * 3600
DEDUPE_S = 2 * 3600
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
MAX_ATTEMPTS = 5
ACK_WAIT_S = 60.0
GROUP_MESSAGES = 64
GROUP_BYTES = 8 * 1024 * 1024
PUBLISH_TIMEOUT_S = 5.0
FIRST_S = 2.0
MESSAGE_ID = "Nats-Msg-Id"
DEAD_STREAM = "DEAD"

_AWAY = (Unavailable, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a handler sees it."""

    subject: str
    data: bytes
    message_id: str
    """Stays the same when the message is delivered or published again."""
    attempt: int
    sequence: int
    """Place in the stream; grows with every message."""
    headers: dict[str, str] = field(default_factory=dict)
    behind: int = 0
    """Messages that still waited for this consumer when this one was delivered."""

    @property
    def trace_id(self) -> str:
        """Trace in which it was published, or an empty string."""
        return self.headers.get("traceparent", "--").split("-")[1]


Handler = Callable[[Message], Awaitable[None]]
GroupHandler = Callable[[Sequence[Message]], Awaitable[None]]


def subject_of(message: ProtoMessage | type[ProtoMessage], key: str = "") -> str:
    """Full message name, plus the key where one is given."""
    name = message.DESCRIPTOR.full_name
    return f"{name}.{key}" if key else name


class Bus:
    """A connection to JetStream."""

    def __init__(self, client: Client, connecting: asyncio.Task[None]) -> None:
        self._client = client
        self._connecting = connecting
        self._stream: JetStreamContext = client.jetstream(timeout=PUBLISH_TIMEOUT_S)

    @property
    def jetstream(self) -> JetStreamContext:
        """The streams themselves, for whoever must look into them or mend them."""
        return self._stream

    @property
    def client(self) -> Client:
        """The connection itself, for whoever reads a stream in a way of his own."""
        return self._client

    @property
    def is_connected(self) -> bool:
        return bool(self._client.is_connected)

    async def connected(self) -> None:
        """Waits for the first connection."""
        await asyncio.shield(self._connecting)

    async def publish(
        self, subject: str, data: bytes, *, message_id: str, headers: dict[str, str] | None = None
    ) -> bool:
        """Publishes and waits for the fsynced acknowledgement; True when the message had been published before.

        Raises Unavailable when no acknowledgement came: the message may or may not be in the log, and the
        same message id may be published again.
        """
        sent = {MESSAGE_ID: message_id, **(headers if headers is not None else carry())}
        try:
            ack = await self._stream.publish(subject, data, headers=sent)
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise Unavailable("the log did not acknowledge in time", retry_after_s=1) from error
        return bool(ack.duplicate)

    async def ensure_stream(self, owner: str) -> None:
        """Creates the stream of an owner where it does not exist yet; waits for a log that was never there yet."""
        await self.connected()
        await self._ensure(owner.upper(), [f"marketwin.{owner}.v1.>"])

    async def _ensure(self, name: str, subjects: list[str]) -> None:
        config = StreamConfig(
            name=name,
            subjects=subjects,
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=KEPT_S,
            duplicate_window=DEDUPE_S,
            max_msg_size=MAX_MESSAGE_BYTES,
            num_replicas=1,
        )
        for attempt in count(1):
            try:
                await self._stream.add_stream(config, first_seq=await self._first_sequence(name))
                return
            except BadRequestError:
                log.info("bus.stream_kept", stream=name)
                return
            except (NoRespondersError, ServiceUnavailableError, TimeoutError) as error:
                # A server that starts listens before it has its streams.
                log.warning("bus.waits", durable=name, error=type(error).__name__, attempt=attempt)
            await _pause(attempt)

    async def _first_sequence(self, name: str) -> int | None:
        """Where a new stream begins to count: behind every place that anybody may have kept in one that was lost."""
        try:
            return (await self._stream.stream_info(name)).config.first_seq
        except NotFoundError:
            return time.time_ns() // 1000

    async def consume(self, *, durable: str, subjects: Sequence[str], handle: Handler) -> None:
        """Feeds every message of the subjects to `handle`, in order, for ever.

        All subjects must belong to one owner. A message that fails for a reason of its own goes to the dead letters
        `dead.DURABLE` after 5 attempts; one that fails because something is away is tried until it is back. On leaving,
        what was fetched and not handled is given back.
        """
        async with self._pulling(durable, subjects, ACK_WAIT_S) as pull:
            while True:
                for raw in await pull.take():
                    await self._deliver(durable, raw, handle)
                    pull.settled(raw)

    async def consume_many(
        self,
        *,
        durable: str,
        subjects: Sequence[str],
        handle: GroupHandler,
        most: int = GROUP_MESSAGES,
        most_bytes: int = GROUP_BYTES,
        ack_wait_s: float = ACK_WAIT_S,
    ) -> None:
        """Like `consume`, but feeds what has gathered, several messages a call, in order; acknowledges them after it.

        A group holds at most so many messages and bytes, but at least one message. When it fails for a reason of its
        own it is handled again in halves, so that one bad message ends alone and the others do not wait for it: the
        handler must change nothing when it raises. After a crash, unacknowledged messages come back in `ack_wait_s`.
        """
        async with self._pulling(durable, subjects, ack_wait_s) as pull:
            while True:
                taken = await pull.take(most, most_bytes)
                await self._deliver_group(durable, taken, handle, pull)

    @asynccontextmanager
    async def _pulling(self, durable: str, subjects: Sequence[str], ack_wait_s: float) -> AsyncIterator[Pull]:
        owner = subjects[0].split(".")[1]
        await self.ensure_stream(owner)
        await self._ensure(DEAD_STREAM, ["dead.>"])
        await self._ensure_consumer(owner.upper(), durable, list(subjects), ack_wait_s)
        async with Pull(self._client, owner.upper(), durable, ack_wait_s=ack_wait_s).running() as pull:
            yield pull

    async def _ensure_consumer(self, stream: str, durable: str, subjects: list[str], ack_wait_s: float) -> None:
        config = ConsumerConfig(
            durable_name=durable,
            filter_subjects=subjects,
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=DeliverPolicy.ALL,
            ack_wait=ack_wait_s,
            max_ack_pending=PULL_BATCH * 2,
            max_deliver=-1,
        )
        await self._stream.add_consumer(stream, config)

    async def _deliver(self, durable: str, raw: Msg, handle: Handler) -> None:
        message = message_of(raw)
        # Deliveries are no attempts: a message that was given back at every restart has not failed.
        attempt = 1
        while True:
            try:
                with span(
                    f"{durable} hears {raw.subject}",
                    headers=message.headers,
                    kind=SpanKind.CONSUMER,
                    attempt=attempt,
                ):
                    await handle(message)
                await raw.ack()
                return
            except Exception as error:
                if _will_pass(durable, error, attempt):
                    await _pause(attempt)
                    attempt += 1
                    continue
                log.error(
                    "bus.handler_failed",
                    durable=durable,
                    subject=raw.subject,
                    message_id=message.message_id,
                    attempt=attempt,
                    error=type(error).__name__,
                    where=where(error),
                )
                if attempt >= MAX_ATTEMPTS:
                    await self._bury(durable, raw, message, error)
                    return
            await _pause(attempt)
            attempt += 1

    async def _deliver_group(self, durable: str, raws: Sequence[Msg], handle: GroupHandler, pull: Pull) -> None:
        if len(raws) == 1:
            await self._deliver(durable, raws[0], lambda message: handle([message]))
            pull.settled(raws[0])
            return
        messages = [message_of(raw) for raw in raws]
        attempt = 1
        while True:
            try:
                name, links = f"{durable} hears {len(raws)} messages", [message.headers for message in messages]
                with span(name, headers={}, links=links, kind=SpanKind.CONSUMER, attempt=attempt):
                    await handle(messages)
                break
            except Exception as error:
                if _will_pass(durable, error, attempt):
                    await _pause(attempt)
                    attempt += 1
                    continue
                log.warning(
                    "bus.group_halved",
                    durable=durable,
                    messages=len(raws),
                    error=type(error).__name__,
                    where=where(error),
                )
                middle = len(raws) // 2
                await self._deliver_group(durable, raws[:middle], handle, pull)
                await self._deliver_group(durable, raws[middle:], handle, pull)
                return
        for raw in raws:
            await raw.ack()
            pull.settled(raw)

    async def _bury(self, durable: str, raw: Msg, message: Message, error: Exception) -> None:
        text = error.message if isinstance(error, ChassisError) else ""
        headers = {
            **message.headers,
            "Dead-Subject": raw.subject,
            "Dead-Error": type(error).__name__,
            "Dead-Message": text,
        }
        headers.pop(MESSAGE_ID, None)
        await self.publish(f"dead.{durable}", raw.data, message_id=f"{durable}:{message.message_id}", headers=headers)
        await raw.term()
        log.error("bus.dead_letter", durable=durable, subject=raw.subject, message_id=message.message_id)

    async def pending(self, stream: str, durable: str) -> int:
        """Messages that a consumer has not acknowledged yet; 0 when the consumer does not exist."""
        try:
            found = await self._stream.consumer_info(stream, durable)
        except NotFoundError:
            return 0
        return int(found.num_pending or 0) + int(found.num_ack_pending or 0)


def _will_pass(durable: str, error: Exception, attempt: int) -> bool:
    """Whether something is away, which is no fault of the message."""
    # The gateway hears the log too and has no database; what belongs to one takes 30 MB.
    from chassis.db import is_away

    is_waiting = isinstance(error, _AWAY) or is_away(error)
    if is_waiting:
        log.warning("bus.waits", durable=durable, error=type(error).__name__, attempt=attempt)
    return is_waiting


async def _pause(attempt: int) -> None:
    await asyncio.sleep(min(5.0, 0.1 * 2 ** min(attempt, 6)) * random.uniform(0.5, 1.0))  # noqa: S311  # jitter


def message_of(raw: Msg) -> Message:
    headers = dict(raw.headers or {})
    metadata = raw.metadata
    fallback = f"{metadata.stream}:{metadata.sequence.stream}"
    return Message(
        subject=raw.subject,
        data=raw.data,
        message_id=headers.get(MESSAGE_ID, fallback),
        attempt=metadata.num_delivered,
        sequence=metadata.sequence.stream,
        behind=metadata.num_pending,
        headers=headers,
    )


@asynccontextmanager
async def bus(url: str, name: str, *, at_once: bool = False) -> AsyncIterator[Bus]:
    """A connection that reconnects for ever; `at_once`: used before the server is there; leaving closes it."""

    async def on_error(error: Exception) -> None:
        log.warning("bus.error", error=type(error).__name__)

    client = Client()
    connecting = asyncio.create_task(
        client.connect(
            url,
            name=name,
            reconnect_time_wait=0.1,  # type: ignore[arg-type]  # it is slept
            max_reconnect_attempts=-1,
            ping_interval=1,
            max_outstanding_pings=2,
            error_cb=on_error,
            pending_size=32 * 1024 * 1024,
        )
    )
    try:
        await asyncio.wait([connecting], timeout=FIRST_S if at_once else None)
        if connecting.done() and (error := connecting.exception()):
            raise Unavailable("NATS cannot be reached") from error
        yield Bus(client, connecting)
    finally:
        connecting.cancel()
        await client.close()
