"""Messages of the log, made without a door."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from chassis.db import Database, database
from chassis.testing import fresh_database
from services.ingest.domain.cleaning.receipt import Reason, Refused
from services.ingest.store import SCHEMA
from services.ingest.usecases import Accepted, SetAside
from tests.ingest.builders import NOW, Row, clean_rows

OUTCOME = ("received", "stored", "duplicate", "quarantined", "rejected", "pending", "repaired")


def message(id: str, *rows: Row, kind: str = "pos_sale", source: str = "till", at: datetime = NOW) -> Accepted:
    """A message with these records, as the door would have published it."""
    cleaned = clean_rows(kind, *rows)
    assert cleaned.accepted.height == len(rows), cleaned.receipt
    records = cleaned.accepted.with_columns(
        pl.lit(source).alias("source"),
        pl.lit(at).cast(pl.Datetime("us", "UTC")).alias("ingested_at"),
        pl.lit(id).alias("batch_id"),
        pl.format("{}-{}", pl.lit(id), "line").alias("record_id"),
    )
    return Accepted(
        part_id=id,
        kind=kind,
        schema_version=1,
        source=source,
        records=records,
        at=at,
        duplicates=0,
        repaired=int((records.get_column("quality_status") == "repaired").sum()),
        refused=0,
    )


def edited(part: Accepted, **columns: Any) -> Accepted:
    """The message with other values, by line, that no door would let through."""
    records = part.records
    for name, by_line in columns.items():
        values = records.get_column(name).to_list()
        for line, value in by_line.items():
            values[line] = value
        records = records.with_columns(pl.Series(name, values, dtype=records.schema[name]))
    return replace(part, records=records)


def deletion(id: str, *keys: str, at: datetime = NOW, source: str = "till", **of: Any) -> Accepted:
    """A message that deletes records of these keys, as the door publishes it."""
    model = message(id, *({**of, "order_no": key} for key in keys), source=source, at=at)
    gone = pl.format("{}-deleted", "record_key")
    return replace(model, records=model.records.with_columns(pl.lit("delete").alias("op"), gone.alias("payload_hash")))


def refusal(id: str, *records: tuple[str, str], at: datetime = NOW, source: str = "till") -> SetAside:
    """A message of refused records, each a severity and its content."""
    return SetAside(
        message_id=id,
        batch_id=id,
        kind="pos_sale",
        source=source,
        records=tuple(
            Refused(line, severity, content, (Reason(f"/{line}/qty", "DQ-22", 1, "nothing was sold", severity),))
            for line, (severity, content) in enumerate(records)
        ),
        at=at,
        trace_id="",
    )


def hours(number: float) -> str:
    """A time of day on the day before."""
    return (datetime(2025, 3, 15, tzinfo=UTC) + timedelta(hours=number)).isoformat()


@asynccontextmanager
async def empty_book(url: str, template: str) -> AsyncIterator[Database]:
    """A migrated database of its own."""
    async with fresh_database(url, template=template) as fresh, database(fresh, SCHEMA) as db:
        yield db


async def rows(db: Database, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a question to the database."""
    async with db.transaction() as session:
        return [tuple(row) for row in (await session.execute(sa.text(statement))).all()]


async def days_differ(db: Database) -> list[tuple[Any, ...]]:
    """Days, sources and kinds whose sums are not those of their entries, or do not add up."""
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in OUTCOME)
    kept, found = (", ".join(f"{table}.{name}" for name in OUTCOME) for table in ("d", "e"))
    unequal = f"({kept}) IS DISTINCT FROM ({found}) AND (d.received <> 0 OR e.received IS NOT NULL)"
    unbalanced = "d.received <> d.stored + d.duplicate + d.quarantined + d.rejected + d.pending"
    return await rows(
        db,
        f"SELECT * FROM ingest.balance_day d FULL JOIN (SELECT (at AT TIME ZONE 'Asia/Shanghai')::date AS day, source, "
        f"kind, {sums} FROM ingest.entry GROUP BY 1, 2, 3) e USING (day, source, kind) WHERE {unequal} OR {unbalanced}",
    )


async def state(db: Database) -> dict[str, Any]:
    """Everything the book says, without the times at which it was written."""
    sums = ", ".join(f"sum({name})::bigint" for name in OUTCOME)
    return {
        "book": await rows(db, "SELECT record_key, record_id, amount, source FROM ingest.pos_sale ORDER BY 1"),
        "superseded": await rows(db, "SELECT record_key, record_id FROM ingest.superseded ORDER BY 1, 2"),
        "deleted": await rows(db, "SELECT record_key, record_id FROM ingest.deleted ORDER BY 1"),
        "quarantine": await rows(db, "SELECT id, reasons::text FROM ingest.quarantine ORDER BY 1"),
        "balance": await rows(db, f"SELECT source, day, {sums} FROM ingest.balance_day GROUP BY 1, 2 ORDER BY 1, 2"),
        "rules": await rows(db, "SELECT source, rule, severity, records FROM ingest.rule_count ORDER BY 1, 2, 3"),
    }


async def balance(db: Database, source: str = "till") -> dict[str, int]:
    """The sums of a source."""
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in OUTCOME)
    found = await rows(db, f"SELECT {sums} FROM ingest.balance_day WHERE source = '{source}'")
    return {name: value for name, value in zip(OUTCOME, found[0], strict=True) if value}


async def content(db: Database, id: str) -> dict[str, Any]:
    """A quarantined record."""
    found = await rows(db, f"SELECT record::text FROM ingest.quarantine WHERE id = '{id}'")
    return dict(json.loads(found[0][0]))
