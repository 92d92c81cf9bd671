"""Our own processes, as benchmarks start them: services and the gateway in front of them, on free ports."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chassis.rpc import is_serving
from deploy.embedded import free_port
from deploy.stack import FRUGAL, OF_THE_DOOR
from gateway.auth import Tokens

KEY = "a secret for the benchmark, 32 bytes or more"
SERVICES = ("ingest", "twin")
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Processes:
    """Where the gateway listens, and which process is whose."""

    address: str
    pids: dict[str, list[int]]

    def token(self, role: str) -> str:
        return Tokens(KEY).issue("bench", "bench", [role], hours=1)


@asynccontextmanager
async def processes(folder: Path, services: Sequence[str], environ: Mapping[str, str]) -> AsyncIterator[Processes]:
    """The services of these names and a gateway, for as long as the block runs; what they log is in the folder."""
    ports = {name: free_port() for name in (*SERVICES, "gateway")}
    told = {f"{name.upper()}_PORT": str(port) for name, port in ports.items()}
    told |= {f"GATEWAY_{name.upper()}_ADDRESS": f"127.0.0.1:{ports[name]}" for name in SERVICES}
    told |= {"MARKETWIN_DATA": str(folder), "GATEWAY_JWT_KEY": KEY, "GATEWAY_REQUESTS_PER_S": "1000000"}
    modules = {name: f"services.{name}" for name in services} | {"gateway": "gateway"}
    children = {name: _spawn(module, folder, {**os.environ, **environ, **told}) for name, module in modules.items()}
    try:
        await _ready([f"127.0.0.1:{ports[name]}" for name in services], ports["gateway"])
        yield Processes(f"127.0.0.1:{ports['gateway']}", {name: [child.pid] for name, child in children.items()})
    finally:
        for child in reversed(children.values()):
            child.terminate()
            await asyncio.to_thread(child.wait)


def _spawn(module: str, folder: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / f"{module}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module], env=FRUGAL | OF_THE_DOOR | environ, stdout=log, stderr=log
        )


async def _ready(services: Sequence[str], gateway: int) -> None:
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
