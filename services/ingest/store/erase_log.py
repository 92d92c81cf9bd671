"""Forgetting in the log: messages that carry a subject are overwritten there once everybody has heard them.

The log is not the only copy of a message that was acknowledged by all; until then it is, and the proof waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NothingMore
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import NotFoundError

from chassis.bus import DEAD_STREAM, subject_of
from chassis.errors import Unavailable
from marketwin.ingest.v1 import events_pb2
from services.ingest.domain.privacy.erasing import CONSENT, Subject, carries
from services.ingest.wire import from_ipc

STREAMS = {"INGEST": "marketwin.ingest.v1.>", DEAD_STREAM: "dead.>"}
READ_MESSAGES = 50
WAIT_S = 2.0
LOOK_S = 0.2
SETTLED_S = 120.0
FORGOTTEN_AFTER_S = 30.0
NEVER = 2**63
ACCEPTED = subject_of(events_pb2.RecordsAccepted)
REFUSED = subject_of(events_pb2.RecordsRefused)


class ErasableLog:
    """The messages of the service, and its dead letters."""

    def __init__(self, stream: JetStreamContext) -> None:
        self._stream = stream

    async def erase(self, who: Subject) -> dict[str, int]:
        removed = 0
        for name in STREAMS:
            heard = await self._heard_by_all(name)
            async for sequence in self._carrying(name, who):
                # The server writes random bytes over it before it gives the place up.
                if sequence <= heard:
                    removed += bool(await self._stream.delete_msg(name, sequence))
        return {"log": removed}

    async def search(self, who: Subject) -> dict[str, int]:
        return {"log": sum([1 for name in STREAMS async for _ in self._carrying(name, who)])}

    async def settle(self, name: str, durables: Sequence[str]) -> None:
        """Waits until these consumers have acknowledged what the log holds now; Unavailable when it takes too long."""
        last = int((await self._stream.stream_info(name)).state.last_seq)
        try:
            async with asyncio.timeout(SETTLED_S):
                while await self._heard_by_all(name, durables) < last:  # noqa: ASYNC110  # the server is asked
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise Unavailable("the log is not written yet", retry_after_s=1) from error

    async def _heard_by_all(self, name: str, durables: Sequence[str] = ()) -> int:
        """The sequence up to which every durable consumer, or each of these, has acknowledged."""
        floors = [
            int(each.ack_floor.stream_seq) if each.num_pending or each.num_ack_pending else NEVER
            for each in await self._consumers(name)
            if each.ack_floor and each.config.durable_name and (not durables or each.name in durables)
        ]
        return min(floors, default=NEVER)

    async def _consumers(self, name: str) -> list[ConsumerInfo]:
        try:
            return list(await self._stream.consumers_info(name))
        except NotFoundError:
            return []

    async def _carrying(self, name: str, who: Subject) -> AsyncIterator[int]:
        async for messages in self._messages(name):
            for sequence in await asyncio.to_thread(_sequences, messages, who):
                yield sequence

    async def _messages(self, name: str) -> AsyncIterator[list[Msg]]:
        try:
            last = int((await self._stream.stream_info(name)).state.last_seq)
        except NotFoundError:
            return
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.ALL,
            mem_storage=True,
            inactive_threshold=FORGOTTEN_AFTER_S,
            num_replicas=1,
        )
        reader = await self._stream.pull_subscribe(STREAMS[name], stream=name, config=config)
        try:
            while True:
                info = await reader.consumer_info()
                if not info.num_pending:
                    return
                messages = await reader.fetch(READ_MESSAGES, timeout=WAIT_S)
                yield messages
                if messages[-1].metadata.sequence.stream >= last:
                    return
        except (NothingMore, TimeoutError) as error:
            # A search that ended early would prove nothing.
            raise Unavailable("the log stopped answering", retry_after_s=1) from error
        finally:
            await reader.unsubscribe()


def _sequences(messages: list[Msg], who: Subject) -> list[int]:
    return [message.metadata.sequence.stream for message in messages if _carries(message, who)]


def _carries(message: Msg, who: Subject) -> bool:
    subject = (message.headers or {}).get("Dead-Subject", message.subject)
    if subject.startswith(ACCEPTED):
        event = events_pb2.RecordsAccepted.FromString(message.data)
        records = from_ipc(event.arrow_ipc)
        return not records.filter(carries(records, who)).is_empty()
    if subject.startswith(REFUSED):
        refused = events_pb2.RecordsRefused.FromString(message.data).records
        return any(_is_named(record.record_json, who) for record in refused)
    return any(token.encode() in message.data for token in who.tokens)


def _is_named(record_json: str, who: Subject) -> bool:
    named = any(token in record_json for token in who.tokens)
    return named or any(f'"{CONSENT}":"{ref}"' in record_json.replace('": "', '":"') for ref in who.consent_refs)
