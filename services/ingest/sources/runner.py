"""Runs connections, each in one replica at a time, and starts those that fail again after growing pauses.

lease ─▶ running ─▶ run() ──SourceAway──▶ failing ─▶ pause ─▶ running
             ▲                                └─ the lease is lost: another replica goes on from the checkpoint
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from msgspec.structs import replace
from opentelemetry.trace import SpanKind

from chassis.errors import ChassisError, Unavailable
from chassis.telemetry import span, trace_id, where
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.sources.asking import topic_of
from services.ingest.sources.connection import Checkpoint, Connection, Connector, Intake, Ledger, SourceAway
from services.ingest.sources.connectors import CONNECTORS
from services.ingest.usecases import Body

log = structlog.get_logger()

STOP_LIMIT_S = 10.0
MAX_ERROR_CHARS = 500
DOOR_TRIES = 6
LOOK_S = 2.0
"""Between two looks whether a person has asked for a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Seconds between tries: the first, the longest; each is up to double the one before, drawn at random."""

    first_s: float = 1.0
    longest_s: float = 300.0

    def of(self, failures: int) -> float:
        """A pause between half of and the whole of the growing limit, so that replicas do not knock in step."""
        limit = min(self.first_s * 2.0 ** min(failures - 1, 30), self.longest_s)
        return limit * (0.5 + random.random() / 2)  # noqa: S311  # jitter, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """What every connection is run with."""

    ledger: Ledger
    take_in: Callable[[Body], Awaitable[Receipt]]
    now: Callable[[], datetime]
    pauses: Pauses = Pauses()
    look_s: float = LOOK_S
    connectors: Mapping[str, Connector] = field(default_factory=lambda: CONNECTORS)


@asynccontextmanager
async def running(runner: Runner, connections: Mapping[str, Connection]) -> AsyncIterator[None]:
    """Runs connections for as long as the block runs; leaving stops them, and what they have in hand is sent again."""
    await runner.ledger.declare(list(connections.values()))
    tasks = [
        asyncio.create_task(_keep_running(runner, connection), name=f"connection {connection.name}")
        for connection in connections.values()
        if runner.connectors[connection.type].run is not None
    ]
    try:
        yield
    finally:
        # Until Python 3.12, `wait_for` swallows a cancellation that meets its result: ask again until all have ended.
        while unfinished := [task for task in tasks if not task.done()]:
            for task in unfinished:
                task.cancel()
            await asyncio.wait(unfinished, timeout=1.0)


async def _keep_running(runner: Runner, connection: Connection) -> None:
    """Runs one connection for ever, whenever this replica holds its lease."""
    while True:
        async with runner.ledger.hold(connection.name) as lease:
            work = asyncio.create_task(_run_when_asked(runner, connection), name=f"run {connection.name}")
            lost = asyncio.create_task(lease.lost(), name=f"lease {connection.name}")
            try:
                await asyncio.wait({work, lost}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                still_ours = not lost.done()
                await _ended(work, lost)
                if still_ours:
                    with suppress(Exception):
                        async with asyncio.timeout(STOP_LIMIT_S):
                            await runner.ledger.state(connection.name, "stopped")
        if lost.done() and not lost.cancelled():
            log.warning("source.lease_lost", connection=connection.name)


async def _run_when_asked(runner: Runner, connection: Connection) -> None:
    """Runs a connection, and begins it anew from its checkpoint whenever a person asks that it fetches now."""
    if not runner.connectors[connection.type].fetches:
        await _run(runner, connection)
        return
    told = await _asked(runner, connection, -1)
    while True:
        work = asyncio.create_task(_run(runner, connection), name=f"work {connection.name}")
        asked = asyncio.create_task(_asked(runner, connection, told), name=f"asked {connection.name}")
        try:
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(work, asked)
        if asked.cancelled():
            return
        told = asked.result()
        log.info("source.run_asked", connection=connection.name)


async def _asked(runner: Runner, connection: Connection, told: int) -> int:
    """Waits until it was asked for more often than `told`; answers how often."""
    while True:
        # The database may be away for a while; then nobody can have asked either.
        with suppress(Exception):
            now = await runner.ledger.news(topic_of(connection.name))
            if now > told:
                return now
        await asyncio.sleep(runner.look_s)


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _run(runner: Runner, connection: Connection) -> None:
    """Starts the connector again and again; a round that brought something makes the pauses short again."""
    failures = 0
    while True:
        progress = _Progress()
        try:
            await runner.ledger.state(connection.name, "running")
            await _connector(runner, connection)(connection, _intake(runner, connection, progress))
            fault = SourceAway("the connection ended")
        except SourceAway as error:
            fault = error
        except ChassisError as error:
            fault = SourceAway(error.message, after_s=error.retry_after_s)
        except Exception as error:
            # An edge, like those of calls and events: one connector that fails must not close the door to the others.
            log.error("source.broken", connection=connection.name, error=type(error).__name__, where=where(error))
            fault = SourceAway(f"the connector failed unexpectedly ({type(error).__name__}); its log says where")
        failures = 1 if progress.made else failures + 1
        pause_s = max(runner.pauses.of(failures), fault.after_s or 0)
        log.warning("source.failing", connection=connection.name, failures=failures, pause_s=round(pause_s, 1))
        await _tell(runner, connection, fault)
        await asyncio.sleep(pause_s)


def _connector(runner: Runner, connection: Connection) -> Callable[[Connection, Intake], Awaitable[None]]:
    run = runner.connectors[connection.type].run
    if run is None:
        raise SourceAway("this type of connection is spoken to from outside")
    return run


async def _tell(runner: Runner, connection: Connection, fault: SourceAway) -> None:
    try:
        await runner.ledger.state(connection.name, "failing", fault.text[:MAX_ERROR_CHARS])
    except Exception as error:
        log.warning("source.untold", connection=connection.name, error=type(error).__name__)


@dataclass(slots=True)
class _Progress:
    made: bool = False


def _intake(runner: Runner, connection: Connection, progress: _Progress) -> Intake:
    async def note(checkpoint: Checkpoint, records: int) -> None:
        await runner.ledger.note(connection.name, checkpoint, records, runner.now())
        progress.made = True

    return Intake(
        take_in=door_of(runner.take_in, connection),
        recall=lambda: runner.ledger.recall(connection.name),
        note=note,
        news=runner.ledger.news,
        now=runner.now,
    )


def door_of(
    take_in: Callable[[Body], Awaitable[Receipt]], connection: Connection
) -> Callable[[Body], Awaitable[Receipt]]:
    """The door for one connection: each body has a trace and the connection's name; a full door is asked again."""

    async def take(body: Body) -> Receipt:
        with span(f"{connection.type} brings {connection.kind}", kind=SpanKind.CONSUMER):
            named = replace(body, sent_by=f"connection:{connection.name}", trace_id=trace_id())
            for tried in range(1, DOOR_TRIES):
                try:
                    return await take_in(named)
                except Unavailable as error:
                    await asyncio.sleep(max(Pauses(longest_s=10).of(tried), error.retry_after_s or 0))
            return await take_in(named)

    return take
