"""How long accepted records take from the log into the columnar history, where they can be queried.

    python bench/ingest/history.py [RECORDS]

Prints seconds, CPU seconds, peak memory, files and bytes, of a process that does nothing else. The table of the front
door calls `follow` on a log that it has filled itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from chassis.bus import Bus, bus, subject_of
from deploy.servers import servers
from services.ingest.consumers import write_history
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.schema import polars_schema
from services.ingest.store.history import history, scan
from services.ingest.store.history_upkeep import merge
from services.ingest.usecases import Accepted
from services.ingest.wire import accepted_event

KIND = "pos_sale"
MESSAGE_RECORDS = 500
DAYS = 30
NOW = datetime(2025, 3, 31, tzinfo=UTC)
LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What following the log took."""

    records: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    files: int
    bytes: int

    @property
    def cpu_us_per_record(self) -> float:
        return self.cpu_seconds / self.records * 1e6


async def follow(nats_url: str, address: str, records: int, *, kind: str = KIND) -> Figures:
    """Follows a log from its beginning until the history at the address holds so many rows of the kind."""
    began, cpu = time.perf_counter(), _cpu_seconds()
    async with bus(nats_url, "bench-history") as stream, history(address, kept_days=7) as past:
        writing = asyncio.create_task(write_history(stream, past, wait_s=0.2))
        while _rows(address, kind) < records:
            if writing.done() or time.perf_counter() - began > LIMIT_S:
                raise RuntimeError("the history did not catch up with the log")
            await asyncio.sleep(0.1)
        seconds, cpu_seconds = time.perf_counter() - began, _cpu_seconds() - cpu
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sizes = _file_sizes(address)
    return Figures(records, seconds, cpu_seconds, peak, len(sizes), sum(sizes))


async def fill(stream: Bus, records: int) -> None:
    """Publishes accepted records as a month of sales, 500 a message, in order of the days."""
    await stream.ensure_stream("ingest")
    for first in range(0, records, MESSAGE_RECORDS):
        size = min(MESSAGE_RECORDS, records - first)
        day = date(2025, 3, 1) + timedelta(days=first * DAYS // records)
        part = Accepted(
            part_id=f"bench-{first}",
            kind=KIND,
            schema_version=KINDS[KIND].schema_version,
            source="bench",
            records=_sales(first, size, day),
            at=NOW,
            duplicates=0,
            repaired=0,
            refused=0,
        )
        event = accepted_event(part)
        await stream.publish(subject_of(event, KIND), event.SerializeToString(), message_id=event.batch_id)


def _sales(first: int, size: int, day: date) -> pl.DataFrame:
    """Columns as the door leaves them; tokens are as hard to compress as real ones."""
    number = pl.int_range(first, first + size, eager=True)
    text = {
        "record_id": number.cast(pl.String).str.zfill(26),
        "record_key": "P" + number.cast(pl.String) + "~1",
        "retailer_code": "R3401" + (number * 37 % 20_000).cast(pl.String),
        "sku_code": "3401" + (number * 11 % 300).cast(pl.String),
        "phone_token": "k1:" + _digits(number, 1),
        "consumer_key": "k1:" + _digits(number, 2),
        "payload_hash": _digits(number, 3),
    }
    frame = pl.DataFrame({"number": number}).with_columns(
        pl.lit("bench").alias("source"),
        pl.lit(NOW).alias("occurred_at"),
        pl.lit(NOW).alias("ingested_at"),
        pl.lit(day).alias("biz_date"),
        pl.lit("upsert").alias("op"),
        pl.lit(5200).alias("amount"),
        pl.Series("quality_rules", [["DQ-31"]]).new_from_index(0, size),
        **text,
    )
    known = set(frame.columns)
    return frame.select(
        pl.col(name).cast(dtype) if name in known else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in polars_schema(KINDS[KIND]).items()
    )


def _digits(number: pl.Series, seed: int) -> pl.Series:
    halves = [number.hash(seed=4 * seed + part).cast(pl.String).str.zfill(20).str.slice(4) for part in range(4)]
    return halves[0] + halves[1] + halves[2] + halves[3]


def _file_sizes(address: str) -> list[int]:
    return [file.stat().st_size for file in Path(address).rglob("*.parquet")]


def _rows(address: str, kind: str) -> int:
    if not (Path(address) / kind / "_delta_log").is_dir():
        return 0
    return int(scan(address, kind).select(pl.len()).collect().item())


def _cpu_seconds() -> float:
    return time.process_time()


async def _main(records: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "history")
        async with servers(Path(folder) / "servers") as running:
            async with bus(running.nats_url, "bench") as stream:
                await fill(stream, records)
            figures = await follow(running.nats_url, address, records)
        print(
            f"{records:,} records: {figures.seconds:.1f} s, {figures.cpu_seconds:.1f} s CPU "
            f"({figures.cpu_us_per_record:.1f} µs a record), peak {figures.peak_mib:.0f} MiB, "
            f"{figures.files} files, {figures.bytes / 1e6:.0f} MB"
        )
        async with history(address, kept_days=7) as past:
            began = time.perf_counter()
            merged = await merge(past)
            print(f"merging {merged} files: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
