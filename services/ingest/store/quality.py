"""The balance, the sources and the receipts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from chassis.db import Database
from services.ingest.domain.kinds import KINDS
from services.ingest.store.tables import DAY, QUARANTINE
from services.ingest.usecases import Balance, SourceSeen

COUNTS = ("received", "stored", "duplicate", "quarantined", "rejected", "pending", "repaired")


async def balances(db: Database) -> list[Balance]:
    """The sums of all entries, by source and kind."""
    sums = [sa.func.sum(DAY.c[name]).label(name) for name in COUNTS]
    statement = sa.select(DAY.c.source, DAY.c.kind, *sums).group_by(DAY.c.source, DAY.c.kind)
    async with db.transaction() as session:
        rows = (await session.execute(statement.order_by(DAY.c.source, DAY.c.kind))).mappings().all()
    return [
        Balance(source=row["source"], kind=row["kind"], **{name: int(row[name]) for name in COUNTS}) for row in rows
    ]


MASTERS = tuple(name for name, kind in KINDS.items() if kind.is_master)
"""What has no time of business: neither the newest date nor the lag of a source is told from it."""


async def sources(db: Database, lags: Mapping[str, float]) -> list[SourceSeen]:
    """Sources that have sent, with the lag of their last batch where it is known."""
    statement = sa.select(
        DAY.c.source,
        sa.func.max(DAY.c.newest).filter(DAY.c.kind.not_in(MASTERS)).label("newest"),
        sa.func.max(DAY.c.last_at).label("last"),
        sa.func.sum(DAY.c.received).label("received"),
    ).group_by(DAY.c.source)
    waiting = (
        sa.select(QUARANTINE.c.source, sa.func.count().label("items"))
        .where(QUARANTINE.c.state.in_(("open", "mended")))
        .group_by(QUARANTINE.c.source)
    )
    async with db.transaction() as session:
        rows = (await session.execute(statement)).all()
        still_open = {row.source: int(row.items) for row in (await session.execute(waiting)).all()}
    return [
        SourceSeen(
            name=row.source,
            newest=row.newest,
            last_seen_at=row.last,
            received=int(row.received),
            open_quarantine=still_open.get(row.source, 0),
            lag_s=lags.get(row.source),
        )
        for row in rows
    ]


async def newest_days(db: Database) -> dict[tuple[str, str], date]:
    """The newest business date by source and kind."""
    statement = sa.select(DAY.c.source, DAY.c.kind, sa.func.max(DAY.c.newest).label("newest"))
    grouped = statement.where(DAY.c.newest.is_not(None)).group_by(DAY.c.source, DAY.c.kind)
    async with db.transaction() as session:
        rows = (await session.execute(grouped)).all()
    return {(row.source, row.kind): row.newest for row in rows}
