"""The door as it runs: real servers, an ingest process and a gateway process, with shops and products known."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ingest.load import request, send
from bench.ingest.tills import MASTER_ROWS, products, shops
from chassis.rpc import is_serving
from deploy.embedded import free_port
from deploy.servers import Servers, servers
from deploy.stack import FRUGAL, OF_THE_DOOR
from gateway.auth import Tokens

KEY = "a secret for the benchmark, 32 bytes or more"
PARTS = "door"
START_S = 60.0


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
        ingest, twin, gateway = free_port(), free_port(), free_port()
        environ = os.environ | running.environment
        environ |= {"MARKETWIN_DATA": str(folder), "INGEST_TOKEN_KEY": KEY, "GATEWAY_JWT_KEY": KEY}
        environ |= {"INGEST_PARTS": parts, "INGEST_CATCH_UP_S": "0" if "book" not in parts else "10"}
        environ |= {"GATEWAY_REQUESTS_PER_S": "1000000", "GATEWAY_INGEST_ADDRESS": f"127.0.0.1:{ingest}"}
        environ |= {"GATEWAY_TWIN_ADDRESS": f"127.0.0.1:{twin}"}
        children = [
            _spawn("services.ingest", folder, environ | {"INGEST_PORT": str(ingest)}),
            _spawn("gateway", folder, environ | {"GATEWAY_PORT": str(gateway)}),
            *([_spawn("services.twin", folder, environ | {"TWIN_PORT": str(twin)})] if has_twin else []),
        ]
        try:
            await _ready([f"127.0.0.1:{port}" for port in (ingest, twin)[: 1 + has_twin]], gateway)
            token = Tokens(KEY).issue("bench", "bench", ["partner"], hours=1)
            pids = {"ingest": [children[0].pid], "gateway": [children[1].pid], "servers": list(running.pids.values())}
            pids |= {"twin": [child.pid for child in children[2:]]}
            built = House(f"127.0.0.1:{gateway}", token, running, pids)
            await _introduce(built)
            yield built
        finally:
            for child in reversed(children):
                child.terminate()
                await asyncio.to_thread(child.wait)


def _spawn(module: str, folder: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / f"{module}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module], env=FRUGAL | OF_THE_DOOR | environ, stdout=log, stderr=log
        )


async def _ready(services: list[str], gateway: int) -> None:
    async with asyncio.timeout(START_S):
        for address in services:
            while not await is_serving(address):  # noqa: ASYNC110  # asked, nobody signals
                await asyncio.sleep(0.1)
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", gateway)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return


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
