"""What was said of twins and shown of them: journal lines, and snapshots to begin from.

    lines     1 ──────── 50 ──────── 100 ──── 117
    snapshots            50          100            every 50 revisions, written with the state

Retention leaves a snapshot where it takes lines away: what came after is told again exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from services.twin.domain.past import Kept, Range
from services.twin.domain.twins import Change, Origin, Twin, relations_of
from services.twin.store.tables import JOURNAL, SNAPSHOT, change_of
from services.twin.wire import json_text

SNAPSHOT_EVERY = 50
PAGE_CHARACTERS = 8 * 1024 * 1024
"""A page of lines ends with the one that reaches this."""
_TYPES: dict[str, Any] = {"state": JSONB, "patch": JSONB, "said": JSONB}
_ORIGIN = "changed_at, known_at, source, trace_id"
_SNAPSHOTS, _LINES = SNAPSHOT.fullname, JOURNAL.fullname
_LINE = f"SELECT false, revision, NULL::jsonb, patch, said, late, {_ORIGIN} FROM {_LINES} WHERE id = :id AND {{counts}}"
_TOLD = f"""
    WITH start AS (
        SELECT * FROM {_SNAPSHOTS} WHERE id = :id AND {{counts}} ORDER BY {{newest}} DESC LIMIT 1
    ), span AS (
        SELECT coalesce((SELECT revision FROM start), 0) AS after, {{until}} AS until, {{most}} AS most
    )
    SELECT true AS is_start, revision, state, NULL::jsonb AS patch, NULL::jsonb AS said, false AS late, {_ORIGIN}
    FROM start
    UNION ALL
    {_LINE} AND revision > (SELECT after FROM span) AND revision <= (SELECT least(until, most) FROM span)
    {{others}}
    ORDER BY is_start DESC, revision
"""
_BEHIND = f"""
    UNION ALL
    {_LINE} AND behind AND revision > (SELECT until FROM span) AND revision <= (SELECT most FROM span)
"""
_END = 2**63 - 1
_UNTIL = f"""coalesce((
            SELECT revision FROM {_SNAPSHOTS} WHERE id = :id AND changed_at > :changed_at
            ORDER BY changed_at, revision LIMIT 1
        ), {_END})"""
"""Where a snapshot holds something newer than the time, only lines that were behind others can be as old as that."""
_MOST = f"""coalesce((
            SELECT min(revision) FROM {_SNAPSHOTS} WHERE id = :id AND known_at > :known_at + interval '1 hour'
        ), {_END})"""
"""Lines are learnt in their order, but for those that waited for each other, or were written by clocks that differ."""


async def told(
    session: AsyncSession,
    twin_id: str,
    *,
    revision: int | None = None,
    at: datetime | None = None,
    known_at: datetime | None = None,
) -> tuple[Twin | None, list[Change]]:
    """What leads to a revision, or to what was true and known at a time: the newest snapshot within, and the lines
    behind it."""
    bounds = {"revision": revision, "changed_at": at, "known_at": known_at}
    values = {name: bound for name, bound in bounds.items() if bound is not None}
    counts = " AND ".join(f"{name} <= :{name}" for name in values) or "true"
    query = _TOLD.format(
        counts=counts,
        others=_BEHIND.format(counts=counts) if at is not None else "",
        # What is newest in a snapshot only grows with the revision, so that both find the same.
        newest="changed_at DESC, revision" if at is not None else "revision",
        until=_UNTIL if at is not None else _END,
        most=_MOST if known_at is not None else _END,
    )
    # One statement sees one state: lines do not go from between.
    rows = (await session.execute(sa.text(query).columns(**_TYPES), {"id": twin_id, **values})).all()
    if rows and rows[0].is_start:
        return _snapshot(twin_id, rows[0]), [change_of(row) for row in rows[1:]]
    return None, [change_of(row) for row in rows]


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

    def placed(rows: sa.FromClause) -> sa.ColumnElement[Any]:
        return rows.c.revision.desc() if wanted.newest_first else rows.c.revision

    listed = sa.select(JOURNAL).where(*conditions).order_by(placed(JOURNAL)).limit(limit + 1).subquery()
    said = sa.func.coalesce(sa.func.length(sa.cast(listed.c.said, sa.Text)), 0)
    length = sa.func.length(sa.cast(listed.c.patch, sa.Text)) + said
    before = sa.func.sum(length).over(order_by=placed(listed), rows=(None, -1))
    sized = sa.select(listed, before.label("before"), sa.func.count().over().label("found")).subquery()
    fitting = sa.select(sized).where(sa.func.coalesce(sized.c.before, 0) < PAGE_CHARACTERS)
    rows = (await session.execute(fitting.order_by(placed(sized)).limit(limit))).all()
    has_more = bool(rows) and rows[0].found > len(rows)
    following = rows[-1].revision + (-1 if wanted.newest_first else 1) if has_more else 0
    return [change_of(row) for row in rows], following


def snapshot_row(twin: Twin) -> dict[str, Any]:
    """A state as a row of the table of snapshots."""
    origin = twin.origin
    return {
        "id": twin.id,
        "revision": twin.revision,
        "state": _state(twin),
        "changed_at": origin.changed_at,
        "known_at": origin.known_at,
        "source": origin.source,
        "trace_id": origin.trace_id,
    }


def snapshot_frame(states: Sequence[Twin]) -> pl.DataFrame:
    """States as rows, JSON as text."""
    return pl.DataFrame([row | {"state": json_text(row["state"])} for row in map(snapshot_row, states)])


def _state(twin: Twin) -> dict[str, Any]:
    return {
        "model": twin.model,
        "properties": twin.properties,
        "desired": twin.desired,
        "relations": [{"name": each.name, "target": each.target} for each in twin.relations],
        "inputs": twin.inputs,
        "deleted": twin.deleted,
    }


def _snapshot(twin_id: str, row: sa.Row[Any]) -> Twin:
    state = row.state
    return Twin(
        id=twin_id,
        model=state["model"],
        revision=row.revision,
        properties=state["properties"],
        desired=state["desired"],
        relations=relations_of(state["relations"]),
        origin=Origin(row.changed_at, row.known_at, row.source, row.trace_id),
        inputs=state["inputs"],
        deleted=state["deleted"],
    )
