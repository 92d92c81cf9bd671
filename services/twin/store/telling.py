"""What leads to a past state of a twin: a snapshot, and the lines behind it, past every layer that costs."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import asyncpg
import msgspec

from chassis.connections import Driver
from services.twin.domain.inputs import Held
from services.twin.domain.twins import Change, Origin, Twin, relations_of
from services.twin.store.tables import JOURNAL, ORIGIN, SNAPSHOT

_SNAPSHOTS, _LINES = SNAPSHOT.fullname, JOURNAL.fullname
_LINE = f"SELECT false, revision, patch, said, late, {ORIGIN} FROM {_LINES} WHERE id = $1 AND {{counts}}"
_TOLD = f"""
    WITH start AS (
        SELECT * FROM {_SNAPSHOTS} WHERE id = $1 AND {{counts}} ORDER BY {{newest}} DESC LIMIT 1
    ), span AS (
        SELECT coalesce((SELECT revision FROM start), 0) AS after, {{until}} AS until, {{most}} AS most
    )
    SELECT true AS is_start, revision, state AS patch, NULL AS said, false AS late, {ORIGIN} FROM start
    UNION ALL
    {_LINE} AND revision > (SELECT after FROM span) AND revision <= (SELECT least(until, most) FROM span)
    {{others}}
    ORDER BY is_start DESC, revision
"""
_BEHIND = f"""
    UNION ALL
    {_LINE} AND behind AND revision > (SELECT until FROM span) AND revision <= (SELECT most FROM span)
"""
_END = "9223372036854775807"
_UNTIL = f"""coalesce((
            SELECT revision FROM {_SNAPSHOTS} WHERE id = $1 AND changed_at > {{at}}
            ORDER BY changed_at, revision LIMIT 1
        ), {_END})"""
"""Where a snapshot holds something newer than the time, only lines that were behind others can be as old as that."""
_MOST = f"""coalesce((
            SELECT min(revision) FROM {_SNAPSHOTS} WHERE id = $1 AND known_at > {{known_at}} + interval '1 hour'
        ), {_END})"""
"""Lines are learnt in their order, but for those that waited for each other, or were written by clocks that differ."""
_decoded = msgspec.json.decode


async def told(
    connection: Driver,
    twin_id: str,
    *,
    revision: int | None = None,
    at: datetime | None = None,
    known_at: datetime | None = None,
) -> tuple[Twin | None, list[Change]]:
    """What leads to a revision, or to what was true and known at a time: the newest snapshot within, and the lines
    behind it."""
    bounds = {"revision": revision, "changed_at": at, "known_at": known_at}
    names = tuple(name for name, bound in bounds.items() if bound is not None)
    # One statement sees one state: lines do not go from between.
    rows = await connection.fetch(_query(names), twin_id, *(bounds[name] for name in names))
    if rows and rows[0][0]:
        return _snapshot(twin_id, rows[0]), [_change(row) for row in rows[1:]]
    return None, [_change(row) for row in rows]


@cache
def _query(names: tuple[str, ...]) -> str:
    places = {name: f"${place}" for place, name in enumerate(names, 2)}
    counts = " AND ".join(f"{name} <= {place}" for name, place in places.items()) or "true"
    at, known_at = places.get("changed_at"), places.get("known_at")
    return _TOLD.format(
        counts=counts,
        others=_BEHIND.format(counts=counts) if at else "",
        # What is newest in a snapshot only grows with the revision, so that both find the same.
        newest="changed_at DESC, revision" if at else "revision",
        until=_UNTIL.format(at=at) if at else _END,
        most=_MOST.format(known_at=f"{known_at}::timestamptz") if known_at else _END,
    )


def _change(row: asyncpg.Record) -> Change:
    _, revision, patch, said, late, *origin = row
    return Change(revision, _decoded(patch), Origin(*origin), None if said is None else _decoded(said), late)


def _snapshot(twin_id: str, row: asyncpg.Record) -> Twin:
    _, revision, text, _, _, *origin = row
    state = _decoded(text)
    return Twin(
        id=twin_id,
        model=state["model"],
        revision=revision,
        properties=state["properties"],
        desired=state["desired"],
        relations=relations_of(state["relations"]),
        origin=Origin(*origin),
        inputs=msgspec.convert(state["inputs"], dict[str, tuple[Held, ...]]),
        deleted=state["deleted"],
    )
