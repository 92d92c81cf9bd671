"""The log becomes the book of records and the history, and the door hears of master data of other doors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import polars as pl

from chassis.app import in_thread
from chassis.bus import Bus, Message, subject_of
from chassis.replay import follow
from marketwin.ingest.v1 import events_pb2
from services.ingest import usecases
from services.ingest.domain.known.directory import Directory
from services.ingest.domain.privacy.erasing import Forgotten
from services.ingest.usecases import HistoryStore, MinuteStore, Newest, Part, Store
from services.ingest.wire import accepted_part, refused_part

STREAM = "INGEST"
DURABLE = "ingest-book"
ACK_WAIT_S = 20.0
"""What a killed process had fetched comes back after so long."""
INLINE_BYTES = 128 * 1024
"""Larger groups are read beside the event loop."""
SCADA_DURABLE = "ingest-scada"
SCADA_MESSAGES = 40
SCADA_WAIT_S = 1.0
"""Minutes are written again with every group of samples: what comes each second is worth waiting for."""
HISTORY_DURABLE = "ingest-history"
HISTORY_MESSAGES = 64
HISTORY_BYTES = 2 * 1024 * 1024
"""Some 20,000 packed records: larger commits save little time and cost 70 MB more memory while they are written."""


async def write_book(
    bus: Bus, store: Store, directory: Directory, newest: Newest, forgotten: Forgotten | None = None
) -> None:
    """Writes accepted and refused records into the book, for ever; what has gathered goes into one transaction."""
    gone = forgotten or Forgotten()

    async def handle(messages: Sequence[Message]) -> None:
        if sum(len(message.data) for message in messages) > INLINE_BYTES:
            parts = await in_thread(_parts, messages, gone)
        else:
            parts = _parts(messages, gone)
        await usecases.keep(store, directory, newest, consumer=DURABLE, parts=parts)

    subjects = [subject_of(events_pb2.RecordsAccepted, "*"), subject_of(events_pb2.RecordsRefused, "*")]
    await bus.consume_many(durable=DURABLE, subjects=subjects, handle=handle, ack_wait_s=ACK_WAIT_S)


def _parts(messages: Sequence[Message], gone: Forgotten) -> list[Part]:
    return [usecases.forgotten_in(gone, _part(message)) for message in messages]


def _part(message: Message) -> Part:
    if message.subject.startswith(subject_of(events_pb2.RecordsRefused)):
        event = events_pb2.RecordsRefused.FromString(message.data)
        return refused_part(event, message.message_id, message.trace_id)
    return accepted_part(events_pb2.RecordsAccepted.FromString(message.data))


async def hear_master_data(bus: Bus, directory: Directory, kind: str) -> None:
    """Keeps one register of the directory in step with the other replicas of the door, for ever."""

    async def handle(message: Message) -> None:
        event = events_pb2.RecordsAccepted.FromString(message.data)
        part = accepted_part(event)
        directory.put(part.kind, part.records)

    await follow(bus, subject_of(events_pb2.RecordsAccepted, kind), handle)


async def write_minutes(bus: Bus, store: MinuteStore, *, wait_s: float = SCADA_WAIT_S) -> None:
    """Merges samples of machines into their minutes, for ever."""

    async def handle(messages: Sequence[Message]) -> None:
        if not messages[-1].behind and len(messages) < SCADA_MESSAGES:
            await asyncio.sleep(wait_s)
        parts = [accepted_part(events_pb2.RecordsAccepted.FromString(message.data)) for message in messages]
        await usecases.keep_samples(store, parts)

    await bus.consume_many(
        durable=SCADA_DURABLE,
        subjects=[subject_of(events_pb2.RecordsAccepted, "scada_sample")],
        handle=handle,
        most=SCADA_MESSAGES,
        ack_wait_s=ACK_WAIT_S,
    )


async def write_history(
    bus: Bus,
    history: HistoryStore,
    *,
    wait_s: float,
    durable: str = HISTORY_DURABLE,
    most: int = HISTORY_MESSAGES,
    ack_wait_s: float = 60.0,
    forgotten: Forgotten | None = None,
) -> None:
    """Writes accepted records into the history, for ever: many messages a commit, none of them twice."""
    gone = forgotten or Forgotten()

    async def handle(messages: Sequence[Message]) -> None:
        if not messages[-1].behind and len(messages) < most:
            # Every commit is a file; what comes one by one is worth waiting for.
            await asyncio.sleep(wait_s)
        await usecases.keep_history(history, await asyncio.to_thread(_history_rows, messages, gone))

    await bus.consume_many(
        durable=durable,
        subjects=[subject_of(events_pb2.RecordsAccepted, "*")],
        handle=handle,
        most=most,
        most_bytes=HISTORY_BYTES,
        ack_wait_s=ack_wait_s,
    )


def _history_rows(messages: Sequence[Message], gone: Forgotten) -> dict[str, pl.DataFrame]:
    parts = [accepted_part(events_pb2.RecordsAccepted.FromString(each.data)) for each in messages]
    kept = [usecases.forgotten_records(gone, part) for part in parts]
    return usecases.gather_history([(part, each.sequence) for part, each in zip(kept, messages, strict=True)])
