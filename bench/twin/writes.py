"""Writing one property of a twin, journaled and synced, and reading it back, beside eventsourcing with SQLite."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.ingest.load import cpu_s
from bench.twin.house import ORIGIN, ROOT, Shelf
from bench.twin.market import shop_id
from bench.twin.table import Cost, show
from services.twin import usecases
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin
from services.twin.usecases import Precondition

SHOPS = 100
WRITTEN = "tier"
WRITERS = 100
BULK = 1000
READ_EVERY = 100
BULK_CHANGES = 20_000


async def costs(built: Shelf, operations: int, work: Callable[[], Awaitable[object]]) -> Cost:
    """What the work costs this process and the servers."""
    before, own, begun = cpu_s(built.servers), time.process_time(), time.perf_counter()
    await work()
    cpu = cpu_s(built.servers) - before + time.process_time() - own
    return Cost(operations, time.perf_counter() - begun, cpu)


def of_peer(python: Path, folder: Path, writes: int, history: int) -> dict[str, Cost]:
    """The measures of the peer, in a process of its own."""
    command = [str(python), "-m", "bench.twin.peers.events", str(folder), str(writes), str(history)]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True, stdout=subprocess.PIPE)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return {name: Cost(int(each["operations"]), each["wall_s"], each["cpu_s"]) for name, each in found.items()}


async def show_writes(built: Shelf, peer: dict[str, Cost], writes: int) -> None:
    """In this process, through the use cases; the service has the same behind its calls."""
    clock = Clock()
    await _singly(built, clock, 50)
    singly = await costs(built, writes, lambda: _singly(built, clock, writes))
    show("write a property and read it back, one by one", singly, peer.get("singly"), "≥ 1 ×")
    show("the same; the peer with its cache", singly, peer.get("singly, cached"))
    await _at_once(built, clock, SHOPS)
    at_once = await costs(built, writes * 4, lambda: _at_once(built, clock, writes * 4))
    show(f"write a property, {WRITERS} writers at once", at_once, peer.get("singly"), "≥ 20 ×")
    bulk = await costs(built, BULK_CHANGES, lambda: _in_bulk(built, clock, BULK_CHANGES))
    show(f"write a property, sightings of {BULK} shops at once", bulk, peer.get("singly"), "≥ 20 ×")
    show("the same; the peer saves 100 aggregates at once", bulk, peer.get("batches"))


class Clock:
    """Each write is true a moment later than the one before."""

    def __init__(self) -> None:
        self._us = ORIGIN.changed_us

    def origin(self) -> Origin:
        self._us += 1000
        return Origin(self._us, self._us, "user:bench", "")


async def _write(built: Shelf, twin_id: str, value: int, origin: Origin) -> None:
    patch = {"properties": {WRITTEN: value}}
    await usecases.patch_twin(built.store, twin_id, patch, Precondition(), origin)


async def _singly(built: Shelf, clock: Clock, writes: int) -> None:
    for number in range(writes):
        twin_id = shop_id(number % SHOPS)
        await _write(built, twin_id, number, clock.origin())
        found = await usecases.get_twin(built.store, twin_id)
        assert found.properties[WRITTEN] == number


async def _at_once(built: Shelf, clock: Clock, writes: int) -> None:
    """Each writer has a shop of its own and reads back what it wrote last."""

    async def write(shop: int) -> None:
        for number in range(writes // WRITERS):
            await _write(built, shop_id(shop), -number - 1, clock.origin())
        found = await usecases.get_twin(built.store, shop_id(shop))
        assert found.properties[WRITTEN] == -(writes // WRITERS)

    await asyncio.gather(*(write(shop) for shop in range(WRITERS)))


async def _in_bulk(built: Shelf, clock: Clock, writes: int) -> None:
    ids = _ids(built.twins)
    for start in range(0, writes, len(ids)):
        origin = replace(clock.origin(), source="bench")
        seen = [Sighting.of(each, {WRITTEN: start + place}, (), origin) for place, each in enumerate(ids)]
        await usecases.seed(built.store, seen)
        found = await usecases.get_twin(built.store, ids[-1])
        assert found.properties[WRITTEN] == start + len(ids) - 1


def _ids(twins: int) -> Sequence[str]:
    return [shop_id(number) for number in range(min(BULK, twins - 500))]
