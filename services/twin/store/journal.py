"""What was said of twins and shown of them: journal lines, and snapshots to begin from.

    lines     1 ──────── 50 ──────── 100 ──── 117
    snapshots            50          100            every 50 revisions, written with the state

Retention leaves a snapshot where it takes lines away: what came after is told again exactly.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.twin.domain.past import Kept, Range
from services.twin.domain.twins import Change, Twin
from services.twin.store.tables import JOURNAL, SNAPSHOT, change_of

SNAPSHOT_EVERY = 50
PAGE_CHARACTERS = 8 * 1024 * 1024
"""A page of lines ends with the one that reaches this."""
DISORDER = timedelta(hours=1)
"""By how much lines are learnt out of their order at most."""
LAST = 2**63 - 1


async def kept(session: AsyncSession, twin_id: str) -> Kept | None:
    """From where on the lines of a twin are kept; None where all of them are, or the twin is not known."""
    is_whole = sa.exists().where(JOURNAL.c.id == twin_id, JOURNAL.c.revision == 1)
    oldest = sa.select(SNAPSHOT).where(SNAPSHOT.c.id == twin_id, ~is_whole).order_by(SNAPSHOT.c.revision).limit(1)
    row = (await session.execute(oldest)).first()
    return Kept(row.revision, max(row.changed_at, row.known_at)) if row is not None else None


async def page(session: AsyncSession, twin_id: str, wanted: Range, limit: int) -> tuple[list[Change], int]:
    """Lines of a range, and the revision with which the next page begins (0: none)."""
    conditions = [JOURNAL.c.id == twin_id]
    for name, lower, upper in (
        ("revision", wanted.from_revision, wanted.to_revision),
        ("changed_at", wanted.changed_from, wanted.changed_to),
        ("known_at", wanted.known_from, wanted.known_to),
    ):
        conditions += [JOURNAL.c[name] >= lower] if lower is not None else []
        conditions += [JOURNAL.c[name] < upper] if upper is not None else []
    if wanted.known_from is not None or wanted.known_to is not None:
        # Asked beforehand: of numbers that it does not see the planner takes any for as good as the next.
        conditions.append(JOURNAL.c.revision.between(*await learnt_within(session, twin_id, wanted)))

    def placed(rows: sa.FromClause) -> sa.ColumnElement[Any]:
        return rows.c.revision.desc() if wanted.newest_first else rows.c.revision

    listed = sa.select(JOURNAL).where(*conditions).order_by(placed(JOURNAL)).limit(limit + 1).subquery()
    length = sa.func.length(listed.c.patch) + sa.func.coalesce(sa.func.length(listed.c.said), 0)
    before = sa.func.sum(length).over(order_by=placed(listed), rows=(None, -1))
    sized = sa.select(listed, before.label("before"), sa.func.count().over().label("found")).subquery()
    fitting = sa.select(sized).where(sa.func.coalesce(sized.c.before, 0) < PAGE_CHARACTERS)
    rows = (await session.execute(fitting.order_by(placed(sized)).limit(limit))).all()
    has_more = bool(rows) and rows[0].found > len(rows)
    following = rows[-1].revision + (-1 if wanted.newest_first else 1) if has_more else 0
    return [change_of(row) for row in rows], following


async def learnt_within(session: AsyncSession, twin_id: str, wanted: Range) -> tuple[int, int]:
    """The first and the last revision that may have been learnt in a range, as far as snapshots tell.

    A snapshot has the newest times of all lines before it. What comes behind it was learnt as much earlier as clocks of
    replicas differ, or as writers waited for each other.
    """
    known_at, revision = SNAPSHOT.c.known_at, SNAPSHOT.c.revision
    of_twin = sa.select(revision).where(SNAPSHOT.c.id == twin_id).limit(1)
    before = behind = None
    if wanted.known_from is not None:
        query = of_twin.where(known_at < wanted.known_from).order_by(known_at.desc(), revision.desc())
        before = await session.scalar(query)
    if wanted.known_to is not None:
        query = of_twin.where(known_at > wanted.known_to + DISORDER).order_by(known_at, revision)
        behind = await session.scalar(query)
    return (before or 0) + 1, behind or LAST


def snapshot_row(twin: Twin) -> dict[str, Any]:
    """A state as a row of the table of snapshots."""
    origin = twin.origin
    return {
        "id": twin.id,
        "revision": twin.revision,
        "state": state_of(twin),
        "changed_at": origin.changed_at,
        "known_at": origin.known_at,
        "source": origin.source,
        "trace_id": origin.trace_id,
    }


def state_of(twin: Twin) -> dict[str, Any]:
    """What a snapshot keeps of a twin, as JSON."""
    return {
        "model": twin.model,
        "properties": twin.properties,
        "desired": twin.desired,
        "relations": msgspec.to_builtins(twin.relations),
        "inputs": msgspec.to_builtins(twin.inputs),
        "deleted": twin.deleted,
    }
