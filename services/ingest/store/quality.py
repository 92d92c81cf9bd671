"""The balance, the sources and the quarantine."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from chassis.db import Database
from chassis.errors import Invalid, Problem
from services.ingest.domain.receipt import Reason
from services.ingest.store.tables import DAY, QUARANTINE
from services.ingest.usecases import Balance, Quarantined, SourceSeen

COUNTS = ("received", "stored", "duplicate", "quarantined", "rejected", "pending", "repaired")


async def balances(db: Database) -> list[Balance]:
    """The sums of all entries, by source and kind."""
    sums = [sa.func.sum(DAY.c[name]).label(name) for name in COUNTS]
    statement = sa.select(DAY.c.source, DAY.c.kind, *sums).group_by(DAY.c.source, DAY.c.kind)
    async with db.transaction() as session:
        rows = (await session.execute(statement.order_by(DAY.c.source, DAY.c.kind))).mappings().all()
    return [
        Balance(source=row["source"], kind=row["kind"], **{name: int(row[name]) for name in COUNTS}) for row in rows
    ]


async def sources(db: Database) -> list[SourceSeen]:
    """Sources that have sent."""
    statement = sa.select(
        DAY.c.source,
        sa.func.max(DAY.c.newest).label("newest"),
        sa.func.max(DAY.c.last_at).label("last"),
        sa.func.sum(DAY.c.received).label("received"),
    ).group_by(DAY.c.source)
    async with db.transaction() as session:
        rows = (await session.execute(statement)).all()
    return [
        SourceSeen(name=row.source, newest=row.newest, last_seen_at=row.last, received=int(row.received))
        for row in rows
    ]


async def newest_days(db: Database) -> dict[tuple[str, str], date]:
    """The newest business date by source and kind."""
    statement = sa.select(DAY.c.source, DAY.c.kind, sa.func.max(DAY.c.newest).label("newest"))
    grouped = statement.where(DAY.c.newest.is_not(None)).group_by(DAY.c.source, DAY.c.kind)
    async with db.transaction() as session:
        rows = (await session.execute(grouped)).all()
    return {(row.source, row.kind): row.newest for row in rows}


async def quarantine(
    db: Database, *, kind: str, source: str, state: str, limit: int, cursor: str
) -> tuple[list[Quarantined], str]:
    """Records set aside, newest first, and the cursor of the next page."""
    conditions = [QUARANTINE.c.state == state, *_before(cursor)]
    conditions += [QUARANTINE.c[name] == value for name, value in (("kind", kind), ("source", source)) if value]
    order = (QUARANTINE.c.quarantined_at.desc(), QUARANTINE.c.id.desc())
    async with db.transaction() as session:
        statement = sa.select(QUARANTINE).where(*conditions).order_by(*order).limit(limit + 1)
        rows = (await session.execute(statement)).all()
    following = _cursor(rows[limit - 1]) if len(rows) > limit else ""
    return [_item(row) for row in rows[:limit]], following


def _item(row: Any) -> Quarantined:
    return Quarantined(
        id=row.id,
        kind=row.kind,
        source=row.source,
        batch_id=row.batch_id,
        line=row.line,
        record_json=json.dumps(row.record, ensure_ascii=False),
        reasons=tuple(Reason(**reason) for reason in row.reasons),
        state=row.state,
        at=row.quarantined_at,
        trace_id=row.trace_id,
    )


def _before(cursor: str) -> list[sa.ColumnElement[bool]]:
    if not cursor:
        return []
    try:
        at, id = json.loads(base64.urlsafe_b64decode(cursor))
        place = sa.tuple_(sa.literal(datetime.fromisoformat(at)), sa.literal(str(id)))
    except (ValueError, TypeError, binascii.Error):
        message = "use the cursor as the previous page gave it"
        raise Invalid("the cursor is not valid", errors=[Problem("", "cursor", message)]) from None
    return [sa.tuple_(QUARANTINE.c.quarantined_at, QUARANTINE.c.id) < place]


def _cursor(row: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([row.quarantined_at.isoformat(), row.id]).encode()).decode()
