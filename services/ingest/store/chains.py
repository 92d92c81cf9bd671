"""The states of an order's lines, from the book and the versions that were replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chassis.db import Database
from services.ingest.store.tables import BOOKS, SUPERSEDED
from services.ingest.usecases.reporting import Chain

DONE = ("delivered", "received", "settled", "cancelled", "returned")
ORDER_CYCLE_DAYS = 7
SCHEMA: dict[str, pl.DataType] = {
    "line_no": pl.Int64(),
    "state": pl.String(),
    "entered_at": pl.Datetime("us", "UTC"),
    "is_current": pl.Boolean(),
    "source": pl.String(),
    "record_id": pl.String(),
}


@dataclass(frozen=True, slots=True)
class _Fields:
    """How a kind of order says what a chain needs; a state may have a field with its own time."""

    number: str
    state: str
    times: dict[str, str]
    promised: str = ""


_KINDS = {
    "commercial_order": _Fields("order_no", "state", {"new": "ordered_at", "delivered": "delivered_at"}),
    "oms_order": _Fields("oms_no", "status", {"new": "ordered_at"}, "promised_on"),
    "transfer": _Fields("transfer_no", "status", {"shipped": "shipped_at", "received": "received_at"}, "planned_on"),
}


async def chain(db: Database, kind: str, no: str, today: date) -> Chain | None:
    """The chain of one order; None when the book has no line of it. A line enters a state with the first version."""
    fields, book = _KINDS[kind], BOOKS[kind]
    lines = sa.select(book).where(book.c[fields.number] == no).subquery("booked")
    current = sa.select(sa.func.to_jsonb(sa.literal_column("booked"), type_=JSONB)).select_from(lines)
    async with db.transaction() as session:
        now: Sequence[dict[str, Any]] = (await session.scalars(current)).all()
        keys = sa.literal([line["record_key"] for line in now], sa.ARRAY(sa.Text))
        older = sa.select(SUPERSEDED.c.record).where(
            SUPERSEDED.c.kind == kind, SUPERSEDED.c.record_key == sa.any_(keys)
        )
        before: Sequence[dict[str, Any]] = (await session.scalars(older)).all()
    if not now:
        return None
    rows = [row for line in now for row in _states(fields, line, [old for old in before if _same(old, line)])]
    promises = [promise for line in now if (promise := _promise(fields, line)) is not None]
    open_promises = [_promise(fields, line) for line in now if line[fields.state] not in DONE]
    is_late = any(promise is not None and promise < today for promise in open_promises)
    return Chain(pl.DataFrame(rows, schema=SCHEMA, orient="row"), min(promises, default=None), is_late)


def _same(old: dict[str, Any], line: dict[str, Any]) -> bool:
    return bool(old["record_key"] == line["record_key"])


def _states(
    fields: _Fields, line: dict[str, Any], before: Sequence[dict[str, Any]]
) -> list[tuple[int, str, datetime, bool, str, str]]:
    versions = sorted((*before, line), key=lambda each: (_time(each["occurred_at"]), _time(each["ingested_at"])))
    rows: list[tuple[int, str, datetime, bool, str, str]] = []
    for version in versions:
        state = version[fields.state]
        if state is None or (rows and rows[-1][1] == state):
            continue
        at = _entered(fields, version, state)
        rows.append((version["line_no"], state, at, False, version["source"], version["record_id"]))
    if rows:
        rows[-1] = (*rows[-1][:3], True, *rows[-1][4:])
    return rows


def _entered(fields: _Fields, version: dict[str, Any], state: str) -> datetime:
    """The time that the source gives for the state, else that of its arrival."""
    own = version.get(fields.times.get(state, "")) or version.get("status_at")
    return _time(own or version["ingested_at"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" ", "T", 1).replace("Z", "+00:00"))


def _promise(fields: _Fields, line: dict[str, Any]) -> date | None:
    """The promised day; a retailer's order has none of its own and is due one usual order cycle after its day."""
    if not fields.promised:
        return date.fromisoformat(line["biz_date"]) + timedelta(days=ORDER_CYCLE_DAYS)
    return date.fromisoformat(line[fields.promised]) if line.get(fields.promised) else None
