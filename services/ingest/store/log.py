"""The log as the door's write-ahead log, and the spool that stands in while it is away."""

from __future__ import annotations

import asyncio
import random

import structlog
from google.protobuf.message import Message as ProtoMessage

from chassis.bus import Bus, subject_of
from chassis.errors import Unavailable
from chassis.telemetry import carry
from services.ingest.store.spool import Spool, SpooledMessage
from services.ingest.usecases import Accepted, Entered, SetAside
from services.ingest.wire import accepted_event, refused_event

log = structlog.get_logger()

DRAINED_AT_ONCE = 32
PAUSE_S = 0.1
MAX_PAUSE_S = 5.0


class StreamLog:
    """Publishes to JetStream and returns after its fsynced acknowledgement, or after the fsync of the spool.

    While the spool holds anything, all that is new goes behind it, so that the log has it in order.
    """

    def __init__(self, bus: Bus, spool: Spool) -> None:
        self._bus = bus
        self._spool = spool

    async def accept(self, part: Accepted) -> Entered:
        event = accepted_event(part)
        return await self._enter(event, part.kind, event.batch_id)

    async def refuse(self, part: SetAside) -> Entered:
        return await self._enter(refused_event(part), part.kind, part.message_id)

    async def _enter(self, event: ProtoMessage, kind: str, message_id: str) -> Entered:
        subject, data = subject_of(event, kind), event.SerializeToString()
        if self._spool.is_empty and self._bus.is_connected:
            try:
                was_there = await self._bus.publish(subject, data, message_id=message_id)
            except Unavailable as error:
                log.warning("spool.stands_in", reason=error.message)
            else:
                return Entered.BEFORE if was_there else Entered.NEW
        await self._spool.put(SpooledMessage(subject, message_id, carry(), data))
        return Entered.SPOOLED

    async def run(self) -> None:
        """Brings what waits in the spool into the log, in order, for ever."""
        failures = 0
        while True:
            await self._spool.filled.wait()
            try:
                await self._drain_some()
                failures = 0
            except Unavailable:
                failures += 1
                pause = min(MAX_PAUSE_S, PAUSE_S * 2 ** min(failures, 10))
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # jitter

    async def _drain_some(self) -> None:
        if not self._bus.is_connected:
            raise Unavailable("the log is away")
        waiting = self._spool.waiting(DRAINED_AT_ONCE)
        sent = [
            self._bus.publish(entry.subject, entry.data, message_id=entry.message_id, headers=entry.headers)
            for entry, _ in waiting
        ]
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        entered = next((count for count, outcome in enumerate(outcomes) if outcome in failures), len(outcomes))
        if entered:
            self._spool.passed(waiting[entered - 1][1])
        for failure in failures:
            raise failure
        if self._spool.is_empty:
            log.info("spool.drained")
