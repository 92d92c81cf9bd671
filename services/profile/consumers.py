"""Records become order lines, cards and SKU facts."""

from __future__ import annotations

import io

import polars as pl

from chassis.bus import Bus, Message, subject_of
from chassis.telemetry import carry, trace_id
from marketwin.ingest.v1 import events_pb2
from services.profile import usecases
from services.profile.usecases import Cause, Store

DURABLE = "profile-records"
KINDS = ("sku", "retailer", "commercial_order")


async def hear_records(bus: Bus, store: Store) -> None:
    """Takes in accepted records, for ever."""

    async def handle(message: Message) -> None:
        event = events_pb2.RecordsAccepted.FromString(message.data)
        await usecases.take_in_records(
            store,
            consumer=DURABLE,
            message_id=message.message_id,
            kind=event.kind,
            records=pl.read_ipc_stream(io.BytesIO(event.arrow_ipc)),
            cause=Cause(trace_id(), carry().get("traceparent", "")),
        )

    subjects = [subject_of(events_pb2.RecordsAccepted, kind) for kind in KINDS]
    await bus.consume(durable=DURABLE, subjects=subjects, handle=handle)
