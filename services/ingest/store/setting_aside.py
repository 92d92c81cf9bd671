"""Records that the book does not take: refused at the door, contradicted, or refused by the database itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Unstorable, copy_frame
from services.ingest.domain.cleaning.batch import TRADE_ZONE
from services.ingest.domain.cleaning.receipt import Reason
from services.ingest.domain.keeping.versions import Verdict
from services.ingest.domain.kinds import KINDS
from services.ingest.store.copying import as_json, storable_json
from services.ingest.store.ledger import Ledger
from services.ingest.store.tables import BOOKS, QUARANTINE, SCHEMA
from services.ingest.usecases import Accepted, Entry, SetAside

CONFLICT_MESSAGE = "another source says something else of the same key and time; a person must decide"
UNSTORABLE_MESSAGE = "the database cannot hold a value of this record ({}); mend it and send it again"
SIEVE = "sieve"


def reasons_json(reasons: Sequence[Reason]) -> str:
    """Reasons as JSON text."""
    return json.dumps([asdict(reason) for reason in reasons], ensure_ascii=False)


async def write_refused(session: AsyncSession, part: SetAside, ledger: Ledger, *, sifted: bool) -> None:
    """Books refused records: those set aside with their masked content, all of them in the balance."""
    kept = [record for record in part.records if record.severity == "quarantine"]
    rows = pl.DataFrame(
        {
            "id": [f"{part.batch_id}-{record.line}" for record in kept],
            "line": [record.line for record in kept],
            "record": [record.record_json or "{}" for record in kept],
            "reasons": [reasons_json(record.reasons) for record in kept],
        },
        schema={"id": pl.String, "line": pl.Int64, "record": pl.String, "reasons": pl.String},
    ).with_columns(
        pl.lit(part.kind).alias("kind"),
        pl.lit(part.source).alias("source"),
        pl.lit(part.batch_id).alias("batch_id"),
        pl.lit(part.trace_id).alias("trace_id"),
    )
    await _write_rows(session, rows, part.at, sifted=sifted)
    ledger.add(
        Entry(
            id=part.message_id,
            batch_id=part.batch_id,
            source=part.source,
            kind=part.kind,
            at=part.at,
            received=len(part.records),
            quarantined=len(kept),
            rejected=len(part.records) - len(kept),
        )
    )
    ledger.fired_on_refused(part.at, part.source, part.kind, part.records)


async def _write_rows(session: AsyncSession, rows: pl.DataFrame, at: datetime, *, sifted: bool = True) -> None:
    """Rows of the quarantine; content that is no JSON for the database stands as text in it."""
    whole = rows.with_columns(
        storable_json(rows.get_column("record")),
        storable_json(rows.get_column("reasons")),
        pl.lit("open").alias("state"),
        pl.lit(at).cast(pl.Datetime("us", "UTC")).alias("quarantined_at"),
    )
    if sifted:
        good, bad = await sieve(session, QUARANTINE, whole, whole)
        texts = [json.dumps({"unreadable": row.record.get_column("record").item()}, ensure_ascii=False) for row in bad]
        wrapped = [row.record.with_columns(pl.lit(text).alias("record")) for row, text in zip(bad, texts, strict=True)]
        whole = pl.concat([good, *wrapped])
    await copy_frame(session, QUARANTINE.name, whole, schema=SCHEMA)


async def write_contradictions(session: AsyncSession, id: str, kind: str, verdict: Verdict, ledger: Ledger) -> None:
    """Both sides of a contradiction go to the quarantine; an entry of its own moves the earlier one in the balance."""
    if verdict.conflicting.is_empty():
        return
    reasons = _conflict_reasons(kind)
    keys = verdict.contradicted.get_column("record_key").to_list()
    moved = await session.execute(
        sa.text(
            f"WITH gone AS (DELETE FROM {BOOKS[kind].fullname} WHERE record_key = ANY(:keys) RETURNING *), "
            f"moved AS (INSERT INTO {QUARANTINE.fullname} "
            "(id, kind, source, batch_id, line, record, reasons, state, quarantined_at, trace_id) "
            "SELECT record_id, :kind, source, batch_id, line, to_jsonb(gone), CAST(:reasons AS jsonb), 'open', now(), "
            "coalesce(trace_id, '') FROM gone ON CONFLICT DO NOTHING) "
            "SELECT source, (ingested_at AT TIME ZONE :zone)::date AS day, max(ingested_at) AS at, "
            "count(*) AS records, count(*) FILTER (WHERE quality_status = 'repaired') AS repaired "
            "FROM gone GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        {"keys": keys, "kind": kind, "reasons": reasons, "zone": str(TRADE_ZONE)},
    )
    for row in moved.all():
        # It is booked on the day on which its records came, so that no day shows less than nothing.
        ledger.add(
            Entry(
                id=f"{id}:contradicted:{row.source}:{row.day}",
                batch_id=id,
                source=row.source,
                kind=kind,
                at=row.at,
                received=0,
                stored=-row.records,
                quarantined=row.records,
                repaired=-row.repaired,
            )
        )
        ledger.fired(row.at, row.source, kind, "DQ-05", "quarantine", records=row.records)
    rows = verdict.conflicting.select(
        pl.col("record_id").alias("id"),
        pl.lit(kind).alias("kind"),
        "source",
        "batch_id",
        "line",
        as_json(verdict.conflicting, without="part").alias("record"),
        pl.lit(reasons).alias("reasons"),
        pl.col("trace_id").fill_null(""),
    )
    await _write_rows(session, rows, datetime.now(UTC), sifted=False)


def _conflict_reasons(kind: str) -> str:
    pointer = f"/{KINDS[kind].keys[0]}"
    return reasons_json([Reason(pointer, "DQ-05", 1, CONFLICT_MESSAGE, "quarantine")])


@dataclass(frozen=True, slots=True)
class Caught:
    """One record that the database refuses, and why."""

    record: pl.DataFrame
    error: Unstorable


async def sieve(
    session: AsyncSession, table: sa.Table, storable: pl.DataFrame, records: pl.DataFrame
) -> tuple[pl.DataFrame, list[Caught]]:
    """The records that a table takes, and those that it refuses, found by halving: 2 log2(n) trials each.

    `storable` has the records in the shape that COPY needs, one by one. Nothing is written.
    """
    if records.is_empty():
        return records, []
    for statement in (
        f'DROP TABLE IF EXISTS pg_temp."{SIEVE}"',
        f'CREATE TEMP TABLE "{SIEVE}" (LIKE {table.fullname} INCLUDING ALL) ON COMMIT DROP',
        # A key may come in several versions, of which the table itself would hold one.
        f"ALTER TABLE {SIEVE} DROP CONSTRAINT {SIEVE}_pkey",
        f"CREATE INDEX ON {SIEVE} ({', '.join(column.name for column in table.primary_key)})",
    ):
        await session.execute(sa.text(statement))
    found = await _refused(session, storable, 0, storable.height)
    is_refused = pl.Series(range(records.height), dtype=pl.Int64).is_in([place for place, _ in found])
    return records.filter(~is_refused), [Caught(records[place : place + 1], error) for place, error in found]


async def _refused(session: AsyncSession, storable: pl.DataFrame, start: int, end: int) -> list[tuple[int, Unstorable]]:
    try:
        async with session.begin_nested() as trial:
            await copy_frame(session, SIEVE, storable[start:end])
            await trial.rollback()
        return []
    except Unstorable as error:
        if end - start == 1:
            return [(start, error)]
    middle = (start + end) // 2
    first = await _refused(session, storable, start, middle)
    return [*first, *await _refused(session, storable, middle, end)]


async def write_found(session: AsyncSession, kind: str, records: pl.DataFrame, reason: Reason) -> None:
    """Sets aside records that the book does not take, all for one reason."""
    rows = records.select(
        pl.col("record_id").alias("id"),
        pl.lit(kind).alias("kind"),
        "source",
        "batch_id",
        "line",
        as_json(records, without="part").alias("record"),
        pl.lit(reasons_json([reason])).alias("reasons"),
        pl.col("trace_id").fill_null(""),
    )
    await _write_rows(session, rows, datetime.now(UTC), sifted=False)


async def write_unstorable(session: AsyncSession, part: Accepted, caught: Sequence[Caught], ledger: Ledger) -> None:
    """Sets aside the records that the database refuses."""
    if not caught:
        return
    records = pl.concat([each.record for each in caught])
    reasons = [
        reasons_json([Reason(f"/{line}/{each.error.column}", "DQ-02", 1, _message(each.error), "quarantine")])
        for each, line in zip(caught, records.get_column("line").to_list(), strict=True)
    ]
    rows = records.select(
        pl.col("record_id").alias("id"),
        pl.lit(part.kind).alias("kind"),
        "source",
        "batch_id",
        "line",
        as_json(records, without="part").alias("record"),
        pl.Series("reasons", reasons, dtype=pl.String),
        pl.col("trace_id").fill_null(""),
    )
    await _write_rows(session, rows, part.at)
    ledger.fired(part.at, part.source, part.kind, "DQ-02", "quarantine", records=len(caught))


def _message(error: Unstorable) -> str:
    return UNSTORABLE_MESSAGE.format(error.reason)
