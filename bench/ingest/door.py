"""Doors that take sales over HTTP, ours and those of peers, and what a load on them shows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from bench.ingest.load import Load, request, send
from bench.ingest.table import Row, show
from bench.ingest.tills import lines, sales
from deploy.embedded import free_port

BATCH = 500
BATCH_CONNECTIONS, SINGLE_CONNECTIONS = 32, 64
NDJSON, JSON = "application/x-ndjson", "application/json"


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


async def show_door(
    name: str, door: Door, records: int, singles: int, *, worker: str, asked: tuple[str, str] = ("", "")
) -> None:
    """Both ways of sending, each after a short warming up."""
    await door.batches(0, 10 * BATCH)
    found = await door.batches(10_000_000, max(records // BATCH, 1) * BATCH)
    show(Row(f"{name}, batches of {BATCH}", found, worker, asked[0]))
    await door.singles(20_000_000, 500)
    found = await door.singles(30_000_000, singles)
    show(Row(f"{name}, single", found, worker, asked[1]))


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
