"""The log becomes the book of records, and the door hears of master data that other doors took in."""

from __future__ import annotations

from chassis.bus import Bus, Message, subject_of
from chassis.telemetry import trace_id
from marketwin.ingest.v1 import events_pb2
from services.ingest import usecases
from services.ingest.domain.directory import Directory
from services.ingest.usecases import Newest, Store
from services.ingest.wire import accepted_part, refused_part

STREAM = "INGEST"
DURABLE = "ingest-book"


async def write_book(bus: Bus, store: Store, directory: Directory, newest: Newest) -> None:
    """Writes accepted and refused records into the book, for ever."""
    refused = subject_of(events_pb2.RecordsRefused)

    async def handle(message: Message) -> None:
        if message.subject.startswith(refused):
            event = events_pb2.RecordsRefused.FromString(message.data)
            part = refused_part(event, message.message_id, trace_id())
            await usecases.set_aside(store, consumer=DURABLE, part=part)
            return
        accepted = events_pb2.RecordsAccepted.FromString(message.data)
        await usecases.keep(
            store,
            directory,
            newest,
            consumer=DURABLE,
            part=accepted_part(accepted),
        )

    subjects = [subject_of(events_pb2.RecordsAccepted, "*"), subject_of(events_pb2.RecordsRefused, "*")]
    await bus.consume(durable=DURABLE, subjects=subjects, handle=handle)


async def hear_master_data(bus: Bus, directory: Directory, kind: str) -> None:
    """Keeps one register of the directory in step with the other replicas of the door, for ever."""

    async def handle(message: Message) -> None:
        event = events_pb2.RecordsAccepted.FromString(message.data)
        part = accepted_part(event)
        directory.put(part.kind, part.records)

    await bus.follow(subject_of(events_pb2.RecordsAccepted, kind), handle)
