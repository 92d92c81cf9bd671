"""A connection under test: its file, the runner, and a door that can be away and remembers every sample."""

from __future__ import annotations

import asyncio
import io
import textwrap
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from chassis.app import utc_now
from chassis.errors import Unavailable
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.sources.connection import Checkpoint, Connection
from services.ingest.sources.connection_files import read_connection
from services.ingest.sources.runner import Pauses, Runner, running
from services.ingest.usecases import Body


class Door:
    """Takes bodies while it is open; a key counts once, as at the real one."""

    def __init__(self) -> None:
        self.is_away = False
        self.tags: list[dict[str, Any]] = []
        self.frames: dict[str, pl.DataFrame] = {}

    async def take_in(self, body: Body) -> Receipt:
        if self.is_away:
            raise Unavailable("the log is away", retry_after_s=0.05)
        if body.kind == "scada_tag":
            self.tags += msgspec.json.decode(body.content)
        else:
            self.frames[body.idempotency_key] = pl.read_ipc_stream(io.BytesIO(body.content))
        return Receipt("B", 1, 0, 0, 0, 0)

    @property
    def samples(self) -> pl.DataFrame:
        return pl.concat(self.frames.values()) if self.frames else pl.DataFrame({"tag": [], "value": []})

    def heard(self) -> Counter[tuple[str, float | None]]:
        """How often each tag's value came, by the time of its source."""
        once = self.samples.unique()
        return Counter(once.select("tag", "value").iter_rows())

    async def values_of(self, tag: str) -> list[float | None]:
        """Values by time; what was on disk but not acknowledged at a stop comes twice, with the same time."""
        return self.samples.filter(pl.col("tag") == tag).unique().sort("sampled_at")["value"].to_list()


class Ledger:
    """Checkpoints and states in memory."""

    def __init__(self) -> None:
        self.checkpoints: dict[str, Checkpoint] = {}
        self.states: dict[str, tuple[str, str | None]] = {}
        self.errors: list[str] = []
        self.told: Counter[str] = Counter()
        self.records = 0

    async def declare(self, connections: list[Connection]) -> None: ...

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[Ledger]:
        yield self

    async def lost(self) -> None:
        await asyncio.Event().wait()

    async def recall(self, name: str) -> Checkpoint | None:
        return self.checkpoints.get(name)

    async def note(self, name: str, checkpoint: Checkpoint, records: int, at: datetime) -> None:
        self.checkpoints[name] = checkpoint
        self.records += records

    async def news(self, topic: str) -> int:
        return self.told[topic]

    async def state(self, name: str, state: str, error: str | None = None) -> None:
        self.states[name] = (state, error)
        self.errors += [error] if error else []


def connection_of(text: str, **environ: str) -> Connection:
    return read_connection(textwrap.dedent(text).encode(), "plant.yaml", environ=environ)


@asynccontextmanager
async def connected(connection: Connection, door: Door, ledger: Ledger) -> AsyncIterator[None]:
    runner = Runner(ledger=ledger, take_in=door.take_in, now=utc_now, pauses=Pauses(first_s=0.05, longest_s=0.2))
    async with running(runner, {connection.name: connection}):
        yield
