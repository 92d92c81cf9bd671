"""How fast the door is, beside three peers in the same run: `make bench-ingest`.

    python -m bench.ingest [--records 100000] [--singles 5000] [--peers folder]

One table: records a second, CPU µs a record of the process that does the work and of everything, records a second per
core of that process (records / its CPU seconds), and milliseconds until the answer. A sender of our own holds 16
connections for batches of 500 NDJSON records and 64 for single objects; its CPU counts nowhere. CPU is what the kernel
says, so the figures hold on a busy machine, though caches and the second thread of a core make them worse there.

What is not equal
- marketwin: HTTP through the gateway process; all rules, tokens, lineage; durable is a fsynced ack of JetStream. The
  ingest process is a door alone (INGEST_PARTS=door), without book and history.
- by record: FastAPI, a pydantic model and an INSERT for each record; a handful of rules; durable is a commit of
  PostgreSQL, so its records can be queried when it answers.
- bytewax: no HTTP, reads a file of NDJSON; no schema, the same handful of rules; durable is a fsync of a file per
  batch. Its figure includes the start of the process.
- Node-RED: HTTP in, the same handful of rules in a function node; its file node does not sync: nothing is durable.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.ingest.house import free_port, house
from bench.ingest.load import Load, request, send
from bench.ingest.peers.install import CannotInstall, bytewax_python, node_red
from bench.ingest.tills import PRODUCTS, SHOPS, lines, sales

BATCH = 500
BATCH_CONNECTIONS, SINGLE_CONNECTIONS = 16, 64
NDJSON, JSON = "application/x-ndjson", "application/json"
PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    what: str
    load: Load
    worker: str

    def text(self) -> str:
        load, own = self.load, self.load.cpu_s[self.worker]
        return (
            f"{self.what:<52} {load.records:>9,} {load.records / load.wall_s:>9,.0f} {own / load.records * 1e6:>10.1f} "
            f"{sum(load.cpu_s.values()) / load.records * 1e6:>10.1f} {load.records / own:>10,.0f} "
            f"{load.quantile(0.5):>7.1f} {load.quantile(0.99):>7.1f}"
        )


HEAD = (
    f"{'':<52} {'records':>9} {'records/s':>9} {'µs own':>10} {'µs all':>10} {'per core':>10} {'p50':>7} {'p99 ms':>7}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the door is, beside peers in the same run.")
    parser.add_argument("--records", type=int, default=100_000, help="records in batches of 500")
    parser.add_argument("--singles", type=int, default=5_000, help="records one by one")
    parser.add_argument("--peers", type=Path, default=Path(".marketwin/bench-peers"), help="where peers are installed")
    given = parser.parse_args()
    asyncio.run(compare(given.records, given.singles, given.peers.absolute()))


async def compare(records: int, singles: int, peers: Path) -> None:
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        async with house(Path(folder)) as built:
            path = "/api/v1/records/pos_sale?source=till"
            door = Door(built.address, path, built.token, built.pids)
            await show("marketwin", door, records, singles, worker="ingest")
            async with by_record(built.servers.postgres_url, built.servers.pids) as peer:
                await show("FastAPI, pydantic, asyncpg", peer, records // 5, singles, worker="peer")
        await show_bytewax(Path(folder), peers, records)
        await show_node_red(Path(folder), peers, records // 5, singles)


@dataclass(frozen=True, slots=True)
class Door:
    """Something that takes sales over HTTP."""

    address: str
    path: str
    token: str
    pids: dict[str, list[int]]

    async def batches(self, start: int, count: int) -> Load:
        bodies = [lines(sales(place, BATCH)) for place in range(start, start + count, BATCH)]
        return await self._send(bodies, NDJSON, BATCH_CONNECTIONS)

    async def singles(self, start: int, count: int) -> Load:
        bodies = [json.dumps(sale, ensure_ascii=False).encode() for sale in sales(start, count)]
        return await self._send(bodies, JSON, SINGLE_CONNECTIONS)

    async def _send(self, bodies: Sequence[bytes], media: str, connections: int) -> Load:
        requests = [request(self.address, self.path, self.token, body, media) for body in bodies]
        return await send(self.address, requests, connections=connections, pids=self.pids)


async def show(name: str, door: Door, records: int, singles: int, *, worker: str) -> None:
    """Both ways of sending, each after a short warming up."""
    await door.batches(0, 10 * BATCH)
    found = await door.batches(10_000_000, max(records // BATCH, 1) * BATCH)
    print(Row(f"{name}, batches of {BATCH}", found, worker).text(), flush=True)
    await door.singles(20_000_000, 500)
    found = await door.singles(30_000_000, singles)
    print(Row(f"{name}, single", found, worker).text(), flush=True)


@contextlib.asynccontextmanager
async def by_record(postgres_url: str, servers: dict[str, int]) -> AsyncIterator[Door]:
    port = free_port()
    command = [sys.executable, "-m", "bench.ingest.peers.by_record", str(port), postgres_url]
    async with child(command, port) as pid:
        pids = {"peer": [pid], "servers": [number for name, number in servers.items() if name == "postgres"]}
        yield Door(f"127.0.0.1:{port}", "/sales", "none", pids)


@contextlib.asynccontextmanager
async def child(command: list[str], port: int, environ: dict[str, str] | None = None) -> AsyncIterator[int]:
    """A process that listens, for as long as the block runs; its id."""
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | (environ or {}), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            await _listens(port)
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return


async def show_bytewax(folder: Path, peers: Path, records: int) -> None:
    try:
        python = await asyncio.to_thread(bytewax_python, peers)
    except CannotInstall as error:
        print(f"{'bytewax':<52} SKIPPED, it cannot be installed: {error}", flush=True)
        return
    given = folder / "sales.ndjson"
    given.write_bytes(lines(sales(0, records)) + b"\n")
    command = [str(python), str(PEERS / "stream.py"), str(given), str(folder / "out"), str(SHOPS), str(PRODUCTS)]
    before, start = _children_cpu_s(), time.perf_counter()
    await asyncio.to_thread(subprocess.run, command, check=True)
    wall = time.perf_counter() - start
    count = (folder / "out").read_bytes().count(b"\n")
    found = Load(count, wall, {"peer": _children_cpu_s() - before}, [float("nan")])
    print(Row("bytewax, file to file, start included", found, "peer").text(), flush=True)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def show_node_red(folder: Path, peers: Path, records: int, singles: int) -> None:
    try:
        entry = await asyncio.to_thread(node_red, peers)
    except CannotInstall as error:
        print(f"{'Node-RED':<52} SKIPPED, it cannot be installed: {error}", flush=True)
        return
    home, port = folder / "red", free_port()
    home.mkdir()
    settings = {"uiHost": "127.0.0.1", "uiPort": port, "httpAdminRoot": False, "telemetry": {"enabled": False}}
    settings |= {"flowFile": str(PEERS / "flows.json"), "functionExternalModules": True, "apiMaxLength": "16mb"}
    (home / "settings.js").write_text(f"module.exports = {json.dumps(settings)}")
    command = ["node", str(entry), "--userDir", str(home), "--settings", str(home / "settings.js")]
    async with child(command, port, {"SALES_FILE": str(folder / "red.out")}) as pid:
        red = Door(f"127.0.0.1:{port}", "/sales", "none", {"peer": [pid]})
        await _flows_started(red)
        await show("Node-RED", red, records, singles, worker="peer")


async def _flows_started(red: Door) -> None:
    """It listens before its flows do; until then it knows no such path."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(SystemExit):
                await red.singles(0, 1)
                return
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    main()
