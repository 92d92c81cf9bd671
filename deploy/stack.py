"""The processes of a local stack: started, waited for, watched, and stopped in order.

async with stack(parts, ...) as running:     # every part is ready and is our own child
    await running.watch()                    # raises ChildFailed as soon as one of them ends
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from deploy.children import Child, spawn
from deploy.tasks import first_failure, uninterrupted

START_LIMIT_S = 90.0
STOP_LIMIT_S = 15.0
POLL_SECONDS = 0.05
WATCH_SECONDS = 0.25

# Each process keeps little of what it has freed: ten of them share one machine. Names of glibc, jemalloc (in
# Polars), Arrow and OpenBLAS.
FRUGAL = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "OPENBLAS_NUM_THREADS": "1",
    "_RJEM_MALLOC_CONF": "background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0,narenas:2",
}
# Those at the door (gateway, ingest) do not: a body, or a pass over bodies, makes and drops some megabytes, and to have
# them back from the system each time took a fifth of the CPU.
OF_THE_DOOR = {"MALLOC_MMAP_THRESHOLD_": "8388608", "MALLOC_TRIM_THRESHOLD_": "16777216"}

Probe = Callable[[Child], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the stack: what to run, and how to ask whether it is ready."""

    name: str
    command: Sequence[str]
    is_ready: Probe
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where parts run: the folder they start in, their logs, and the descriptor they hold (see deploy.folder)."""

    root: Path
    logs: Path
    hold: int


class Stack:
    """Running parts, oldest first."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    @property
    def pids(self) -> dict[str, int]:
        return {child.name: child.pid for child in self.children}

    async def start(
        self, parts: Sequence[Part], where: Workplace, on_ready: Callable[[Part], None] = lambda _: None
    ) -> None:
        """Start all parts side by side and wait until each is ready; raises ChildFailed when one is not."""
        async with first_failure() as group:
            for part in parts:
                child = spawn(
                    part.name,
                    part.command,
                    log=where.logs / f"{part.name}.log",
                    env=FRUGAL | os.environ | {"PYTHONUNBUFFERED": "1"} | dict(part.env),
                    cwd=where.root,
                    hold=where.hold,
                )
                self.children.append(child)
                group.create_task(_until_ready(part, child, on_ready))

    async def watch(self, *others: Child) -> None:
        """Wait for ever; raises ChildFailed when a child, of ours or of `others`, ends."""
        while True:
            for child in (*others, *self.children):
                if child.exit_code is not None:
                    raise child.failure(f"ended with code {child.exit_code}")
            await asyncio.sleep(WATCH_SECONDS)

    async def stop(self) -> list[str]:
        """Stop the newest first, each within a limit; returns the names of those that had to be killed."""
        killed = []
        while self.children:
            child = self.children.pop()
            if not await child.stop(limit_s=STOP_LIMIT_S):
                killed.append(child.name)
        return killed


@contextlib.asynccontextmanager
async def stack() -> AsyncIterator[Stack]:
    """An empty stack; what was started in it is stopped on leaving."""
    running = Stack()
    try:
        yield running
    finally:
        for name in await uninterrupted(running.stop()):
            print(f"{name} did not stop within {STOP_LIMIT_S:.0f} s and was killed", file=sys.stderr)


def python_part(name: str, module: str, is_ready: Probe, env: Mapping[str, str]) -> Part:
    """A module of this repository as a process."""
    return Part(name, [sys.executable, "-m", module], is_ready, env)


def serves_grpc(port: int) -> Probe:
    """Ready when the child itself listens on the port and the standard health protocol says SERVING."""

    async def is_ready(child: Child) -> bool:
        # While the children start there is time for it; before, everybody would wait.
        from chassis.rpc import is_serving

        return _listens(child.pid, port) and await is_serving(f"127.0.0.1:{port}", timeout_s=1.0)

    return is_ready


def serves_http(port: int) -> Probe:
    """Ready when the child itself listens on the port and `/readyz` answers 200."""

    async def is_ready(child: Child) -> bool:
        if not _listens(child.pid, port):
            return False
        try:
            async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
                return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    return is_ready


async def has_announced(child: Child) -> bool:
    """Ready when the child has printed a JSON line with its `address`."""
    return any(line.startswith('{"address"') for line in child.said())


async def _until_ready(part: Part, child: Child, on_ready: Callable[[Part], None]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not await part.is_ready(child):
        if child.exit_code is not None:
            raise child.failure(f"ended with code {child.exit_code} before it was ready")
        if time.monotonic() > deadline:
            raise child.failure(f"was not ready within {START_LIMIT_S:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
    on_ready(part)


def _listens(pid: int, port: int) -> bool:
    """Whether the process itself listens on the port: an answer alone could come from a stranger."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)
