"""The balance, the sources and the quarantine."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.db import Database
from chassis.errors import Invalid, Problem
from services.ingest.domain.receipt import Reason, Receipt
from services.ingest.store.tables import DAY, ENTRY, QUARANTINE, RECEIPT
from services.ingest.usecases import Balance, Entry, Quarantined, SourceSeen, Taken

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


async def write_notes(db: Database, notes: Sequence[tuple[Taken, Sequence[Entry]]]) -> None:
    """Writes receipts and entries; what the book knows already stays as it is."""
    entries = {entry.id: _entry_row(entry) for _, several in notes for entry in several}
    receipts = {taken.receipt.batch_id: _receipt_row(taken) for taken, _ in notes}
    async with db.transaction() as session:
        # In one order, so that two replicas never wait for each other.
        if entries:
            rows = [entries[id] for id in sorted(entries)]
            await session.execute(insert(ENTRY).values(rows).on_conflict_do_nothing())
        rows = [receipts[id] for id in sorted(receipts)]
        await session.execute(insert(RECEIPT).values(rows).on_conflict_do_nothing())


def _entry_row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "batch_id": entry.batch_id,
        "source": entry.source,
        "kind": entry.kind,
        "at": entry.at,
        "newest": entry.newest,
        **{name: getattr(entry, name) for name in COUNTS},
    }


def _receipt_row(taken: Taken) -> dict[str, Any]:
    return {
        "batch_id": taken.receipt.batch_id,
        "source": taken.source,
        "kind": taken.kind,
        "digest": taken.digest,
        "receipt": receipt_counts(taken.receipt),
        "at": taken.at,
        "sent_by": taken.sent_by,
    }


def receipt_counts(receipt: Receipt) -> dict[str, int]:
    """The numbers of a receipt, enough to answer its repetition."""
    names = ("accepted", "repaired", "quarantined", "rejected", "duplicates")
    return {name: getattr(receipt, name) for name in names}


async def find_receipt(db: Database, batch: str) -> Taken | None:
    """The receipt of a batch, without its reasons."""
    async with db.transaction() as session:
        row = (await session.execute(sa.select(RECEIPT).where(RECEIPT.c.batch_id == batch))).first()
    if row is None:
        return None
    return Taken(row.source, row.kind, row.digest, Receipt(batch, **row.receipt), row.at, row.sent_by)


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
