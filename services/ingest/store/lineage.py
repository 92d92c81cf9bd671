"""The trail of a record in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chassis.db import Database
from services.ingest.domain.cleaning.identity import part_id
from services.ingest.store.tables import (
    BOOKS,
    CONNECTION,
    ENTRY,
    QUARANTINE,
    QUARANTINE_CHANGE,
    RECEIPT,
    SUPERSEDED,
)
from services.ingest.usecases.lineage import Step, Version

AROUND = timedelta(seconds=10)
"""An id begins with the time of its body, which may differ a little from that of its arrival."""
MAX_MESSAGES = 1000
"""Messages of the largest body: a million records."""


class PostgresTrail:
    """Looks where a record may be; by its time first, as no table has an index of ids."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def version(self, record_id: str, arrived: datetime) -> Version | None:
        values = {"id": record_id, "first": arrived - AROUND, "last": arrived + AROUND}
        books = " UNION ALL ".join(
            f"SELECT '{name}' AS kind, to_jsonb(b) AS record FROM {book.fullname} b "
            "WHERE ingested_at BETWEEN CAST(:first AS timestamptz) AND CAST(:last AS timestamptz) "
            "AND record_id = CAST(:id AS text)"
            for name, book in BOOKS.items()
        )
        current = sa.text(books).columns(kind=sa.Text, record=JSONB)
        older = sa.select(SUPERSEDED).where(SUPERSEDED.c.record_id == record_id)
        async with self._db.transaction() as session:
            if row := (await session.execute(older)).first():
                return Version(row.kind, row.record, row.superseded_at)
            found = (await session.execute(current, values)).first()
        return None if found is None else Version(found.kind, found.record)

    async def versions(self, kind: str, key: str) -> Sequence[Version]:
        book = BOOKS[kind]
        now = sa.select(sa.func.to_jsonb(sa.literal_column("booked"), type_=JSONB)).select_from(
            sa.select(book).where(book.c.record_key == key).subquery("booked")
        )
        older = sa.select(SUPERSEDED).where(SUPERSEDED.c.kind == kind, SUPERSEDED.c.record_key == key)
        async with self._db.transaction() as session:
            current = [Version(kind, record) for record in (await session.scalars(now)).all()]
            rows = (await session.execute(older)).all()
        return [*current, *(Version(kind, row.record, row.superseded_at) for row in rows)]

    async def item(self, id: str) -> Mapping[str, Any] | None:
        named = sa.or_(QUARANTINE.c.id == id, sa.and_(QUARANTINE.c.replayed_as == id, QUARANTINE.c.replayed_as != ""))
        async with self._db.transaction() as session:
            row = (await session.execute(sa.select(QUARANTINE).where(named).limit(1))).mappings().first()
        return None if row is None else dict(row)

    async def changes(self, item_id: str) -> Sequence[Step]:
        asked = sa.select(QUARANTINE_CHANGE).where(QUARANTINE_CHANGE.c.item_id == item_id)
        async with self._db.transaction() as session:
            rows = (await session.execute(asked.order_by(QUARANTINE_CHANGE.c.revision))).all()
        return [
            Step("quarantine", item_id, row.at, {"action": row.action, "by": row.done_by, "exact": True, **row.detail})
            for row in rows
        ]

    async def receipts(self, batches: Sequence[str]) -> Sequence[Step]:
        asked = sa.select(RECEIPT).where(RECEIPT.c.batch_id.in_(batches))
        async with self._db.transaction() as session:
            rows = (await session.execute(asked)).all()
        return [
            Step("batch", row.batch_id, row.at, {"sent_by": row.sent_by, "exact": True, **row.receipt}) for row in rows
        ]

    async def messages(self, batch: str) -> Sequence[str]:
        names = [part_id(batch, place) for place in range(MAX_MESSAGES)]
        asked = sa.select(ENTRY.c.id).where(ENTRY.c.id == sa.any_(sa.literal(names, sa.ARRAY(sa.Text))))
        async with self._db.transaction() as session:
            return list((await session.scalars(asked.order_by(ENTRY.c.id))).all())

    async def connections(self, source: str) -> Sequence[str]:
        asked = sa.select(CONNECTION.c.name).where(CONNECTION.c.source == source).order_by(CONNECTION.c.name)
        async with self._db.transaction() as session:
            return list((await session.scalars(asked)).all())
