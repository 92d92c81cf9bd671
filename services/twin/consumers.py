"""Records become sightings of twins."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime

import polars as pl

from chassis.bus import Bus, Message, subject_of
from marketwin.ingest.v1 import events_pb2
from services.twin import usecases
from services.twin.usecases import Store

DURABLE = "twin-records"
KINDS = ("sku", "retailer", "commercial_order", "commercial_sale", "price_observation", "pos_sale")


async def hear_records(bus: Bus, store: Store, now: Callable[[], datetime]) -> None:
    """Updates twins from accepted records, for ever."""

    async def handle(message: Message) -> None:
        event = events_pb2.RecordsAccepted.FromString(message.data)
        await usecases.take_in_records(
            store,
            consumer=DURABLE,
            message_id=message.message_id,
            kind=event.kind,
            records=pl.read_ipc_stream(io.BytesIO(event.arrow_ipc)),
            known_at=now(),
        )

    subjects = [subject_of(events_pb2.RecordsAccepted, kind) for kind in KINDS]
    await bus.consume(durable=DURABLE, subjects=subjects, handle=handle)
