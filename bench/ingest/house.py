"""The door as it runs: real servers, an ingest process and a gateway process, with shops and products known."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ingest.load import request, send
from bench.ingest.tills import MASTER_ROWS, products, shops
from bench.processes import KEY, processes
from deploy.servers import Servers, servers

PARTS = "door"


@dataclass(frozen=True, slots=True)
class House:
    """Where the door listens, and who works behind it."""

    address: str
    token: str
    servers: Servers
    pids: dict[str, list[int]]


@asynccontextmanager
async def house(folder: Path, *, parts: str = PARTS, has_twin: bool = False) -> AsyncIterator[House]:
    """Everything started in an empty folder, for as long as the block runs; with a twin process where asked for."""
    async with servers(folder) as running:
        environ = running.environment | {"INGEST_TOKEN_KEY": KEY, "INGEST_PARTS": parts}
        environ |= {"INGEST_CATCH_UP_S": "0" if "book" not in parts else "10"}
        async with processes(folder, ["ingest", *(["twin"] if has_twin else [])], environ) as ours:
            pids = {"twin": [], **ours.pids, "servers": list(running.pids.values())}
            built = House(ours.address, ours.token("partner"), running, pids)
            await _introduce(built)
            yield built


async def _introduce(built: House) -> None:
    """Shops and products become known; other records refer to them."""
    for kind, rows in (("sku", products()), ("retailer", shops())):
        chunks = [rows[start : start + MASTER_ROWS] for start in range(0, len(rows), MASTER_ROWS)]
        bodies = [json.dumps(chunk).encode() for chunk in chunks]
        path = f"/api/v1/records/{kind}?source=bench"
        requests = [request(built.address, path, built.token, body, "application/json") for body in bodies]
        found = await send(built.address, requests, connections=1, pids={})
        if found.records != len(rows):
            raise SystemExit(f"only {found.records} of {len(rows)} {kind} records were accepted")
