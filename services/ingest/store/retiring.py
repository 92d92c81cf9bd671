"""Versions that give way: kept beside the book in the shape they had, and keys that were deleted."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import copy_frame
from services.ingest.domain.keeping.versions import DELETE, Verdict
from services.ingest.store.copying import as_json
from services.ingest.store.tables import DELETED, SCHEMA, SUPERSEDED

_DELETED_COLUMNS = (
    "record_key",
    "record_id",
    "payload_hash",
    "source",
    "batch_id",
    "occurred_at",
    "ingested_at",
    "line",
)


async def retire(session: AsyncSession, book: sa.Table, kind: str, verdict: Verdict) -> None:
    """Makes room for what the verdict stores, and for the deletions."""
    if not verdict.replaced.is_empty():
        await _retire_replaced(session, book, kind, verdict.replaced)
    beside = pl.concat([verdict.outdated, verdict.deletions])
    if not beside.is_empty():
        await _keep_beside(session, kind, beside)
    if not verdict.deletions.is_empty():
        rows = verdict.deletions.select(*_DELETED_COLUMNS, pl.lit(kind).alias("kind"))
        await copy_frame(session, DELETED.name, rows, schema=SCHEMA)


async def _retire_replaced(session: AsyncSession, book: sa.Table, kind: str, replaced: pl.DataFrame) -> None:
    is_deletion = pl.col("op").eq_missing(DELETE)
    booked = replaced.filter(~is_deletion).get_column("record_key").to_list()
    if booked:
        await session.execute(
            sa.text(
                f"WITH gone AS (DELETE FROM {book.fullname} WHERE record_key = ANY(:keys) RETURNING *) "
                f"INSERT INTO {SUPERSEDED.fullname} (record_id, kind, record_key, payload_hash, record, superseded_at) "
                "SELECT record_id, :kind, record_key, payload_hash, to_jsonb(gone), now() FROM gone "
                "ON CONFLICT DO NOTHING"
            ),
            {"keys": booked, "kind": kind},
        )
    deleted = replaced.filter(is_deletion).get_column("record_key").to_list()
    if deleted:
        await session.execute(
            sa.delete(DELETED).where(
                DELETED.c.kind == kind,
                DELETED.c.record_key == sa.any_(sa.bindparam("keys", deleted, type_=sa.ARRAY(sa.Text))),
            )
        )


async def _keep_beside(session: AsyncSession, kind: str, records: pl.DataFrame) -> None:
    rows = records.select(
        "record_id",
        pl.lit(kind).alias("kind"),
        "record_key",
        "payload_hash",
        as_json(records, without="part").alias("record"),
        pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")).alias("superseded_at"),
    )
    await copy_frame(session, SUPERSEDED.name, rows, schema=SCHEMA)
