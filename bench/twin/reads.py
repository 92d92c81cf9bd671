"""Reading a twin by its id over HTTP, beside the HTTP server of basyx-python-sdk."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.ingest.door import child
from bench.ingest.load import cpu_s
from bench.twin.house import ROOT, Shelf, house
from bench.twin.market import CITIES, COUNTRIES, PROVINCES, shop_id
from bench.twin.table import Cost, show
from deploy.embedded import free_port

CONNECTIONS = 64
WARM = 300


async def show_reads(folder: Path, built: Shelf, python: Path | None, reads: int) -> None:
    """Both sides have the same twins; the peer keeps them in memory."""
    twins = built.twins
    ids = [shop_id(number) for number in range(twins - CITIES - PROVINCES - COUNTRIES)]
    async with house(folder, built) as ours:
        requests = list(_requests(ours.address, [f"/api/v1/twins/{each}" for each in ids], ours.token, reads))
        await _asked(ours.address, requests[:WARM], 8, {})
        together = await _asked(ours.address, requests, CONNECTIONS, ours.pids)
        alone = await _asked(ours.address, requests[: reads // 4], 1, ours.pids)
    peer = await _of_peer(python, twins, ids, reads // 4) if python else None
    show(f"read by id, {twins:,} twins, {CONNECTIONS} connections (peer 1)", together, peer, "≥ 3 ×, flat to 100 k")
    show(f"read by id, {twins:,} twins, 1 connection", alone, peer)


async def _of_peer(python: Path, twins: int, ids: Sequence[str], reads: int) -> Cost:
    async with shells(python, twins) as (address, pids):
        paths = [f"/api/v3.0/submodels/{base64.urlsafe_b64encode(each.encode()).decode()}" for each in ids]
        requests = list(_requests(address, paths, "none", reads))
        await _asked(address, requests[:WARM], 1, {})
        # One worker answers one connection at a time; several would only wait for each other.
        return await _asked(address, requests, 1, pids)


@asynccontextmanager
async def shells(python: Path, twins: int) -> AsyncIterator[tuple[str, dict[str, list[int]]]]:
    """The peer's HTTP server, as its own image runs it (uWSGI), with one worker: its address and process."""
    port = free_port()
    command = [str(python.parent / "uwsgi"), "--http11-socket", f"127.0.0.1:{port}", "--processes", "1", "--master"]
    command += ["--virtualenv", str(python.parents[1]), "--module", "bench.twin.peers.shells:application"]
    command += ["--disable-logging", "--logto", "/dev/null", "--die-on-term"]
    async with child(command, port, {"TWINS": str(twins), "PYTHONPATH": str(ROOT)}) as pid:
        yield f"127.0.0.1:{port}", {"peer": [pid]}


def _requests(address: str, paths: Sequence[str], token: str, count: int) -> Iterator[bytes]:
    chance = random.Random(2)
    for _ in range(count):
        path = paths[chance.randrange(len(paths))]
        yield f"GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def _asked(address: str, requests: Sequence[bytes], connections: int, pids: dict[str, list[int]]) -> Cost:
    """Every request once, over so many connections; stops at an answer that is no twin."""
    left = iter(requests)

    async def one() -> None:
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for each in left:
            writer.write(each)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = head.lower().split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in fields if line.startswith(b"content-length"))
            body = await reader.readexactly(length)
            if b" 200 " not in head[:20] or b"turnover" not in body:
                raise SystemExit(f"no twin: {head[:80]!r} {body[:200]!r}")
        writer.close()

    every = [pid for each in pids.values() for pid in each]
    before, begun = cpu_s(every), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return Cost(len(requests), time.perf_counter() - begun, cpu_s(every) - before)
