"""The life of a process: enter the app, wait for a signal or a failure, leave in order."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

import structlog
import uvloop
from opentelemetry import context as trace_context

from chassis.errors import ChassisError
from chassis.settings import CommonSettings
from chassis.telemetry import telemetry, where

log = structlog.get_logger()
SettingsT = TypeVar("SettingsT")
P = ParamSpec("P")
T = TypeVar("T")

TRIM_EVERY_S = 30.0
GARBAGE_FROM = 10_000
"""New objects, above those that are gone again, until garbage is looked for; Python's 700 are a single pass here."""

# One thread: heavy maths queues up here instead of taking every core from the calls.
_heavy = ThreadPoolExecutor(max_workers=1, thread_name_prefix="heavy")


def run(
    name: str,
    app: Callable[[SettingsT], AbstractAsyncContextManager[object]],
    settings: SettingsT,
    common: CommonSettings,
) -> None:
    """Runs an app until SIGTERM or SIGINT; exits 1 when the app or one of its background tasks fails."""
    with telemetry(name, common):
        try:
            uvloop.run(_live(app, settings))
        except Exception as error:
            text = error.message if isinstance(error, ChassisError) else ""
            log.error("process.failed", error=type(error).__name__, message=text, where=where(error))
            sys.exit(1)


async def _live(app: Callable[[SettingsT], AbstractAsyncContextManager[object]], settings: SettingsT) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with app(settings) as running:
        _spare_what_stays()
        log.info("process.started", address=getattr(running, "address", ""))
        failures: Background | None = getattr(running, "background", None)
        await first(stopped.wait(), _stay_small(), *([failures.failed()] if failures else []))
        log.info("process.stopping")
    if failures:
        failures.raise_failure()
    log.info("process.stopped")


def _spare_what_stays() -> None:
    """What a process has loaded stays until its end: garbage is not looked for among it, again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_FROM, *gc.get_threshold()[1:])


def give_back_memory() -> None:
    """Returns freed memory to the system where the C library can: after bulk work it would keep it for ever."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def _stay_small() -> None:
    while True:
        await asyncio.sleep(TRIM_EVERY_S)
        await asyncio.to_thread(give_back_memory)


async def first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Waits until one of them has ended; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


def utc_now() -> datetime:
    """The one clock; services take it as an argument."""
    return datetime.now(UTC)


class Background:
    """Tasks that live as long as the app; one that dies ends the process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._failed = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Starts a task under a name that logs can show."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        log.error(
            "background.died",
            task=task.get_name(),
            error=type(error).__name__,
            where=where(error or ValueError()),
        )
        self._failure = error
        self._failed.set()

    async def failed(self) -> None:
        """Waits until a task has died."""
        await self._failed.wait()

    def raise_failure(self) -> None:
        """Raises what the first dead task died of, if one did."""
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        """Cancels what still runs and waits for it."""
        # Until Python 3.12, `wait_for` swallows a cancellation that meets its result: ask again until all have ended.
        while tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=1.0)


@dataclass(frozen=True, slots=True)
class Running:
    """What a service yields while it runs: its gRPC address and its background tasks."""

    address: str
    background: Background


@asynccontextmanager
async def background() -> AsyncIterator[Background]:
    """Background tasks that are cancelled on leaving."""
    tasks = Background()
    try:
        yield tasks
    finally:
        await tasks.stop()


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs heavy maths off the event loop, one piece at a time, in the caller's trace."""
    context = trace_context.get_current()

    def within() -> T:
        token = trace_context.attach(context)
        try:
            return work(*args, **kwargs)
        finally:
            trace_context.detach(token)

    return await asyncio.get_running_loop().run_in_executor(_heavy, within)
