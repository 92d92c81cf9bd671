"""What new versions of types cost: `python -m bench.twin.models --twins 100000`.

CPU is that of this process; PostgreSQL has its own. Nothing to compare with: no peer migrates living twins.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chassis.bus import bus
from chassis.db import database
from chassis.outbox import Relay
from chassis.testing import fresh_database
from deploy.servers import servers
from services.twin import usecases
from services.twin.app import MIGRATIONS
from services.twin.domain.model_versions import read_request
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin
from services.twin.domain.types import Types
from services.twin.store import OUTBOX, SCHEMA, PostgresStore
from services.twin.usecases import Asked

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = 10


def interface(version: int, name: str, schema: str) -> dict[str, Any]:
    """A type with a text, some numbers, and a property that versions differ in."""
    contents = [{"@type": "Property", "name": f"number_{place}", "schema": "double"} for place in range(NUMBERS)]
    return {
        "@context": "dtmi:dtdl:context;3",
        "@id": f"dtmi:bench:stall;{version}",
        "@type": "Interface",
        "contents": [*contents, {"@type": "Property", "name": name, "schema": schema}],
    }


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--twins", type=int, default=100_000)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            servers(Path(folder)) as running,
            fresh_database(running.postgres_url) as url,
            database(url, SCHEMA) as db,
            bus(running.nats_url, "bench") as log,
        ):
            await db.migrate(MIGRATIONS)
            await _measure(PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped()), asked.twins)


async def _measure(store: PostgresStore, count: int) -> None:
    await _add(store, interface(1, "weight", "integer"))
    origin = Origin.of(NOW, NOW, "mes", "")
    numbers = {f"number_{place}": place + 0.5 for place in range(NUMBERS)}
    for start in range(0, count, 2000):
        part = range(start, min(start + 2000, count))
        seen = [Sighting.of(f"stall:{n:07}", {**numbers, "weight": n}, (), origin) for n in part]
        await usecases.seed(store, seen)
    print(f"{count} twins of {NUMBERS + 1} properties")
    await _timed("a version that only adds", 1, lambda: _add(store, _wider()))
    await _timed("a version held to every twin", count, lambda: _add(store, interface(3, "weight", "long")))
    steps = [
        {"op": "rename", "property": "weight", "to": "mass"},
        {"op": "convert", "property": "mass", "by": "to_text"},
    ]
    body = {"models": [interface(4, "mass", "string")], "migration": {"stall": steps}}
    await _timed("a migration begun", count, lambda: _add(store, body))
    await _timed("a migration done", count, lambda: _finish(store))


def _wider() -> dict[str, Any]:
    found = interface(2, "weight", "integer")
    return {**found, "contents": [*found["contents"], {"@type": "Property", "name": "note", "schema": "string"}]}


async def _add(store: PostgresStore, body: Any) -> None:
    await usecases.add_models(store, read_request(json.dumps(body).encode()), Asked("user:bench", NOW))


async def _finish(store: PostgresStore) -> None:
    while (job := await usecases.migrate_some(store, NOW)) is not None and job.state == "running":
        pass


async def _timed(name: str, count: int, work: Callable[[], Awaitable[None]]) -> None:
    begun, used = time.perf_counter(), time.process_time()
    await work()
    took, cpu = time.perf_counter() - begun, time.process_time() - used
    print(f"{name:<30}{took:>8.2f} s{cpu:>8.2f} s CPU{count / cpu:>12.0f} twins a second of CPU")


if __name__ == "__main__":
    asyncio.run(main())
