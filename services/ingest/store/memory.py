"""Receipts and entries of the balance, written behind the answer to Valkey and PostgreSQL.

    note ─▶ queue ─▶ one transaction for many answers ─▶ entry, receipt (PostgreSQL), copy (Valkey)

The log is what makes records durable. What is lost here with a process is found again: the consumer writes the entry of
every message, and a body sent again is recognised by the message ids of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError

from chassis.db import Database
from services.ingest.store import receipts
from services.ingest.usecases import Entry, Taken

log = structlog.get_logger()

PAUSE_S = 0.05
MAX_NOTES = 10_000
BATCH_NOTES = 500
LOOK_UP_S = 1.0
PREFIX = "ingest:answer:"
LAGS = "ingest:lag"
# Two arguments for all: the client packs each in Python.
_SET_ALL = """
for key, text in pairs(cjson.decode(ARGV[2])) do redis.call('SET', key, text, 'EX', ARGV[1]) end
for source, lag in pairs(cjson.decode(ARGV[3])) do redis.call('HSET', KEYS[1], source, lag) end
"""
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
        return {batch: receipts.answer_of(copy) for batch, copy in found if copy is not None}

    def note(self, answers: Sequence[Taken], entries: Sequence[Entry]) -> None:
        """Remembers answers, and what they add to the balance; nothing more while too many wait to be written."""
        if not answers:
            return
        if len(self._waiting) >= MAX_NOTES:
            log.warning("memory.full", waiting=len(self._waiting))
            return
        self._waiting.append((answers[0], entries))
        self._waiting += [(taken, ()) for taken in answers[1:]]
        self._latest.update((taken.receipt.batch_id, taken) for taken in answers)
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
        texts = {taken.receipt.batch_id: receipts.text_of(taken) for taken, _ in notes}
        entries = [entry for _, several in notes for entry in several]
        try:
            await receipts.write_notes(self._db, texts, entries)
        except AWAY as error:
            log.warning("memory.waits", error=type(error).__name__)
            await asyncio.sleep(1.0)
            return
        try:
            async with asyncio.timeout(LOOK_UP_S):
                await self._copy(texts, entries)
        except AWAY as error:
            log.warning("memory.valkey_away", error=type(error).__name__)
        del self._waiting[: len(notes)]
        for taken, _ in notes:
            if self._latest.get(taken.receipt.batch_id) is taken:
                del self._latest[taken.receipt.batch_id]

    async def _copy(self, texts: Mapping[str, str], entries: Sequence[Entry]) -> None:
        given = {PREFIX + batch: text for batch, text in texts.items()}
        lags = {source: str(lag) for source, lag in _lags(entries).items()}
        # One command: each costs the client more than the server.
        both = (msgspec.json.encode(each) for each in (given, lags))
        await self._redis.eval(_SET_ALL, 1, LAGS, str(self._kept_s), *both)

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
