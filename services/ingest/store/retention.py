"""What is older than it may be, removed from the book and from the history."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.db import Database
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.privacy.retention import Due
from services.ingest.domain.schemas.history import DAY
from services.ingest.store.erase_history import rewrite
from services.ingest.store.history import History, files_of
from services.ingest.store.privacy_tables import RETENTION
from services.ingest.store.tables import BOOKS, QUARANTINE, SUPERSEDED
from services.ingest.usecases.retaining import Removed

STATEMENT_LIMIT = "1800s"


class PerishableBook:
    """The tables of the kinds, with what was replaced and set aside."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def remove(self, what: Due) -> dict[str, int]:
        if what.kind not in BOOKS or not what.clears:
            return {}
        empty = ", ".join(f'"{name}" = NULL' for name in what.clears)
        held = " OR ".join(f'"{name}" IS NOT NULL' for name in what.clears)
        nulls = "jsonb_build_object(" + ", ".join(f"'{name}', NULL" for name in what.clears) + ")"
        in_json = " OR ".join(f"record ->> '{name}' IS NOT NULL" for name in what.clears)
        statements = {
            "book": f'UPDATE {BOOKS[what.kind].fullname} SET {empty} WHERE "{what.column}" < :before AND ({held})',
            "superseded": f"UPDATE {SUPERSEDED.fullname} SET record = record || {nulls} WHERE kind = :kind "
            f"AND left(record ->> '{what.column}', 10) < :day AND ({in_json})",
            "quarantine": f"UPDATE {QUARANTINE.fullname} SET record = record || {nulls} WHERE kind = :kind "
            f"AND quarantined_at < :before AND ({in_json})",
        }
        values = {"before": what.before, "kind": what.kind, "day": what.before.isoformat()}
        removed = {}
        for store, statement in statements.items():
            async with self._db.transaction() as session:
                await session.execute(sa.text(f"SET LOCAL statement_timeout = '{STATEMENT_LIMIT}'"))
                bound = {name: value for name, value in values.items() if f":{name}" in statement}
                done = await session.execute(sa.text(statement), bound)
                removed[store] = int(done.rowcount)  # type: ignore[attr-defined]  # of a cursor
        return removed


class PerishableHistory:
    """The tables of the history. Files of the past go when the days are over that it can be read as it was."""

    def __init__(self, past: History) -> None:
        self._past = past

    async def remove(self, what: Due) -> dict[str, int]:
        return {"history": await self._past.work(partial(_remove, self._past, what))}


def _remove(past: History, what: Due) -> int:
    table = past.table(what.kind)
    if table is None:
        return 0
    if not what.clears:
        # The days are the partitions: whole files go, and nothing is read.
        files = files_of(table).filter(pl.col(f"partition.{DAY}") < what.before.isoformat())
        if not files.is_empty():
            table.delete(f"{DAY} < '{what.before.isoformat()}'")
        return int(files.get_column("num_records").sum())
    files = files_of(table)
    if what.column == "biz_date":
        files = files.filter((pl.col("min.biz_date") < what.before).fill_null(value=True))
    old = (pl.col(what.column) < what.before) & pl.any_horizontal(pl.col(what.clears).is_not_null())
    hits = [_count(file, old, what.clears) for file in files.get_column("uri")]
    named = files.with_columns(pl.Series("hits", hits, pl.Int64)).filter(pl.col("hits") > 0)
    if named.is_empty():
        return 0
    cleared = pl.when(old.fill_null(value=False)).then(None).otherwise(pl.col(what.clears)).name.keep()
    rewrite(past, KINDS[what.kind], table, named, lambda rows: rows.with_columns(cleared))
    return int(named.get_column("hits").sum())


def _count(file: str, old: pl.Expr, columns: Sequence[str]) -> int:
    rows = pl.scan_parquet(file, hive_partitioning=False)
    if not set(columns) <= set(rows.collect_schema()):
        return 0
    return int(rows.filter(old).select(pl.len()).collect(engine="streaming").item())


class PostgresRetention:
    """The table of what retention removed."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def note(self, removed: Sequence[Removed]) -> None:
        if not removed:
            return
        names = ("kind", "store", "removes", "before", "rows", "at")
        rows = [{"id": uuid.uuid4().hex, **{name: getattr(each, name) for name in names}} for each in removed]
        async with self._db.transaction() as session:
            await session.execute(insert(RETENTION), rows)
