"""Sales posted at the door until PostgreSQL and the history hold exactly all of them; then COPY of the same rows.

One house, as `make run` starts it: the gateway, and one ingest process that is door, book and history at once. The
clock runs from the first byte sent until both have been asked and count every record once. The peer is one COPY of the
rows as they then stand in the book, from a file made beforehand, into a fresh database with the same table and indexes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from bench.ingest.house import House
from bench.ingest.load import Load, cpu_s, request, send
from bench.ingest.tills import lines, sales
from chassis.bus import Bus, bus
from chassis.db import Database, database
from chassis.testing import fresh_database
from services.ingest.app import MIGRATIONS
from services.ingest.consumers import DURABLE, HISTORY_DURABLE, STREAM
from services.ingest.store import SCHEMA
from services.ingest.store.history import scan

KIND = "pos_sale"
PARTS = "door,book,history,sources"
PATH = f"/api/v1/records/{KIND}?source=till"
NDJSON = "application/x-ndjson"
BATCH, CONNECTIONS = 500, 16
FIRST = 100_000_000
LIMIT_S = 900.0


@dataclass(frozen=True, slots=True)
class Queryable:
    """`taken`: until the last receipt; `held`: until both hold all; `copied`: COPY of the same rows."""

    taken: Load
    held: Load
    copied: Load

    @property
    def ratio(self) -> float:
        return self.held.wall_s / self.copied.wall_s


async def measure(built: House, folder: Path, records: int) -> Queryable:
    """Posts so many sales, and waits for both; the house must run `PARTS` in the folder."""
    sizes = _prepare(built, folder / "requests", records)
    async with bus(built.servers.nats_url, "bench") as log, database(built.servers.postgres_url, SCHEMA) as db:
        await _settled(log)
        before, started = _cpu(built), time.perf_counter()
        taken = await send(
            built.address, _requests(folder / "requests", sizes), connections=CONNECTIONS, pids=built.pids
        )
        if taken.records != records:
            raise SystemExit(f"{taken.records} of {records} were accepted")
        await _settled(log)
        while (found := await _counts(db, folder / "history")) != (records, records):
            if max(found) > records or time.perf_counter() - started > LIMIT_S:
                raise SystemExit(f"of {records}, the book and the history hold {found}")
            await asyncio.sleep(0.05)
        wall = time.perf_counter() - started
        held = Load(records, wall, {name: spent - before[name] for name, spent in _cpu(built).items()}, [])
        return Queryable(taken, held, await _copy(db, built, folder / "rows.csv", records))


def _prepare(built: House, path: Path, records: int) -> list[int]:
    """Writes all requests into a file: made as they are sent, they would take the CPU that is measured."""
    sizes = []
    with path.open("wb") as sink:
        for first in range(0, records, BATCH):
            body = lines(sales(FIRST + first, min(BATCH, records - first)))
            sizes.append(sink.write(request(built.address, PATH, built.token, body, NDJSON)))
    return sizes


def _requests(path: Path, sizes: list[int]) -> Iterator[bytes]:
    with path.open("rb") as source:
        for size in sizes:
            yield source.read(size)


def _cpu(built: House) -> dict[str, float]:
    return {name: cpu_s(pids) for name, pids in built.pids.items()}


async def _settled(log: Bus) -> None:
    """Waits until the book and the history have acknowledged all there is."""
    while await log.pending(STREAM, DURABLE) or await log.pending(STREAM, HISTORY_DURABLE):  # noqa: ASYNC110  # asked
        await asyncio.sleep(0.05)


async def _counts(db: Database, history: Path) -> tuple[int, int]:
    async with db.transaction() as session:
        found = await session.execute(sa.text(f"SELECT count(*) FROM {SCHEMA}.{KIND}"))
    in_history = await asyncio.to_thread(_in_history, history)
    return int(found.scalar_one()), in_history


def _in_history(address: Path) -> int:
    if not (address / KIND / "_delta_log").is_dir():
        return 0
    rows, different = (
        scan(str(address), KIND).select(pl.len(), pl.col("record_id").n_unique().alias("ids")).collect().row(0)
    )
    if rows != different:
        raise SystemExit(f"the history holds {rows - different} records twice")
    return int(rows)


async def _copy(db: Database, built: House, path: Path, records: int) -> Load:
    async with db.driver() as source:
        await source.execute("SET statement_timeout = 0")
        await source.copy_from_table(KIND, schema_name=SCHEMA, output=path, format="csv", timeout=LIMIT_S)
        columns: list[Any] = await source.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 "
            "ORDER BY ordinal_position",
            SCHEMA,
            KIND,
        )
    server = [built.servers.pids["postgres"]]
    async with fresh_database(built.servers.postgres_url) as url, database(url, SCHEMA) as fresh:
        await fresh.migrate(MIGRATIONS)
        async with fresh.driver() as target:
            await target.execute("SET statement_timeout = 0")
            await target.execute("CHECKPOINT")
            before, started = cpu_s(server), time.perf_counter()
            await target.copy_to_table(
                KIND,
                schema_name=SCHEMA,
                source=path,
                columns=[column[0] for column in columns],
                format="csv",
                timeout=LIMIT_S,
            )
            wall, spent = time.perf_counter() - started, cpu_s(server) - before
    return Load(records, wall, {"database": spent}, [])
