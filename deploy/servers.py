"""Real PostgreSQL, NATS JetStream and Valkey as child processes, from wheels, on free loopback ports.

    async with servers(data) as urls:
        urls.postgres_url, urls.nats_url, urls.redis_url

`data` keeps what they store, so a second start is warm. Nothing outlives the process that started them, not
even after `kill -9`. A server whose address stands in the environment (`MARKETWIN_POSTGRES_URL`,
`MARKETWIN_NATS_URL`, `MARKETWIN_REDIS_URL`) is used as it is and not started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from deploy import nats, postgres, valkey
from deploy.children import Child, write_private
from deploy.embedded import Place, Running
from deploy.folder import AlreadyRunning, FolderLock
from deploy.tasks import uninterrupted

STOP_LIMIT_S = 15.0
STARTERS = {
    "MARKETWIN_POSTGRES_URL": postgres.start,
    "MARKETWIN_NATS_URL": nats.start,
    "MARKETWIN_REDIS_URL": valkey.start,
}


class Servers:
    """The three servers of one data folder: `start`, then the addresses, then `stop`."""

    def __init__(self, data: Path, *, logs: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._folder = data.absolute() / "servers"
        self._logs = logs or self._folder / "logs"
        self._environ = os.environ if environ is None else environ
        self._addresses: dict[str, str] = {}
        self._running: list[Running] = []
        self._lock: FolderLock | None = None

    @property
    def postgres_url(self) -> str:
        return self._addresses["MARKETWIN_POSTGRES_URL"]

    @property
    def nats_url(self) -> str:
        return self._addresses["MARKETWIN_NATS_URL"]

    @property
    def redis_url(self) -> str:
        return self._addresses["MARKETWIN_REDIS_URL"]

    @property
    def environment(self) -> dict[str, str]:
        """The three addresses under the names that every service reads."""
        return dict(self._addresses)

    @property
    def children(self) -> list[Child]:
        """The processes started here; those of servers from the environment are not ours."""
        return [running.child for running in self._running]

    @property
    def pids(self) -> dict[str, int]:
        return {child.name: child.pid for child in self.children}

    async def start(self) -> None:
        """Start them side by side; raises ChildFailed or AlreadyRunning, and then leaves none behind."""
        self._lock = FolderLock(self._folder)
        try:
            await self._lock.wait_for_predecessors()
            place = Place(self._folder, self._logs, self._password(), self._lock.hold)
            given = {name: self._environ[name] for name in STARTERS if self._environ.get(name)}
            missing = [self._start_one(name, place) for name in STARTERS if name not in given]
            started = await asyncio.gather(*missing, return_exceptions=True)
            for outcome in started:
                if isinstance(outcome, BaseException):
                    raise outcome
            self._addresses.update(given)
        except BaseException:
            await uninterrupted(self.stop())
            raise

    async def stop(self) -> None:
        """Stop what was started here: fast but orderly, killed after a limit. May be called twice."""
        running, self._running = self._running, []
        await asyncio.gather(*(each.child.stop(each.stop_signal, limit_s=STOP_LIMIT_S) for each in running))
        self._addresses.clear()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def _start_one(self, name: str, place: Place) -> None:
        running = await STARTERS[name](place)
        self._running.append(running)
        self._addresses[name] = running.url

    def _password(self) -> str:
        path = self._folder / "password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text()


@contextlib.asynccontextmanager
async def servers(data: Path, *, logs: Path | None = None) -> AsyncIterator[Servers]:
    """The three servers with their data in `data`, for as long as the block runs."""
    running = Servers(data, logs=logs)
    await running.start()
    try:
        yield running
    finally:
        await uninterrupted(running.stop())


__all__ = ["AlreadyRunning", "Servers", "servers"]
