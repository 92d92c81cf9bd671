"""The history: every accepted record of every kind, in columns, in a folder or an object store (Delta Lake).

    ADDRESS/KIND/biz_month=2025-03/*.parquet      rows, one version of a record each
    ADDRESS/KIND/_delta_log/                      commits; each carries the newest sequence of the log that it holds

A message is written exactly once: a sequence above that of the newest commit is new, any other is looked for among the
rows, and two writers that commit at once are told apart by the application transaction. Nothing that a sender wrote may
stand in the commits: they name columns and days only.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from chassis.errors import Unavailable
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.fields import Kind
from services.ingest.domain.schemas.history import SEQUENCE, history_schema, partition_of

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

WRITER = "ingest-history"
COMPRESSION_LEVEL = 1
CHECKPOINT_EVERY = "50"
CONFLICTS = 5
T = TypeVar("T")


class History:
    """Tables by kind. All work is done one piece at a time, on a thread of its own, beside the event loop."""

    def __init__(self, address: str, *, kept_days: int) -> None:
        self.address = address.rstrip("/")
        self.kept_days = kept_days
        self.is_local = "://" not in address
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self._tables: dict[str, DeltaTable] = {}

    async def work(self, piece: Callable[[], T]) -> T:
        """Does a piece of work on the tables when those before it are done."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(_retriable, piece))

    async def append(self, kind: Kind, rows: pl.DataFrame) -> int:
        """Adds rows (see `history_rows`) in one commit; returns how many had not been there."""
        return await self.work(lambda: self._append(kind, rows))

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    def root(self, kind: str) -> str:
        return f"{self.address}/{kind}"

    def table(self, kind: str) -> DeltaTable | None:
        """The newest state of a table; None before its first row."""
        from deltalake import DeltaTable

        known = self._tables.get(kind)
        if known is not None:
            known.update_incremental()
            return known
        if not DeltaTable.is_deltatable(self.root(kind)):
            return None
        self._tables[kind] = DeltaTable(self.root(kind))
        return self._tables[kind]

    def forget(self, kind: str) -> None:
        """Drops what is known of a table, so that it is read anew."""
        self._tables.pop(kind, None)

    def _append(self, kind: Kind, rows: pl.DataFrame) -> int:
        from deltalake.exceptions import CommitFailedError

        for _ in range(CONFLICTS):
            table = self.table(kind.name) or self._create(kind)
            self._widen(kind, table)
            newest = table.transaction_version(WRITER)
            fresh = rows if newest is None else _absent(table, rows, newest)
            if fresh.is_empty():
                return 0
            version = max(newest or 0, _largest(fresh))
            try:
                self._commit(kind, table, fresh, version)
            except CommitFailedError:
                self.forget(kind.name)
                continue
            return fresh.height
        raise Unavailable("others keep writing the same table of the history", retry_after_s=1)

    def _create(self, kind: Kind) -> DeltaTable:
        from deltalake import DeltaTable, Schema

        if self.is_local:
            Path(self.root(kind.name)).mkdir(parents=True, exist_ok=True)
        kept = f"interval {self.kept_days} days"
        self._tables[kind.name] = DeltaTable.create(
            self.root(kind.name),
            Schema.from_arrow(_arrow_schema(history_schema(kind))),
            mode="ignore",
            partition_by=[partition_of(kind)],
            configuration={
                # Statistics quote values, and the commits that hold them outlive the rows.
                "delta.dataSkippingStatsColumns": f"biz_date,{SEQUENCE}",
                "delta.logRetentionDuration": kept,
                "delta.deletedFileRetentionDuration": kept,
                "delta.checkpointInterval": CHECKPOINT_EVERY,
            },
        )
        return self._tables[kind.name]

    def _widen(self, kind: Kind, table: DeltaTable) -> None:
        """Adds the columns that the kind has gained."""
        from deltalake import Schema

        known = {field.name for field in table.schema().fields}
        gained = {name: dtype for name, dtype in history_schema(kind).items() if name not in known}
        if gained:
            table.alter.add_columns(list(Schema.from_arrow(_arrow_schema(gained)).fields))

    def _commit(self, kind: Kind, table: DeltaTable, rows: pl.DataFrame, version: int) -> None:
        from deltalake import CommitProperties, Transaction, write_deltalake

        once = CommitProperties(app_transactions=[Transaction(WRITER, version)])
        if self.is_local:
            self._commit_files(kind, table, rows, once)
        else:
            write_deltalake(table, rows, mode="append", commit_properties=once)

    def _commit_files(self, kind: Kind, table: DeltaTable, rows: pl.DataFrame, once: CommitProperties) -> None:
        """Writes the files with Polars, which takes half the time and memory, and makes them last before the commit."""
        column = partition_of(kind)
        added: list[AddAction | RemoveAction] = []
        for (day,), part in rows.partition_by(column, as_dict=True, include_key=False).items():
            name = f"{column}={day}/part-{uuid.uuid4().hex}.parquet"
            path = Path(self.root(kind.name), name)
            path.parent.mkdir(exist_ok=True)
            part.write_parquet(path, compression="zstd", compression_level=COMPRESSION_LEVEL)
            added.append(self.added(kind.name, name, {column: str(day)}, statistics(part.lazy())))
        self.commit_files(kind.name, table, added, once)

    def added(self, kind: str, name: str, partition: dict[str, str], told: str) -> AddAction:
        """A file that was written to a local table, flushed to the disk."""
        from deltalake.transaction import AddAction

        path = Path(self.root(kind), name)
        _make_last(path)
        return AddAction(name, path.stat().st_size, partition, int(time.time() * 1000), True, told)

    def commit_files(
        self, kind: str, table: DeltaTable, changes: list[AddAction | RemoveAction], how: CommitProperties | None = None
    ) -> None:
        """Commits files that come and go to a local table."""
        column = partition_of(KINDS[kind])
        table.create_write_transaction(changes, "append", table.schema(), [column], commit_properties=how)
        table.update_incremental()
        _make_last(Path(self.root(kind), "_delta_log", f"{table.version():020}.json"))


def _retriable(piece: Callable[[], T]) -> T:
    from deltalake.exceptions import CommitFailedError

    try:
        return piece()
    except CommitFailedError as error:
        raise Unavailable("another writer was faster in the history", retry_after_s=1) from error


def _absent(table: DeltaTable, rows: pl.DataFrame, newest: int) -> pl.DataFrame:
    """Rows of messages that the table does not hold; after a crash they may come again, and in another order."""
    asked = rows.filter(pl.col(SEQUENCE) <= newest).get_column(SEQUENCE).unique()
    if asked.is_empty():
        return rows
    adds = files_of(table)
    least, most = pl.col(f"min.{SEQUENCE}"), pl.col(f"max.{SEQUENCE}")
    spans = (least <= asked.max()) & (most >= asked.min())
    paths = adds.filter(spans.fill_null(value=True)).get_column("uri").to_list()
    if not paths:
        return rows
    held = pl.scan_parquet(paths, hive_partitioning=False).select(SEQUENCE).unique().collect().to_series()
    return rows.filter(~pl.col(SEQUENCE).is_in(held.implode()))


def files_of(table: DeltaTable) -> pl.DataFrame:
    """The files of the table's newest version: path, uri, size_bytes, partition.NAME, min.NAME, max.NAME."""
    adds = pl.DataFrame(table.get_add_actions(flatten=True))
    root = table.table_uri.rstrip("/").removeprefix("file://")
    return adds.with_columns((pl.lit(f"{root}/") + pl.col("path")).alias("uri"))


def _largest(rows: pl.DataFrame) -> int:
    return int(rows.get_column(SEQUENCE).max())  # type: ignore[arg-type]  # integers, and at least one


def statistics(part: pl.LazyFrame) -> str:
    """What a commit tells of a file: days and places in the log, nothing that a sender wrote."""
    bounds = part.select(
        pl.len().alias("rows"),
        pl.col("biz_date").min().dt.to_string().alias("from"),
        pl.col("biz_date").max().dt.to_string().alias("to"),
        pl.col(SEQUENCE).min().alias("least"),
        pl.col(SEQUENCE).max().alias("most"),
    )
    found = bounds.collect().row(0, named=True)
    return json.dumps(
        {
            "numRecords": found["rows"],
            "minValues": {"biz_date": found["from"], SEQUENCE: found["least"]},
            "maxValues": {"biz_date": found["to"], SEQUENCE: found["most"]},
            "nullCount": {"biz_date": 0, SEQUENCE: 0},
        }
    )


def _arrow_schema(columns: dict[str, pl.DataType]) -> Any:
    return pl.DataFrame(schema=columns).to_arrow().schema


def _make_last(path: Path) -> None:
    """Flushes a file and the folder that names it to the disk."""
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def scan(address: str, kind: str) -> pl.LazyFrame:
    """All rows of a kind's newest state, to be filtered and collected by the caller."""
    return pl.scan_delta(f"{address.rstrip('/')}/{kind}")


@asynccontextmanager
async def history(address: str, *, kept_days: int) -> AsyncIterator[History]:
    """The history at an address (a folder, or s3://BUCKET/PREFIX with the usual AWS_ variables)."""
    opened = History(address, kept_days=kept_days)
    try:
        yield opened
    finally:
        await asyncio.to_thread(opened.close)
