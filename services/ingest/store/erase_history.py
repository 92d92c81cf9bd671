"""Forgetting in the history: files that carry a subject are written anew, and the old ones are deleted at once.

Reading the past as it was ends there for the tables that are touched: a version from before would be the thing itself.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from services.ingest.domain.kinds import KINDS
from services.ingest.domain.privacy.erasing import Subject, carries, forget
from services.ingest.domain.schemas.fields import Kind
from services.ingest.domain.schemas.history import partition_of
from services.ingest.store.history import COMPRESSION_LEVEL, History, files_of, statistics
from services.ingest.store.history_upkeep import kinds_of

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

Change = Callable[[pl.LazyFrame], pl.LazyFrame]


class ErasableHistory:
    """All tables of the history."""

    def __init__(self, past: History) -> None:
        self._past = past

    async def erase(self, who: Subject) -> dict[str, int]:
        removed = 0
        for kind in await self._past.work(partial(kinds_of, self._past)):
            removed += await self._past.work(partial(_erase, self._past, kind, who))
        return {"history": removed}

    async def search(self, who: Subject) -> dict[str, int]:
        left = 0
        for kind in await self._past.work(partial(kinds_of, self._past)):
            left += await self._past.work(partial(_search, self._past, kind, who))
        return {"history": left}


def _search(past: History, kind: str, who: Subject) -> int:
    table = past.table(kind)
    if table is None:
        return 0
    return sum(_rows_with(file, who) for file in files_of(table).get_column("uri")) + _stale_rows_with(table, who)


def _erase(past: History, kind: str, who: Subject) -> int:
    table = past.table(kind)
    if table is None:
        return 0
    files = files_of(table)
    files = files.with_columns(pl.Series("hits", [_rows_with(file, who) for file in files.get_column("uri")], pl.Int64))
    named = files.filter(pl.col("hits") > 0)
    if named.is_empty() and not _stale_rows_with(table, who):
        return 0
    if not named.is_empty():
        rewrite(past, KINDS[kind], table, named, lambda rows: forget(rows, who))
    drop_all_past(table)
    past.forget(kind)
    return int(named.get_column("hits").sum())


def drop_all_past(table: DeltaTable) -> None:
    """Deletes every file that is not part of the newest version."""
    table.update_incremental()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)


def _stale_rows_with(table: DeltaTable, who: Subject) -> int:
    """Rows that carry the subject in files of the past that still exist."""
    root = table.table_uri.rstrip("/").removeprefix("file://")
    names = table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=True, full=True)
    found = 0
    for name in names:
        if name.endswith(".parquet"):
            # A file that was dropped is named until its tombstone is.
            with contextlib.suppress(FileNotFoundError):
                found += _rows_with(f"{root}/{name}", who)
    return found


def _rows_with(file: str, who: Subject) -> int:
    rows = pl.scan_parquet(file, hive_partitioning=False)
    return int(rows.filter(carries(rows, who)).select(pl.len()).collect(engine="streaming").item())


def rewrite(past: History, kind: Kind, table: DeltaTable, named: pl.DataFrame, change: Change) -> None:
    """Puts changed files in the place of the named ones (see `files_of`)."""
    if past.is_local:
        _rewrite_files(past, kind, table, named, change)
    else:
        _rewrite_partitions(kind, table, named, change)


def _rewrite_files(past: History, kind: Kind, table: DeltaTable, named: pl.DataFrame, change: Change) -> None:
    from deltalake.transaction import RemoveAction

    column = partition_of(kind)
    changes: list[AddAction | RemoveAction] = []
    for file in named.iter_rows(named=True):
        day = str(file[f"partition.{column}"])
        name = f"{column}={day}/part-{uuid.uuid4().hex}.parquet"
        rows = change(pl.scan_parquet(file["uri"], hive_partitioning=False))
        fresh = Path(past.root(kind.name), name)
        rows.sink_parquet(fresh, compression="zstd", compression_level=COMPRESSION_LEVEL)
        told = statistics(pl.scan_parquet(fresh, hive_partitioning=False))
        changes.append(past.added(kind.name, name, {column: day}, told))
        changes.append(RemoveAction(file["path"], True, int(time.time() * 1000), file["size_bytes"], {column: day}))
    past.commit_files(kind.name, table, changes)


def _rewrite_partitions(kind: Kind, table: DeltaTable, named: pl.DataFrame, change: Change) -> None:
    """The same in an object store, a partition at a time."""
    from deltalake import write_deltalake

    column = partition_of(kind)
    files = files_of(table)
    for day in named.get_column(f"partition.{column}").unique():
        paths = files.filter(pl.col(f"partition.{column}") == day).get_column("uri").to_list()
        rows = change(pl.scan_parquet(paths, hive_partitioning=False, missing_columns="insert")).collect()
        # The commit quotes this predicate: it names a day and nobody.
        where = f"{column} = '{day}'"
        write_deltalake(table, rows.with_columns(pl.lit(day).alias(column)), mode="overwrite", predicate=where)
        table.update_incremental()
