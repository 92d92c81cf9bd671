"""Profiles in PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import polars as pl
import sqlalchemy as sa

from chassis.db import Database, pull_frame
from chassis.outbox import Relay
from services.profile.domain.features import bought
from services.profile.domain.purchases import purchase_summary
from services.profile.store.intake import Intake
from services.profile.store.renewal import LINES, Renewal
from services.profile.store.tables import LABEL, ORDER_LINE, PROFILE
from services.profile.usecases import Filter, Row
from services.profile.wire import ProfileWriter

_NO_SKUS = {"sku_code": pl.String, "price_class": pl.Int32, "is_own": pl.Boolean}


class PostgresStore:
    """The store of this service. `stale` is set whenever there is something to profile anew."""

    def __init__(self, db: Database, relay: Relay, writer: ProfileWriter) -> None:
        self._db = db
        self._relay = relay
        self._writer = writer
        self.stale = asyncio.Event()
        self._heard_at = time.monotonic()
        self._waiting = 0

    def note_waiting(self, messages: int) -> None:
        """So many messages are yet to be taken in: as long as there are any, no pause is one."""
        self._waiting = messages

    def quiet_s(self) -> float:
        """Seconds since something changed, 0 while messages wait."""
        return 0.0 if self._waiting else time.monotonic() - self._heard_at

    @asynccontextmanager
    async def intake(self) -> AsyncIterator[Intake]:
        async with self._db.transaction() as session:
            unit = Intake(session)
            yield unit
        if unit.changed:
            self._heard_at = time.monotonic()
            self.stale.set()

    @asynccontextmanager
    async def renewal(self) -> AsyncIterator[Renewal]:
        async with self._db.transaction() as session:
            unit = Renewal(session, self._writer)
            yield unit
        if unit.told:
            self._relay.wake()

    async def get(self, retailer: str) -> Row | None:
        async with self._db.transaction() as session:
            row = (await session.execute(sa.select(PROFILE).where(PROFILE.c.retailer_code == retailer))).first()
        return dict(row._mapping) if row is not None else None

    async def purchases(self, retailer: str) -> pl.DataFrame:
        """The purchase summary, from the lines that are kept, as of the profile's cycle."""
        columns = ", ".join(LINES)
        async with self._db.transaction() as session:
            lines = await pull_frame(
                session,
                f"SELECT {columns} FROM {ORDER_LINE.fullname} WHERE is_counted AND retailer_code = $1",
                LINES,
                retailer,
            )
        last = lines["cycle"].max() if not lines.is_empty() else 0
        placed = lines.with_columns(is_counted=pl.lit(True), market=pl.lit(""))
        clocks = pl.DataFrame({"market": [""], "cycle": [last]}, schema={"market": pl.String, "cycle": pl.Int32})
        return purchase_summary(bought(placed, pl.DataFrame(schema=_NO_SKUS)), clocks)

    async def find(self, wanted: Filter, *, after: str, limit: int) -> list[Row]:
        matching = sa.and_(_matching(wanted), PROFILE.c.retailer_code > after)
        query = sa.select(PROFILE).where(matching).order_by(PROFILE.c.retailer_code).limit(limit)
        async with self._db.transaction() as session:
            return [dict(row._mapping) for row in (await session.execute(query)).all()]

    async def count(self, wanted: Filter) -> int:
        query = sa.select(sa.func.count()).select_from(PROFILE).where(_matching(wanted))
        async with self._db.transaction() as session:
            return int(await session.scalar(query) or 0)

    async def labels(self, retailer: str) -> list[tuple[int, str]]:
        """Cycles at which the growth type changed, newest first."""
        before = sa.func.lag(LABEL.c.growth_type).over(order_by=LABEL.c.cycle).label("before")
        listed = sa.select(LABEL.c.cycle, LABEL.c.growth_type, before).where(LABEL.c.retailer_code == retailer)
        each = listed.subquery()
        query = (
            sa.select(each.c.cycle, each.c.growth_type)
            .where(each.c.growth_type.is_distinct_from(each.c.before))
            .order_by(each.c.cycle.desc())
        )
        async with self._db.transaction() as session:
            return [(cycle, growth_type) for cycle, growth_type in (await session.execute(query)).all()]


def _matching(wanted: Filter) -> sa.ColumnElement[bool]:
    equal = {
        "growth_type": wanted.growth_type,
        "account_manager": wanted.account_manager,
        "adcode": wanted.adcode,
    }
    clauses = [PROFILE.c[name] == value for name, value in equal.items() if value]
    if wanted.is_key is not None:
        clauses.append(PROFILE.c.is_key == wanted.is_key)
    return sa.and_(sa.true(), *clauses)
