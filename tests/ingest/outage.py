"""A NATS server that can be stopped and started at one address, and an ingest process that can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chassis.rpc import is_serving
from chassis.settings import CommonSettings
from chassis.testing import eventually
from deploy.embedded import free_port
from deploy.nats import _binary as nats_binary


def spawned(command: list[str], log: Path, environ: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(command, env=environ, stdout=output, stderr=output)


class Nats:
    """JetStream with an address that stays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        config = self._folder / "nats.conf"
        store = self._folder / "nats"
        config.write_text(f'max_payload: 8MB\njetstream {{ store_dir: "{store}", sync_interval: always }}\n')
        command = [nats_binary(), "-c", str(config), "-a", "127.0.0.1", "-p", str(self.port)]
        self._process = spawned(command, self._folder / "nats.log")
        await eventually(self._answers)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self._process.wait)
            self._process = None


@asynccontextmanager
async def restartable_nats(folder: Path) -> AsyncIterator[Nats]:
    server = Nats(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Door:
    """A process of the ingest service."""

    def __init__(self, common: CommonSettings, nats_url: str, folder: Path, key: str) -> None:
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._log = folder / "door.log"
        self._environ = os.environ | {
            "MARKETWIN_POSTGRES_URL": common.postgres_url,
            "MARKETWIN_REDIS_URL": common.redis_url,
            "MARKETWIN_NATS_URL": nats_url,
            "MARKETWIN_DATA": str(folder),
            "INGEST_TOKEN_KEY": key,
            "INGEST_PORT": str(self._port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = spawned([sys.executable, "-m", "services.ingest"], self._log, self._environ)
        await eventually(lambda: is_serving(self.address), within_s=60, every_s=0.1)

    async def kill(self) -> None:
        """As the kernel does it: no warning, nothing flushed."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            self._process = None
