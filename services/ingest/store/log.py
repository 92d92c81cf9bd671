"""The log as the door's write-ahead log."""

from __future__ import annotations

from chassis.bus import Bus, subject_of
from services.ingest.usecases import Accepted, SetAside
from services.ingest.wire import accepted_event, refused_event


class StreamLog:
    """Publishes to JetStream and returns after its fsynced acknowledgement."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def accept(self, part: Accepted) -> bool:
        event = accepted_event(part)
        return await self._bus.publish(
            subject_of(event, part.kind), event.SerializeToString(), message_id=event.batch_id
        )

    async def refuse(self, part: SetAside) -> bool:
        event = refused_event(part)
        return await self._bus.publish(
            subject_of(event, part.kind), event.SerializeToString(), message_id=part.message_id
        )
