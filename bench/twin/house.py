"""Twins as they run: a real PostgreSQL that syncs, and, where asked for, a twin and a gateway process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.processes import processes
from bench.twin.market import Thing, market
from chassis.bus import bus
from chassis.db import Database, database
from chassis.outbox import Relay
from chassis.testing import fresh_database
from deploy.servers import Servers, servers
from services.twin import usecases
from services.twin.app import MIGRATIONS
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin, Relation
from services.twin.domain.types import Types
from services.twin.store import CONNECTIONS, OUTBOX, SCHEMA, PostgresStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORIGIN = Origin.of(NOW, NOW, "bench", "")
CHUNK = 5000
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A store in this process, and the server behind it."""

    store: PostgresStore
    db: Database
    running: Servers
    url: str
    twins: int

    @property
    def servers(self) -> list[int]:
        return [self.running.pids["postgres"]]


@asynccontextmanager
async def shelf(folder: Path, twins: int) -> AsyncIterator[Shelf]:
    """A store with a market of so many twins, for as long as the block runs."""
    async with (
        servers(folder) as running,
        fresh_database(running.postgres_url) as url,
        database(url, SCHEMA, **CONNECTIONS) as db,
        bus(running.nats_url, "bench") as log,
    ):
        await db.migrate(MIGRATIONS)
        store = PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped())
        built = Shelf(store, db, running, url, twins)
        await stock(built, market(twins) if twins else ())
        yield built


async def stock(built: Shelf, things: Iterable[Thing]) -> None:
    """The twins are there, and nothing of it waits to be told."""
    part: list[Sighting] = []
    for thing in things:
        part.append(sighting(thing))
        if len(part) == CHUNK:
            await usecases.seed(built.store, part)
            part = []
    await usecases.seed(built.store, part)
    async with built.db.driver() as connection:
        await connection.execute(f"TRUNCATE {OUTBOX.fullname}")
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")


def sighting(thing: Thing, origin: Origin = ORIGIN) -> Sighting:
    name = "part_of" if thing.model == "region" else "located_in"
    above = (Relation(name, thing.above),) if thing.above else ()
    return Sighting.of(thing.id, thing.properties, above, origin)


@dataclass(frozen=True, slots=True)
class House:
    """Where the gateway listens, and who works behind it."""

    address: str
    token: str
    pids: dict[str, list[int]]


@asynccontextmanager
async def house(folder: Path, built: Shelf) -> AsyncIterator[House]:
    """A twin and a gateway process over the twins of a shelf."""
    environ = built.running.environment | {"MARKETWIN_POSTGRES_URL": built.url}
    async with processes(folder, ["twin"], environ) as ours:
        pids = ours.pids | {"servers": list(built.running.pids.values())}
        yield House(ours.address, ours.token("analyst"), pids)
