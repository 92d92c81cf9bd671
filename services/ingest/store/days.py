"""The balance by day, and how often each rule fired."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from chassis.db import Database
from services.ingest.store.quality import COUNTS
from services.ingest.store.tables import DAY, RULE_COUNT
from services.ingest.usecases import Balance, QualityDay, RuleCount


async def days(db: Database, *, source: str, first: date, last: date) -> list[QualityDay]:
    """The balance of each day, source and kind, newest day first."""
    statement = (
        sa.select(DAY)
        .where(DAY.c.day.between(first, last), *([DAY.c.source == source] if source else []))
        .order_by(DAY.c.day.desc(), DAY.c.source, DAY.c.kind)
    )
    async with db.transaction() as session:
        rows = (await session.execute(statement)).mappings().all()
    return [
        QualityDay(row["day"], Balance(source=row["source"], kind=row["kind"], **{name: row[name] for name in COUNTS}))
        for row in rows
    ]


async def rules_fired(db: Database, *, source: str, first: date, last: date) -> list[RuleCount]:
    """Records on which each rule fired, most frequent first."""
    names = (RULE_COUNT.c.rule, RULE_COUNT.c.severity, RULE_COUNT.c.source, RULE_COUNT.c.kind)
    records = sa.cast(sa.func.sum(RULE_COUNT.c.records), sa.BigInteger).label("records")
    statement = (
        sa.select(*names, records)
        .where(RULE_COUNT.c.day.between(first, last), *([RULE_COUNT.c.source == source] if source else []))
        .group_by(*names)
        .order_by(records.desc(), *names)
    )
    async with db.transaction() as session:
        rows = (await session.execute(statement)).all()
    return [RuleCount(*row) for row in rows]
