"""Records of orders, shops and products as ingest would publish them."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import uuid
from decimal import Decimal

import polars as pl

from chassis.bus import Bus, subject_of
from chassis.telemetry import carry
from marketwin.ingest.v1 import events_pb2

FIRST_MONDAY = dt.date(2024, 1, 1)
_ids = itertools.count(1)


def record_id() -> str:
    """Grows with every call, as ULIDs do."""
    return f"01{next(_ids):024d}"


def monday(week: int) -> dt.date:
    """Monday of the numbered week; week 0 is 2024-W01."""
    return FIRST_MONDAY + dt.timedelta(weeks=week)


def order(retailer: str, week: int, *, sku: str = "S1", quantity: int = 10, **more: object) -> dict[str, object]:
    """One order line, of amount quantity x 10 unless given."""
    day = monday(week)
    number = record_id()
    row: dict[str, object] = {
        "record_id": number,
        "order_no": f"O{number[-8:]}",
        "line_no": 1,
        "retailer_code": retailer,
        "sku_code": sku,
        "cycle": f"{day.isocalendar().year}-W{day.isocalendar().week:02d}",
        "biz_date": day,
        "occurred_at": dt.datetime.combine(day, dt.time(9), dt.UTC),
        "qty_demand_base": quantity,
        "qty_order_base": quantity,
        "amount": Decimal(quantity * 10),
        "currency": "CNY",
        "state": "confirmed",
        "city_org": "C340100",
        "adcode": "340100",
        "account_manager_user_id": "wang",
        "op": "upsert",
        "source": "city_orders",
        "trace_id": "",
    }
    return row | more


def orders(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema_overrides={"amount": pl.Decimal(14, 2)}, infer_schema_length=None)


def retailer(code: str, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "record_id": record_id(),
        "retailer_code": code,
        "name": f"Shop {code}",
        "city_org": "C340100",
        "adcode": "340100",
        "account_manager_user_id": "wang",
        "license_status": "valid",
        "license_valid_to": dt.date(2099, 12, 31),
        "school_zone": False,
        "store_format": "convenience",
        "market_type": "urban",
        "occurred_at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        "trace_id": "",
    }
    return row | more


async def publish(log: Bus, kind: str, records: pl.DataFrame, *, message_id: str | None = None) -> str:
    """Publishes a batch as ingest does, in the current trace; returns the message id."""
    sink = io.BytesIO()
    records.write_ipc_stream(sink)
    event = events_pb2.RecordsAccepted(
        batch_id=uuid.uuid4().hex, kind=kind, source="test", count=records.height, arrow_ipc=sink.getvalue()
    )
    message_id = message_id or uuid.uuid4().hex
    await log.publish(subject_of(event, kind), event.SerializeToString(), message_id=message_id, headers=carry())
    return message_id
