"""Talking to a running front door."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from chassis.bus import Bus
from chassis.db import Database, read_frame
from chassis.errors import NotFound
from chassis.testing import eventually
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.consumers import DURABLE, STREAM
from tests.ingest.builders import JSON, shop

Stub = Any


def now() -> datetime:
    return datetime.now(UTC)


def at(**ago: float) -> str:
    return (now() - timedelta(**ago)).isoformat()


async def load_master(stub: Stub) -> None:
    sku = {"sku_code": "34010021", "name_zh": "黄山(硬)", "price_guide": "260.00", "price_wholesale": "230.00"}
    await push(stub, "sku", [sku])
    await push(stub, "org", [{"org_code": "C340100", "name": "合肥市公司", "adcode": "340100"}])
    await push(stub, "retailer", [shop(retailer_code="R340100000001", account_manager_user_id="wang")])


async def push(stub: Stub, kind: str, rows: object, *, key: str = "", source: str = "till") -> Any:
    return await send(stub, kind, json.dumps(rows).encode(), JSON, key=key, source=source)


async def send(stub: Stub, kind: str, body: bytes, content_type: str, *, key: str = "", source: str = "till") -> Any:
    request = pb.TakeInRequest(
        kind=kind, source=source, content_type=content_type, idempotency_key=key, body=body, sent_by="test"
    )
    return (await stub.TakeIn(request)).receipt


def counts(receipt: Any) -> tuple[int, int, int, int]:
    return receipt.accepted, receipt.quarantined, receipt.rejected, receipt.duplicates


async def booked(stub: Stub, kind: str, key: str) -> dict[str, Any]:
    async def found() -> dict[str, Any] | None:
        try:
            return json.loads((await stub.GetRecord(pb.GetRecordRequest(kind=kind, key=key))).record_json)
        except NotFound:
            return None

    return await eventually(found)


async def caught_up(log: Bus) -> None:
    looks = 0

    # The log acknowledges a message a moment before it counts it as one that waits: one look may come too soon.
    async def nothing_waits() -> bool:
        nonlocal looks
        looks = looks + 1 if await log.pending(STREAM, DURABLE) == 0 else 0
        return looks > 1

    await eventually(nothing_waits)


async def balances(stub: Stub, log: Bus) -> dict[tuple[str, str], Any]:
    await caught_up(log)

    # The log acknowledges a message a moment before it counts it as one that waits.
    async def all_booked() -> list[Any] | None:
        rows = list((await stub.GetQuality(pb.GetQualityRequest())).balances)
        return None if any(row.pending for row in rows) else [rows]

    [found] = await eventually(all_booked)
    return {(row.source, row.kind): row for row in found}


def is_balanced(row: Any) -> bool:
    return row.received == row.stored + row.duplicate + row.quarantined + row.rejected + row.pending


def frame(body: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(body))


async def everything(db: Database) -> str:
    async with db.transaction() as session:
        tables = await read_frame(session, "SELECT tablename FROM pg_tables WHERE schemaname = 'ingest'")
        dumps = [
            await read_frame(session, f"SELECT t::text AS row FROM ingest.{name} t") for name in tables["tablename"]
        ]
    return "\n".join(row for dump in dumps if dump.height for row in dump["row"])
