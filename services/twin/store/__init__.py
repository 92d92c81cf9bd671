"""Twins in PostgreSQL.

tables   what is kept                       unit       writing, one transaction
journal  what was said, and snapshots       searching  queries over the newest states
models   types that were added, migrations  retention  what is too old to be kept
indexes  made where searches ask for them   reading    newest states, past every layer that costs
telling  what leads to a past state, likewise   lines      changes and what is told of them, one statement
lanes    writes that share a transaction        rows       twins and lines as they are written
unlocked writing what a few records or commands say, one statement
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
from asyncpg import PostgresError

from chassis.db import Database, is_away
from chassis.outbox import Relay
from chassis.rql.search import Search, Summary
from marketwin.twin.v1 import types_pb2
from services.twin.domain.fusion.rule_book import RuleBook
from services.twin.domain.neighbourhood import Neighbourhood, Walk
from services.twin.domain.past import Kept, Range
from services.twin.domain.twins import Change, Origin, Twin
from services.twin.domain.types import Types
from services.twin.store import journal, reading, retention, searching, telling, walking
from services.twin.store.fusion_rules import FusionRules
from services.twin.store.indexes import Indexes
from services.twin.store.lanes import Decide, Decider, Lanes
from services.twin.store.models import ModelReads
from services.twin.store.tables import CONNECTIONS, INBOX, OUTBOX, SCHEMA, TWIN, Base
from services.twin.store.unit import PostgresUnit
from services.twin.store.unlocked import Moved, UnlockedUnit
from services.twin.usecases import Unit

T = TypeVar("T")

__all__ = ["CONNECTIONS", "INBOX", "OUTBOX", "SCHEMA", "Base", "FusionRules", "PostgresStore"]

REMEMBERED_S = 30e-6
"""For so long a count is remembered, for each twin that it counted: a hundred times what counting one takes."""


class PostgresStore(ModelReads):
    """Twins in PostgreSQL."""

    def __init__(self, db: Database, relay: Relay, types: Types, book: RuleBook | None = None) -> None:
        super().__init__(db)
        self.types = types
        self.book = book or RuleBook(types)
        self.indexes = Indexes(db)
        self._relay = relay
        self._counting = asyncio.Lock()
        self._counted: tuple[float, dict[str, int]] = 0.0, {}
        self._lanes = Lanes(db, lambda: Decider(self.types, self.book.rule), self._alone, relay.wake)

    async def carry_out(self, twin_id: str, origin: Origin, decide: Decide) -> tuple[Twin, Twin]:
        """A command on one twin, which it is decided about as nobody else can change it; the twin before and after."""
        return await self._lanes.carry_out(twin_id, origin, decide)

    async def _alone(self, twin_id: str, origin: Origin, decide: Decide) -> tuple[Twin, Twin]:
        async with self.write() as unit:
            before = (await unit.lock([twin_id], origin))[twin_id]
            outcome = decide(unit, before)
            if outcome is None:
                return before, before
            await unit.save([outcome])
            return before, outcome[0]

    @asynccontextmanager
    async def write(self) -> AsyncIterator[PostgresUnit]:
        async with self._db.transaction() as session:
            unit = PostgresUnit(session, self.types, self.book.rule)
            yield unit
        if unit.told:
            self._relay.wake()

    async def in_one(self, work: Callable[[Unit], Awaitable[T]], *, few: bool) -> T:
        """What the work says of twins, in one transaction; what is said of few is tried without locks before.

        The work may run twice. Of many twins one has soon moved, and all that was decided is in vain.
        """
        if few and not self.types.coming:
            try:
                return await self._without_locks(work)
            except Moved:
                pass
            except PostgresError as error:
                # A message that was heard before, or a value that is refused: with locks it is told which.
                if is_away(error):
                    raise
        async with self.write() as unit:
            return await work(unit)

    async def _without_locks(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        async with self._db.driver() as connection:
            unit = UnlockedUnit(connection, self.types, self.book.rule)
            found = await work(unit)
            has_news = await unit.write()
        if has_news:
            self._relay.wake()
        return found

    async def get(self, twin_id: str) -> Twin | None:
        return await reading.newest(self._db, twin_id)

    async def messages(self, ids: Sequence[str]) -> list[types_pb2.Twin]:
        """The newest states of those of the ids that are there, as messages."""
        return await reading.messages(self._db, ids)

    async def get_whole(self, twin_id: str) -> Twin | None:
        """The twin with the inputs that it is made of."""
        return await reading.whole(self._db, twin_id)

    async def search(self, search: Search) -> tuple[list[types_pb2.Twin], str]:
        """A page of twins as messages, and the cursor of the next one; empty when this is the last."""
        begun = time.perf_counter()
        found = await searching.found(self._db, search, self.indexes.ready)
        self.indexes.note(search, time.perf_counter() - begun)
        return found

    async def summarise(self, summary: Summary, *, limit: int) -> list[str]:
        """Groups as JSON texts, by their key, at most `limit`."""
        return await searching.grouped(self._db, summary, limit=limit, indexed=self.indexes.ready)

    async def around(self, walk: Walk) -> Neighbourhood:
        """What relations around a twin lead to."""
        return await walking.around(self._db, walk)

    async def told(
        self, twin_id: str, *, revision: int | None, at: datetime | None, known_at: datetime | None
    ) -> tuple[Twin | None, list[Change]]:
        async with reading.connected(self._db.driver()) as connection:
            return await telling.told(connection, twin_id, revision=revision, at=at, known_at=known_at)

    async def kept(self, twin_id: str) -> Kept | None:
        async with self._db.transaction() as session:
            return await journal.kept(session, twin_id)

    async def lines(self, twin_id: str, wanted: Range, *, limit: int) -> tuple[list[Change], int]:
        async with self._db.transaction() as session:
            return await journal.page(session, twin_id, wanted, limit)

    async def knows(self, twin_id: str) -> bool:
        query = sa.select(sa.exists().where(TWIN.c.id == twin_id, TWIN.c.revision > 0))
        async with self._db.transaction() as session:
            return bool(await session.scalar(query))

    async def due(self, before: datetime, *, after: str, limit: int) -> tuple[list[str], str]:
        return await retention.due(self._db, before, after=after, limit=limit)

    async def drop(self, twin_id: str, before: datetime, *, limit: int) -> int:
        return await retention.drop(self._db, twin_id, before, limit=limit)

    async def count(self) -> dict[str, int]:
        """Living twins by model; of many twins what was counted some seconds ago, if it was."""
        async with self._counting:
            counted_at, known = self._counted
            if time.monotonic() - counted_at >= sum(known.values()) * REMEMBERED_S:
                known = await searching.counted(self._db)
                self._counted = time.monotonic(), known
            return known
