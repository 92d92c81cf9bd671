"""Writing the book of records: one message, one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Database, copy_frame
from chassis.outbox import is_new
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.receipt import Reason
from services.ingest.domain.schema import polars_schema
from services.ingest.domain.versions import CURRENT_SCHEMA, Verdict, judge
from services.ingest.store.tables import BOOKS, ENTRY, INBOX, QUARANTINE, SCHEMA, SUPERSEDED
from services.ingest.usecases import Accepted, SetAside

CONFLICT_MESSAGE = "another source says something else of the same key and time; a person must decide"


async def keep(db: Database, consumer: str, part: Accepted) -> None:
    """Books accepted records; a message that was booked before changes nothing."""
    kind = KINDS[part.kind]
    frame = part.records.select(pl.col(name).cast(dtype) for name, dtype in polars_schema(kind).items())
    async with db.transaction() as session:
        if not await is_new(session, INBOX, consumer, part.part_id):
            return
        if not kind.in_book:
            nothing = pl.DataFrame(schema=CURRENT_SCHEMA)
            await _count(session, part, judge(frame, nothing, nothing.select("record_key", "payload_hash")))
            return
        # One writer per kind: two replicas may hear two messages of one key at the same time.
        await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"ingest.{part.kind}"))))
        book = BOOKS[part.kind]
        verdict = judge(frame, *await _met(session, book, part.kind, frame))
        await _retire(session, book, part.kind, verdict)
        await _set_aside_contradictions(session, part, verdict)
        await copy_frame(session, book.name, for_copy(verdict.stored), schema=SCHEMA)
        await _count(session, part, verdict)


async def _met(
    session: AsyncSession, book: sa.Table, kind: str, frame: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The book's rows of the same keys, and the digests of versions that were replaced before."""
    keys = frame.get_column("record_key").unique().to_list()
    found = (
        await session.execute(
            sa.select(*(book.c[name] for name in CURRENT_SCHEMA)).where(
                book.c.record_key == sa.any_(sa.bindparam("keys", keys, type_=sa.ARRAY(sa.Text)))
            )
        )
    ).fetchall()
    older = (
        await session.execute(
            sa.select(SUPERSEDED.c.record_key, SUPERSEDED.c.payload_hash).where(
                SUPERSEDED.c.kind == kind,
                SUPERSEDED.c.record_key == sa.any_(sa.bindparam("keys", keys, type_=sa.ARRAY(sa.Text))),
            )
        )
    ).fetchall()
    current = pl.DataFrame([tuple(row) for row in found], schema=CURRENT_SCHEMA, orient="row")
    known_schema = {name: CURRENT_SCHEMA[name] for name in ("record_key", "payload_hash")}
    return current, pl.DataFrame([tuple(row) for row in older], schema=known_schema, orient="row")


async def _retire(session: AsyncSession, book: sa.Table, kind: str, verdict: Verdict) -> None:
    """Moves what gives way beside the book, in the shape it had."""
    if not verdict.replaced.is_empty():
        keys = verdict.replaced.get_column("record_key").to_list()
        await session.execute(
            sa.text(
                f"WITH gone AS (DELETE FROM {book.fullname} WHERE record_key = ANY(:keys) RETURNING *) "
                f"INSERT INTO {SUPERSEDED.fullname} (record_id, kind, record_key, payload_hash, record, superseded_at) "
                "SELECT record_id, :kind, record_key, payload_hash, to_jsonb(gone), now() FROM gone "
                "ON CONFLICT DO NOTHING"
            ),
            {"keys": keys, "kind": kind},
        )
    if not verdict.outdated.is_empty():
        rows = verdict.outdated.select(
            "record_id",
            pl.lit(kind).alias("kind"),
            "record_key",
            "payload_hash",
            pl.struct(pl.all()).struct.json_encode().alias("record"),
            pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")).alias("superseded_at"),
        )
        await copy_frame(session, SUPERSEDED.name, rows, schema=SCHEMA)


async def _set_aside_contradictions(session: AsyncSession, part: Accepted, verdict: Verdict) -> None:
    """Both sides of a contradiction go to the quarantine, and the balance of the earlier one moves with it."""
    if verdict.conflicting.is_empty():
        return
    book = BOOKS[part.kind]
    keys = verdict.contradicted.get_column("record_key").to_list()
    await session.execute(
        sa.text(
            f"WITH gone AS (DELETE FROM {book.fullname} WHERE record_key = ANY(:keys) RETURNING *), "
            f"moved AS (INSERT INTO {QUARANTINE.fullname} "
            "(id, kind, source, batch_id, line, record, reasons, state, quarantined_at, trace_id) "
            "SELECT record_id, :kind, source, batch_id, line, to_jsonb(gone), CAST(:reasons AS jsonb), 'open', now(), "
            "coalesce(trace_id, '') FROM gone ON CONFLICT DO NOTHING), "
            "counts AS (SELECT batch_id, count(*) AS n FROM gone GROUP BY batch_id) "
            f"UPDATE {ENTRY.fullname} e SET stored = e.stored - n, quarantined = e.quarantined + n "
            "FROM counts WHERE e.id = counts.batch_id"
        ),
        {"keys": keys, "kind": part.kind, "reasons": _conflict_reasons(part.kind)},
    )
    rows = verdict.conflicting.select(
        pl.col("record_id").alias("id"),
        pl.lit(part.kind).alias("kind"),
        "source",
        "batch_id",
        "line",
        pl.struct(pl.all()).struct.json_encode().alias("record"),
        pl.lit(_conflict_reasons(part.kind)).alias("reasons"),
        pl.lit("open").alias("state"),
        pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")).alias("quarantined_at"),
        pl.col("trace_id").fill_null(""),
    )
    await copy_frame(session, QUARANTINE.name, rows, schema=SCHEMA)


def _conflict_reasons(kind: str) -> str:
    pointer = f"/{KINDS[kind].keys[0]}"
    return reasons_json([Reason(pointer, "DQ-05", 1, CONFLICT_MESSAGE, "quarantine")])


def reasons_json(reasons: Sequence[Reason]) -> str:
    """Reasons as JSON text."""
    return json.dumps([asdict(reason) for reason in reasons], ensure_ascii=False)


async def _count(session: AsyncSession, part: Accepted, verdict: Verdict) -> None:
    """The message's line of the balance: nothing of it is pending any more."""
    newest = part.records.get_column("biz_date").max()
    outcome = {
        "received": part.records.height + part.duplicates,
        "pending": 0,
        "stored": verdict.stored.height + verdict.outdated.height,
        "duplicate": part.duplicates + verdict.duplicates,
        "quarantined": verdict.conflicting.height,
        "rejected": 0,
        "repaired": part.repaired,
        "newest": newest,
    }
    row = {
        "id": part.part_id,
        "batch_id": part.part_id,
        "source": part.source,
        "kind": part.kind,
        "at": part.at,
        **outcome,
    }
    await session.execute(insert(ENTRY).values(row).on_conflict_do_update(index_elements=["id"], set_=outcome))


async def set_aside(db: Database, consumer: str, part: SetAside) -> None:
    """Books refused records: those set aside with their masked content, all of them in the balance."""
    kept = [record for record in part.records if record.severity == "quarantine"]
    counts = {
        "received": len(part.records),
        "pending": 0,
        "stored": 0,
        "duplicate": 0,
        "quarantined": len(kept),
        "rejected": len(part.records) - len(kept),
        "repaired": 0,
    }
    async with db.transaction() as session:
        if not await is_new(session, INBOX, consumer, part.message_id):
            return
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
            pl.lit("open").alias("state"),
            pl.lit(part.at).cast(pl.Datetime("us", "UTC")).alias("quarantined_at"),
            pl.lit(part.trace_id).alias("trace_id"),
        )
        await copy_frame(session, QUARANTINE.name, rows, schema=SCHEMA)
        row = {
            "id": part.message_id,
            "batch_id": part.batch_id,
            "source": part.source,
            "kind": part.kind,
            "at": part.at,
            **counts,
        }
        await session.execute(insert(ENTRY).values(row).on_conflict_do_update(index_elements=["id"], set_=counts))


def for_copy(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame whose lists are JSON text, as COPY needs them."""
    rules = pl.col("quality_rules")
    joined = pl.concat_str(pl.lit('["'), rules.list.join('","'), pl.lit('"]'))
    return frame.with_columns(pl.when(rules.list.len() > 0).then(joined).otherwise(pl.lit("[]")).alias("quality_rules"))
