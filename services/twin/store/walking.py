"""Walks along relations, level by level: at most as many twins as are asked for, however many hang on one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Database
from services.twin.domain.neighbourhood import Edge, Neighbourhood, Walk
from services.twin.store.tables import RELATION, TWIN, is_one_of, shown_columns, twin_of


async def around(db: Database, walk: Walk) -> Neighbourhood:
    """The twins and relations around one, the nearest first; of those equally near by id."""
    found = Neighbourhood({walk.twin_id: 0})
    async with db.transaction() as session:
        frontier = [walk.twin_id]
        for depth in range(1, walk.depth + 1):
            edges = await _edges_at(session, walk, frontier, found)
            frontier = found.reach(edges, depth, walk.limit)
            if not frontier:
                break
        query = sa.select(*shown_columns(TWIN)).where(
            is_one_of(TWIN.c.id, list(found.depths)), TWIN.c.revision > 0, ~TWIN.c.deleted
        )
        found.twins = {row.id: twin_of(row) for row in (await session.execute(query)).all()}
    return found


async def _edges_at(session: AsyncSession, walk: Walk, frontier: Sequence[str], found: Neighbourhood) -> Iterable[Edge]:
    edges: set[Edge] = set()
    # Edges back to what is known cost none of the twins that may still come.
    most = walk.limit + 1 + len(found.edges) + len(frontier) * len(found.depths)
    ends = [RELATION.c.id] * walk.goes_out + [RELATION.c.target] * walk.goes_in
    for end in ends:
        other = RELATION.c.target if end is RELATION.c.id else RELATION.c.id
        query = (
            sa.select(RELATION.c.id, RELATION.c.name, RELATION.c.target)
            .where(is_one_of(end, frontier))
            .order_by(other, RELATION.c.name, end)
            .limit(most)
        )
        if walk.names:
            query = query.where(is_one_of(RELATION.c.name, walk.names))
        edges |= {Edge(*row) for row in (await session.execute(query)).all()}
    return edges
