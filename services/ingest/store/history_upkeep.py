"""The history kept swift: small files merged, files of the past dropped when nobody may ask for them any more."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial
from pathlib import Path

import polars as pl
import structlog

from chassis.errors import Unavailable
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.history import partition_of
from services.ingest.store.history import History, files_of

log = structlog.get_logger()

DAY_S = 86_400
SMALL_BYTES = 8 * 1024 * 1024
MERGED_BYTES = 32 * 1024 * 1024
MERGED_FROM_FILES = 8


async def keep_swift(history: History, *, every_s: float) -> None:
    """Merges small files every so often, and once a day drops what nobody may ask for any more, for ever."""
    from deltalake.exceptions import DeltaError

    rounds = max(1, int(DAY_S / every_s))
    for turn in itertools.count(1):
        await asyncio.sleep(every_s)
        try:
            merged = await merge(history)
            dropped = await drop_past(history) if turn % rounds == 0 else 0
        except (DeltaError, Unavailable, OSError) as error:
            log.warning("history.upkeep_waits", error=type(error).__name__)
            continue
        if merged or dropped:
            log.info("history.kept_swift", files_merged=merged, files_dropped=dropped)


async def merge(history: History) -> int:
    """Merges the small files of every partition that has many; returns how many. A kind is a piece of work."""
    return sum([await history.work(partial(_merge, history, kind)) for kind in await _kinds(history)])


async def drop_past(history: History) -> int:
    """Drops files that left the tables before the days that are kept, and the log entries that named them."""
    return sum([await history.work(partial(_drop_past, history, kind)) for kind in await _kinds(history)])


async def _kinds(history: History) -> list[str]:
    return await history.work(partial(kinds_of, history))


def kinds_of(history: History) -> list[str]:
    """Kinds that have a table."""
    if history.is_local:
        return [kind for kind in KINDS if (Path(history.root(kind)) / "_delta_log").is_dir()]
    return [kind for kind in KINDS if history.table(kind) is not None]


def _merge(history: History, kind: str) -> int:
    table = history.table(kind)
    if table is None:
        return 0
    column = partition_of(KINDS[kind])
    many = (
        files_of(table)
        .filter(pl.col("size_bytes") < SMALL_BYTES)
        .group_by(f"partition.{column}")
        .len()
        .filter(pl.col("len") >= MERGED_FROM_FILES)
    )
    merged = 0
    for day in many.get_column(f"partition.{column}"):
        done = table.optimize.compact(
            partition_filters=[(column, "=", day)], target_size=MERGED_BYTES, max_concurrent_tasks=1
        )
        merged += int(done["numFilesRemoved"])
    return merged


def _drop_past(history: History, kind: str) -> int:
    table = history.table(kind)
    if table is None:
        return 0
    hours = history.kept_days * 24
    dropped = table.vacuum(retention_hours=hours, dry_run=False, full=True)
    table.create_checkpoint()
    table.cleanup_metadata()
    return len(dropped)
