"""The log becomes the book of records and the history, and the door hears of master data of other doors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import polars as pl

from chassis.bus import Bus, Message, subject_of
from chassis.telemetry import trace_id
from marketwin.ingest.v1 import events_pb2
from services.ingest import usecases
from services.ingest.domain.directory import Directory
from services.ingest.usecases import HistoryStore, Newest, Store
from services.ingest.wire import accepted_part, refused_part

STREAM = "INGEST"
DURABLE = "ingest-book"
HISTORY_DURABLE = "ingest-history"
HISTORY_MESSAGES = 50
HISTORY_BYTES = 6 * 1024 * 1024


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


async def write_history(
    bus: Bus,
    history: HistoryStore,
    *,
    wait_s: float,
    durable: str = HISTORY_DURABLE,
    most: int = HISTORY_MESSAGES,
    ack_wait_s: float = 60.0,
) -> None:
    """Writes accepted records into the history, for ever: many messages a commit, none of them twice."""

    async def handle(messages: Sequence[Message]) -> None:
        if not messages[-1].behind and len(messages) < most:
            # Every commit is a file; what comes one by one is worth waiting for.
            await asyncio.sleep(wait_s)
        await usecases.keep_history(history, await asyncio.to_thread(_history_rows, messages))

    await bus.consume_many(
        durable=durable,
        subjects=[subject_of(events_pb2.RecordsAccepted, "*")],
        handle=handle,
        most=most,
        most_bytes=HISTORY_BYTES,
        ack_wait_s=ack_wait_s,
    )


def _history_rows(messages: Sequence[Message]) -> dict[str, pl.DataFrame]:
    parts = [(accepted_part(events_pb2.RecordsAccepted.FromString(each.data)), each.sequence) for each in messages]
    return usecases.gather_history(parts)
