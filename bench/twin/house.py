"""Twins as they run: a real PostgreSQL that syncs, and, where asked for, a twin and a gateway process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.twin.market import Thing, market
from chassis.bus import bus
from chassis.db import Database, database
from chassis.outbox import Relay
from chassis.rpc import is_serving
from chassis.testing import fresh_database
from deploy.embedded import free_port
from deploy.servers import Servers, servers
from deploy.stack import FRUGAL, OF_THE_DOOR
from gateway.auth import Tokens
from services.twin import usecases
from services.twin.app import MIGRATIONS
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin, Relation
from services.twin.domain.types import Types
from services.twin.store import CONNECTIONS, OUTBOX, SCHEMA, PostgresStore

KEY = "a secret for the benchmark, 32 bytes or more"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORIGIN = Origin.of(NOW, NOW, "bench", "")
CHUNK = 5000
START_S = 60.0
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
    twin, gateway = free_port(), free_port()
    environ = os.environ | built.running.environment | {"MARKETWIN_POSTGRES_URL": built.url}
    environ |= {"MARKETWIN_DATA": str(folder), "GATEWAY_JWT_KEY": KEY, "GATEWAY_TWIN_ADDRESS": f"127.0.0.1:{twin}"}
    environ |= {"GATEWAY_REQUESTS_PER_S": "1000000"}
    children = [
        _spawn("services.twin", folder, environ | {"TWIN_PORT": str(twin)}),
        _spawn("gateway", folder, environ | {"GATEWAY_PORT": str(gateway)}),
    ]
    try:
        await _ready(f"127.0.0.1:{twin}", gateway)
        token = Tokens(KEY).issue("bench", "bench", ["analyst"], hours=1)
        pids = {"twin": [children[0].pid], "gateway": [children[1].pid], "servers": list(built.running.pids.values())}
        yield House(f"127.0.0.1:{gateway}", token, pids)
    finally:
        for child in reversed(children):
            child.terminate()
            await asyncio.to_thread(child.wait)


def _spawn(module: str, folder: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / f"{module}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module], env=FRUGAL | OF_THE_DOOR | environ, stdout=log, stderr=log
        )


async def _ready(twin: str, gateway: int) -> None:
    async with asyncio.timeout(START_S):
        while not await is_serving(twin):  # noqa: ASYNC110  # asked, nobody signals
            await asyncio.sleep(0.1)
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", gateway)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return
