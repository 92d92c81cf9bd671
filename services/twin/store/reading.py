"""The newest states of twins, as they are asked for most: by id, several at once, past every layer that costs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from chassis.connections import FAILURES, Driver
from chassis.db import Database, is_away
from chassis.errors import Unavailable
from marketwin.twin.v1 import types_pb2
from services.twin.domain.twins import Origin, Twin
from services.twin.store.tables import EDGES, ORIGIN, TWIN, WHOLE, wholes_of
from services.twin.wire import stamp

SHOWN = f"""id, model, revision, properties::text, desired::text, relations::text,
    {ORIGIN}"""
SHOWN_WIDTH = 10
"""What `message` is made of, as SQL, and how many columns that are."""
_READ = f"SELECT {SHOWN} FROM {TWIN.fullname} WHERE id = ANY($1::text[]) AND revision > 0 AND NOT deleted"

_NEWEST = f"""
SELECT {SHOWN}, deleted
FROM {TWIN.fullname} WHERE id = $1 AND revision > 0
"""


_WHOLE = f"SELECT {WHOLE} FROM {TWIN.fullname} WHERE id = $1 AND revision > 0"
_decoded = msgspec.json.decode


async def messages(db: Database, ids: Sequence[str]) -> list[types_pb2.Twin]:
    """The living twins among the ids, as messages: their JSON passes through as text."""
    return [message(row) for row in await _rows(db, _READ, ids)]


async def newest(db: Database, twin_id: str) -> Twin | None:
    """The newest state of a twin, of a deleted one, too."""
    for row in await _rows(db, _NEWEST, twin_id):
        known_id, model, revision, properties, desired, relations, *origin, deleted = row
        told = Origin(*origin)
        return Twin(
            known_id,
            model,
            revision,
            _decoded(properties),
            _decoded(desired),
            EDGES.decode(relations),
            told,
            {},
            deleted,
        )
    return None


async def whole(db: Database, twin_id: str) -> Twin | None:
    """The newest state of a twin with what it is made of; of a deleted one, too."""
    return next(iter(wholes_of(await _rows(db, _WHOLE, twin_id))), None)


async def _rows(db: Database, statement: str, *arguments: object) -> list[asyncpg.Record]:
    async with connected(db.driver()) as connection:
        return await connection.fetch(statement, *arguments)


@asynccontextmanager
async def connected(
    opening: AbstractAsyncContextManager[Driver],
) -> AsyncIterator[Driver]:
    """A connection of the driver itself; Unavailable where the server is away."""
    try:
        async with opening as connection:
            yield connection
    except FAILURES as error:
        if is_away(error):
            raise Unavailable("PostgreSQL went away", retry_after_s=1) from error
        raise


def message(row: asyncpg.Record | tuple[Any, ...]) -> types_pb2.Twin:
    """A living twin, of the columns of SHOWN."""
    twin_id, model, revision, properties, desired, relations, changed_at, known_at, source, trace_id = row
    edges = [types_pb2.Relation(name=each.name, target=each.target) for each in EDGES.decode(relations)]
    return types_pb2.Twin(
        id=twin_id,
        model=model,
        revision=revision,
        properties_json=properties,
        desired_json=desired,
        relations=edges,
        changed_at=stamp(changed_at),
        known_at=stamp(known_at),
        source=source,
        trace_id=trace_id,
    )
