"""Records become sightings of twins."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime

import polars as pl
import structlog

from chassis.bus import Bus, Message, subject_of
from chassis.passing import tell
from marketwin.ingest.v1 import events_pb2
from services.twin import usecases
from services.twin.domain.feeding.feeds import Feeds
from services.twin.usecases import Part, Store
from services.twin.wire import readings_messages

log = structlog.get_logger()

DURABLE = "twin-records"
GROUP_MESSAGES = 16
GROUP_STATEMENTS = 4000
"""Messages in a transaction, and records of kinds that say a statement each: twins stay locked as long as it lasts."""


async def hear_records(bus: Bus, store: Store, feeds: Feeds, now: Callable[[], datetime]) -> None:
    """Updates twins from accepted records, for ever."""

    async def handle(messages: Sequence[Message]) -> None:
        # A part that is done stays done when a later one fails: the inbox knows its messages.
        for parts in in_groups([_part(message) for message in messages], feeds):
            taken = await usecases.take_in_records(store, feeds, parts, consumer=DURABLE, known_at=now())
            for model, count in taken.left_out.items():
                log.warning("twin.left_out", model=model, count=count, kinds=sorted({part.kind for part in parts}))
            for readings in readings_messages(taken.readings, taken.versions):
                await tell(bus, readings)

    subjects = [subject_of(events_pb2.RecordsAccepted, kind) for kind in feeds.kinds]
    await bus.consume_many(durable=DURABLE, subjects=subjects, handle=handle, most=GROUP_MESSAGES)


def in_groups(parts: Sequence[Part], feeds: Feeds) -> list[list[Part]]:
    """Messages in their order, so many together as one transaction takes."""
    groups: list[list[Part]] = [[]]
    statements = 0
    for part in parts:
        weight = part.records.height if feeds.takes_every(part.kind) else 0
        if groups[-1] and statements + weight > GROUP_STATEMENTS:
            groups.append([])
            statements = 0
        groups[-1].append(part)
        statements += weight
    return groups


def _part(message: Message) -> Part:
    event = events_pb2.RecordsAccepted.FromString(message.data)
    return Part(message.message_id, event.kind, pl.read_ipc_stream(io.BytesIO(event.arrow_ipc)))
