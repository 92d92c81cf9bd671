"""One run at a time in a data folder, and none before the processes of a killed one are gone.

Two lock files: `lock` belongs to the supervisor; `children.lock` is a descriptor that every child inherits,
so the kernel keeps it locked until the last of them has ended, whoever was killed and in whatever order.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path

POLL_SECONDS = 0.05
# A killed supervisor's PostgreSQL ends its backends within five seconds.
PREDECESSORS_LIMIT_S = 15.0


class AlreadyRunning(RuntimeError):
    """Another process uses this data folder."""


class FolderLock:
    """The right to start processes in a data folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._own = _open(folder / "lock")
        if not _lock(self._own):
            os.close(self._own)
            raise AlreadyRunning(f"another run uses {folder}: stop that one first")
        self.hold = _open(folder / "children.lock")

    async def wait_for_predecessors(self) -> None:
        """Wait until the processes of a killed supervisor are gone; raises AlreadyRunning if they stay."""
        deadline = time.monotonic() + PREDECESSORS_LIMIT_S
        while not _lock(self.hold):
            if time.monotonic() > deadline:
                raise AlreadyRunning(f"processes of an earlier run still use {self._folder}: end them first")
            await asyncio.sleep(POLL_SECONDS)

    def release(self) -> None:
        """Give the folder free; children that still run keep it busy."""
        os.close(self.hold)
        os.close(self._own)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
