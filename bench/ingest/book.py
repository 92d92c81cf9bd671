"""Accepted messages in NATS become rows of the book: seconds, CPU and ratio to a plain COPY of the same rows.

    python -m bench.ingest.book --records 1000000 [--present 2000000]

The consumer of the ingest service runs in this process against real servers. The peer is one COPY of the same cleaned
rows, as CSV made beforehand, into the same table with the same indexes, in one transaction. `--present` so many other
rows are in the table before, for both.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa
import uvloop

from bench.cpu import postgres_cpu_s
from bench.ingest.clean import directory, till_rows
from chassis.app import give_back_memory
from chassis.bus import Bus, bus, subject_of
from chassis.db import Database, copy_frame, database
from chassis.testing import fresh_database
from deploy.servers import Servers, servers
from services.ingest.app import MIGRATIONS
from services.ingest.consumers import DURABLE, STREAM, write_book
from services.ingest.domain.cleaning.batch import Door
from services.ingest.domain.cleaning.clean import Raw, Stamp, clean
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.known.directory import Directory
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.privacy.tokens import TokenKey
from services.ingest.store import SCHEMA, PostgresStore
from services.ingest.store.copying import for_copy
from services.ingest.usecases import Accepted, Newest
from services.ingest.wire import accepted_event

KIND = "pos_sale"
NOW = datetime(2025, 3, 16, tzinfo=UTC)
CHUNK, MESSAGE, DAYS = 50_000, 1000, 30


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run took; CPU of this process and of the database."""

    records: int
    present: int
    book_s: float
    own_cpu_s: float
    database_cpu_s: float
    copy_s: float
    copy_cpu_s: float

    @property
    def ratio(self) -> float:
        return self.book_s / self.copy_s


def cleaned(records: int) -> Iterator[pl.DataFrame]:
    """So many sales of a month as the door cleans them, in chunks."""
    rows = till_rows(CHUNK)
    columns = {name: pl.Series(name, [row[name] for row in rows], dtype=pl.String) for name in rows[0]}
    raw = Raw(columns=columns, lines=pl.Series("line", range(CHUNK), dtype=pl.UInt32), units={})
    door = Door(
        now=NOW, directory=directory(), regions=Regions({}), tokens=TokenKey("k1", b"a secret for the benchmark, 32 b")
    )
    frame = clean(raw, KINDS[KIND], door, Stamp(batch_id="0" * 26, source="till")).accepted
    spread = pl.duration(days=pl.int_range(pl.len()) % DAYS)
    frame = frame.with_columns(pl.col("sold_at") - spread, pl.col("occurred_at") - spread, pl.col("biz_date") - spread)
    for start in range(0, records, CHUNK):
        number = pl.lit(f"{start // CHUNK:06d}")
        order = pl.concat_str(pl.lit("P"), number, pl.col("order_no"))
        yield frame.head(records - start).with_columns(
            order.alias("order_no"),
            pl.concat_str("retailer_code", order, pl.lit("1"), separator="~").alias("record_key"),
            pl.concat_str(number, pl.col("record_id").str.slice(6)).alias("record_id"),
            pl.concat_str(number, pl.col("payload_hash").str.slice(6)).alias("payload_hash"),
        )


async def _publish(log: Bus, chunks: Iterator[pl.DataFrame]) -> None:
    number = 0
    for chunk in chunks:
        parts = []
        for records in chunk.iter_slices(MESSAGE):
            number += 1
            part = Accepted(
                part_id=f"{number:026d}",
                kind=KIND,
                schema_version=1,
                source="till",
                records=records,
                at=NOW,
                duplicates=0,
                repaired=0,
                refused=0,
            )
            event = accepted_event(part)
            sent = log.publish(subject_of(event, KIND), event.SerializeToString(), message_id=part.part_id)
            parts.append(sent)
        await asyncio.gather(*parts)


@asynccontextmanager
async def _table(url: str, present: int) -> AsyncIterator[Database]:
    async with fresh_database(url) as fresh, database(fresh, SCHEMA) as db:
        await db.migrate(MIGRATIONS)
        for chunk in cleaned(present):
            keys = (pl.lit("A") + pl.col("record_key")).alias("record_key")
            other = for_copy(chunk.with_columns(keys, pl.col("biz_date") - timedelta(days=DAYS)))
            async with db.transaction() as session:
                await copy_frame(session, KIND, other, schema=SCHEMA)
        async with db.engine.connect() as connection:
            await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(sa.text("CHECKPOINT"))
        yield db


async def measure(running: Servers, records: int, present: int = 0) -> Figures:
    """Times the book beside COPY, each into a database of its own."""
    postgres = running.pids["postgres"]
    async with _table(running.postgres_url, present) as db, bus(running.nats_url, "bench") as log:
        await log.ensure_stream("ingest")
        await _publish(log, cleaned(records))
        store = PostgresStore(db, None)  # type: ignore[arg-type]  # nothing is written behind a door here
        started, own, theirs = time.perf_counter(), time.process_time(), postgres_cpu_s(postgres)
        task = asyncio.create_task(write_book(log, store, Directory(), Newest()))
        await _until(db, present + records, log)
        book_s, own_cpu_s = time.perf_counter() - started, time.process_time() - own
        database_cpu_s = postgres_cpu_s(postgres) - theirs
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    give_back_memory()
    async with _table(running.postgres_url, present) as db:
        sinks = [_csv(for_copy(chunk)) for chunk in cleaned(records)]
        columns = for_copy(next(cleaned(1))).columns
        started, theirs = time.perf_counter(), postgres_cpu_s(postgres)
        await _plain_copy(db, sinks, columns)
        copy_s, copy_cpu_s = time.perf_counter() - started, postgres_cpu_s(postgres) - theirs
    return Figures(records, present, book_s, own_cpu_s, database_cpu_s, copy_s, copy_cpu_s)


async def _until(db: Database, rows: int, log: Bus) -> None:
    while await log.pending(STREAM, DURABLE) or not await _counts(db, rows):  # noqa: ASYNC110  # asked, not told
        await asyncio.sleep(0.1)


async def _counts(db: Database, rows: int) -> bool:
    async with db.transaction() as session:
        found = (await session.execute(sa.text(f"SELECT count(*) FROM {SCHEMA}.{KIND}"))).scalar_one()
    return bool(found >= rows)


def _csv(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_csv(sink, include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00")
    return sink.getvalue()


async def _plain_copy(db: Database, sinks: list[bytes], columns: list[str]) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for sink in sinks:
            yield sink

    async with db.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        await raw.driver_connection.execute("SET statement_timeout = 0")  # type: ignore[union-attr]  # as below
        await raw.driver_connection.copy_to_table(  # type: ignore[union-attr]  # the driver is asyncpg
            KIND, source=chunks(), schema_name=SCHEMA, columns=columns, format="csv", timeout=600
        )


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--present", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with servers(Path(folder)) as running:
            found = await measure(running, given.records, given.present)
    print(f"{found.records:,} records, {found.present:,} rows before ({datetime.now(UTC).date()})")
    print(f"{'':28}{'s':>8}{'own CPU':>9}{'PG CPU':>9}{'rows/s':>10}")
    book = (found.book_s, found.own_cpu_s, found.database_cpu_s, found.records / found.book_s)
    print("{:28}{:8.1f}{:9.1f}{:9.1f}{:10,.0f}".format("NATS to the book", *book))
    print(
        "{:28}{:8.1f}{:9.1f}{:9.1f}{:10,.0f}".format(
            "COPY of the same rows", found.copy_s, 0, found.copy_cpu_s, found.records / found.copy_s
        )
    )
    print(f"ratio {found.ratio:.2f}")


if __name__ == "__main__":
    uvloop.run(main())
