"""Receipts and entries of the balance, written behind the answer to Valkey and PostgreSQL.

    note ─▶ queue ─▶ one transaction for many answers ─▶ entry, receipt (PostgreSQL), copy (Valkey)

The log is what makes records durable. What is lost here with a process is found again: the consumer writes the entry of
every message, and a body sent again is recognised by the message ids of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError

from chassis.db import Database
from services.ingest.domain.receipt import Receipt
from services.ingest.store import receipts
from services.ingest.usecases import Entry, Taken

log = structlog.get_logger()

PAUSE_S = 0.05
MAX_NOTES = 10_000
BATCH_NOTES = 500
LOOK_UP_S = 1.0
PREFIX = "ingest:receipt:"
LAGS = "ingest:lag"
_SET_ALL = "for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[i + 1], 'EX', ARGV[1]) end"
AWAY = (
    *(OperationalError, InterfaceError, OSError, TimeoutError, RedisError),
    *(asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    asyncpg.OperatorInterventionError,
    *(asyncpg.InsufficientResourcesError, asyncpg.TransactionRollbackError),
)


class WriteBehind:
    """What the door remembers of its answers."""

    def __init__(self, db: Database, redis: Redis, *, kept_s: int) -> None:
        self._db = db
        self._redis = redis
        self._kept_s = kept_s
        self._waiting: list[tuple[Taken, Sequence[Entry]]] = []
        self._latest: dict[str, Taken] = {}
        self._noted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def recall(self, batches: Sequence[str]) -> dict[str, Taken]:
        """The answers to batches, from what waits to be written, the book, or Valkey while the book is away.

        Valkey hears of an answer after the book and knows nothing that the book does not.
        """
        known = {batch: self._latest[batch] for batch in batches if batch in self._latest}
        missing = [batch for batch in batches if batch not in known]
        if not missing:
            return known
        try:
            async with asyncio.timeout(LOOK_UP_S):
                return known | await receipts.find_receipts(self._db, missing)
        except AWAY as error:
            log.warning("memory.book_away", error=type(error).__name__)
            return known | await self._recall_copies(missing)

    async def _recall_copies(self, batches: Sequence[str]) -> dict[str, Taken]:
        try:
            async with asyncio.timeout(LOOK_UP_S):
                copies = await self._redis.mget([PREFIX + batch for batch in batches])
        except AWAY as error:
            log.warning("memory.valkey_away", error=type(error).__name__)
            return {}
        found = zip(batches, copies, strict=True)
        return {batch: _taken(msgspec.json.decode(copy)) for batch, copy in found if copy is not None}

    def note(self, taken: Taken, entries: Sequence[Entry]) -> None:
        """Remembers an answer; the oldest waiting ones give way when nothing can be written for long."""
        if len(self._waiting) >= MAX_NOTES:
            log.warning("memory.full", waiting=len(self._waiting))
            return
        self._waiting.append((taken, entries))
        self._latest[taken.receipt.batch_id] = taken
        self._idle.clear()
        self._noted.set()

    async def written(self, *, within_s: float = 5.0) -> None:
        """Waits until all that was noted is written, so that a balance read now is whole."""
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("memory.behind", waiting=len(self._waiting))

    async def run(self) -> None:
        """Writes for ever."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            while self._waiting:
                await self._write_some()
            self._idle.set()
            # A short pause gathers the answers of the meantime into one transaction.
            await asyncio.sleep(PAUSE_S)

    async def _write_some(self) -> None:
        notes = self._waiting[:BATCH_NOTES]
        try:
            await receipts.write_notes(self._db, notes)
        except AWAY as error:
            log.warning("memory.waits", error=type(error).__name__)
            await asyncio.sleep(1.0)
            return
        try:
            async with asyncio.timeout(LOOK_UP_S):
                await self._copy(notes)
        except AWAY as error:
            log.warning("memory.valkey_away", error=type(error).__name__)
        del self._waiting[: len(notes)]
        for taken, _ in notes:
            if self._latest.get(taken.receipt.batch_id) is taken:
                del self._latest[taken.receipt.batch_id]

    async def _copy(self, notes: Sequence[tuple[Taken, Sequence[Entry]]]) -> None:
        keys = [PREFIX + taken.receipt.batch_id for taken, _ in notes]
        copies = [msgspec.json.encode(_plain(taken)) for taken, _ in notes]
        # One command: each costs the client more than the server.
        await self._redis.eval(_SET_ALL, len(keys), *keys, str(self._kept_s), *copies)
        lags = _lags(entry for _, entries in notes for entry in entries)
        if lags:
            await self._redis.hset(LAGS, mapping={source: str(lag) for source, lag in lags.items()})

    async def lags(self) -> dict[str, float]:
        """Seconds from the newest fact of each source's last batch to its arrival; none while Valkey is away."""
        try:
            async with asyncio.timeout(LOOK_UP_S):
                found = await self._redis.hgetall(LAGS)
        except AWAY as error:
            log.warning("memory.valkey_away", error=type(error).__name__)
            return {}
        return {source.decode() if isinstance(source, bytes) else source: float(lag) for source, lag in found.items()}


def _lags(entries: Iterable[Entry]) -> dict[str, float]:
    latest: dict[str, tuple[datetime, datetime]] = {}
    for entry in entries:
        if entry.newest_at is not None:
            times = (entry.at, entry.newest_at)
            latest[entry.source] = max(times, latest.get(entry.source, times))
    # A clock that runs ahead makes no lag.
    return {source: max(0.0, (at - newest).total_seconds()) for source, (at, newest) in latest.items()}


def _plain(taken: Taken) -> dict[str, Any]:
    return {
        "source": taken.source,
        "kind": taken.kind,
        "digest": taken.digest,
        "batch_id": taken.receipt.batch_id,
        "counts": receipts.receipt_counts(taken.receipt),
        "at": taken.at.isoformat(),
        "sent_by": taken.sent_by,
    }


def _taken(plain: dict[str, Any]) -> Taken:
    receipt = Receipt(plain["batch_id"], **plain["counts"])
    at = datetime.fromisoformat(plain["at"])
    return Taken(plain["source"], plain["kind"], plain["digest"], receipt, at, plain["sent_by"])
