"""Records become order lines, cards and SKU facts."""

from __future__ import annotations

import io
from collections.abc import Sequence

import polars as pl

from chassis.bus import Bus, Message, subject_of
from marketwin.ingest.v1 import events_pb2
from services.profile import usecases
from services.profile.usecases import Cause, Part, Store

DURABLE = "profile-records"
GROUP_MESSAGES = 32
"""Messages in a transaction."""
KINDS = ("sku", "retailer", "commercial_order")


async def hear_records(bus: Bus, store: Store) -> None:
    """Takes in accepted records, for ever."""

    async def handle(messages: Sequence[Message]) -> None:
        store.note_waiting(len(messages))
        try:
            await usecases.take_in_records(store, [_part(message) for message in messages], consumer=DURABLE)
        finally:
            # One that cannot be taken in is set aside, and none may come that would say so.
            store.note_waiting(messages[-1].behind)

    subjects = [subject_of(events_pb2.RecordsAccepted, kind) for kind in KINDS]
    await bus.consume_many(durable=DURABLE, subjects=subjects, handle=handle, most=GROUP_MESSAGES)


def _part(message: Message) -> Part:
    event = events_pb2.RecordsAccepted.FromString(message.data)
    cause = Cause(message.trace_id, message.headers.get("traceparent", ""))
    return Part(message.message_id, event.kind, pl.read_ipc_stream(io.BytesIO(event.arrow_ipc)), cause)
