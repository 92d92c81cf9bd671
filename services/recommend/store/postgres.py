"""Recommendations in PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa

from chassis.db import Database
from chassis.outbox import Relay
from services.recommend.store.cards import Answering, Delivering
from services.recommend.store.intake import Intake
from services.recommend.store.ranking import Ranking
from services.recommend.store.rows import seen, seen_query
from services.recommend.store.tables import CARD, RECOMMENDATION, STALE
from services.recommend.usecases.ports import Place, Row, Wanted

OVER = ("expired", "withdrawn")


class PostgresStore:
    """The store of this service. `stale` and `cards` are set when there is something to rank or to deliver."""

    def __init__(self, db: Database, relay: Relay) -> None:
        self._db = db
        self._relay = relay
        self.stale = asyncio.Event()
        self.cards = asyncio.Event()
        self.heard_at = time.monotonic()

    @asynccontextmanager
    async def intake(self) -> AsyncIterator[Intake]:
        async with self._db.transaction() as session:
            unit = Intake(session)
            yield unit
        if unit.changed:
            self.heard_at = time.monotonic()
            self.stale.set()

    @asynccontextmanager
    async def ranking(self) -> AsyncIterator[Ranking]:
        async with self._db.transaction() as session:
            unit = Ranking(session)
            yield unit
        if unit.told:
            self._relay.wake()
        if unit.queued:
            self.cards.set()

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[Answering]:
        async with self._db.transaction() as session:
            yield Answering(session)
        self._relay.wake()
        self.cards.set()

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[Delivering]:
        async with self._db.transaction() as session:
            unit = Delivering(session)
            yield unit
        if unit.told:
            self._relay.wake()

    async def get(self, recommendation_id: str) -> Row | None:
        async with self._db.transaction() as session:
            row = (await session.execute(seen_query().where(RECOMMENDATION.c.id == recommendation_id))).first()
        return seen(row) if row is not None else None

    async def find(self, wanted: Wanted, after: Place | None, limit: int) -> list[Row]:
        table = RECOMMENDATION
        clauses = [table.c.state == wanted.state] if wanted.state else [table.c.state.not_in(OVER)]
        equal = {"account_manager": wanted.account_manager, "retailer_code": wanted.retailer, "mode": wanted.mode}
        clauses += [table.c[name] == value for name, value in equal.items() if value]
        place = sa.tuple_(table.c.rank, -table.c.score, table.c.id)
        if after is not None:
            clauses.append(place > sa.tuple_(sa.literal(after.rank), sa.literal(-after.score), sa.literal(after.id)))
        query = seen_query().where(*clauses).order_by(table.c.rank, -table.c.score, table.c.id).limit(limit)
        async with self._db.transaction() as session:
            return [seen(row) for row in (await session.execute(query)).all()]

    async def counts(self) -> tuple[dict[str, int], dict[str, int], int]:
        """Recommendations by state, cards by state, and retailers waiting to be ranked."""
        by_state = sa.select(RECOMMENDATION.c.state, sa.func.count()).group_by(RECOMMENDATION.c.state)
        cards = sa.select(CARD.c.state, sa.func.count()).group_by(CARD.c.state)
        waiting = sa.select(sa.func.count(sa.distinct(STALE.c.retailer_code)))
        async with self._db.transaction() as session:
            return (
                {state: number for state, number in (await session.execute(by_state)).all()},
                {state: number for state, number in (await session.execute(cards)).all()},
                int(await session.scalar(waiting) or 0),
            )
