"""Lines of journals that are older than they are kept."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.db import Database, driver_of
from services.twin.domain.past import nothing, state_at
from services.twin.store.journal import snapshot_row
from services.twin.store.tables import JOURNAL, SNAPSHOT, TWIN
from services.twin.store.telling import told

DUE = f"""
SELECT coalesce(array_agg(known.id ORDER BY known.id) FILTER (WHERE first.is_due), '{{}}') AS ids,
       max(known.id) AS last, count(*) AS looked_at
FROM (SELECT id FROM {TWIN.fullname} WHERE id > :after ORDER BY id LIMIT :limit) AS known
LEFT JOIN LATERAL (
    SELECT known_at < :before AND changed_at < :before AS is_due FROM {JOURNAL.fullname} AS line
    WHERE line.id = known.id COLLATE "default" ORDER BY revision LIMIT 1
) AS first ON true
"""
"""The journal sorts its ids in another way than the table of twins does: without a word about it no index is of use."""


async def due(db: Database, before: datetime, *, after: str, limit: int) -> tuple[list[str], str]:
    """Those of the next twins by id whose first line may go, and the last of all that were looked at (empty: no more
    follow)."""
    async with db.transaction() as session:
        row = (await session.execute(sa.text(DUE), {"after": after, "limit": limit, "before": before})).one()
    return row.ids, row.last if row.looked_at == limit else ""


async def drop(db: Database, twin_id: str, before: datetime, *, limit: int) -> int:
    """Drops at most `limit` of the oldest lines of a twin, all learnt and true before a time, and leaves the state that
    they led to as a snapshot; returns how many lines."""
    async with db.transaction() as session:
        # Two that drop at once could leave a snapshot behind which lines are missing.
        await session.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"{JOURNAL.fullname}:{twin_id}")))
        )
        of_twin = JOURNAL.c.id == twin_id
        young = sa.select(sa.func.min(JOURNAL.c.revision)).where(
            of_twin, (JOURNAL.c.known_at >= before) | (JOURNAL.c.changed_at >= before)
        )
        oldest = sa.select(JOURNAL.c.revision).where(of_twin).order_by(JOURNAL.c.revision).limit(limit).subquery()
        is_old = oldest.c.revision < sa.func.coalesce(young.scalar_subquery(), sa.literal(2**63 - 1, sa.BigInteger))
        last = await session.scalar(sa.select(sa.func.max(oldest.c.revision)).where(is_old))
        if last is None:
            return 0
        start, changes = await told(await driver_of(session), twin_id, revision=last)
        state = state_at(start or nothing(twin_id), changes)
        await session.execute(insert(SNAPSHOT).values(snapshot_row(state)).on_conflict_do_nothing())
        await session.execute(sa.delete(SNAPSHOT).where(SNAPSHOT.c.id == twin_id, SNAPSHOT.c.revision < last))
        gone = await session.execute(sa.delete(JOURNAL).where(of_twin, JOURNAL.c.revision <= last))
        return int(gone.rowcount)  # type: ignore[attr-defined]  # of a cursor
