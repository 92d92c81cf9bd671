"""Ways to wait: for the first failure, beside a watch, and to the end whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import TypeVar

T = TypeVar("T")

# Longer than a watch takes to notice that a process has died.
CAUSE_SECONDS = 1.0


class Stuck(RuntimeError):
    """What is waited for makes no progress."""


@contextlib.asynccontextmanager
async def watched(watch: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run the block while `watch` runs. When `watch` fails, the block ends with what it says.

    A block that fails by itself waits a moment: if a child has died, that is the cause, and the rest its echo.
    """
    async with first_failure() as group:
        watching = group.create_task(watch)
        try:
            yield
        except Exception:
            await asyncio.wait([watching], timeout=CAUSE_SECONDS)
            if not watching.done():
                raise
        watching.cancel()


@contextlib.asynccontextmanager
async def first_failure() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises the first failure itself rather than a group of them."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as problems:
        raise problems.exceptions[0] from None


async def uninterrupted(work: Coroutine[None, None, T]) -> T:
    """Do the work to its end even when we are told to stop meanwhile; then stop.

    For putting things in order: a second Ctrl-C must not leave half of them undone.
    """
    task = asyncio.create_task(work)
    interrupted = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            interrupted = True
    if interrupted:
        raise asyncio.CancelledError
    return task.result()
