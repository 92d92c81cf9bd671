"""Twins read, decided about and written without a lock in between.

The statement that writes locks the rows and writes only where each twin, and the types, are still what was read. So one
statement is the whole transaction: a few records, or a few commands, cost two round trips and one sync to disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from chassis.connections import Driver
from services.twin.domain.statements import Rules, Statement, Told
from services.twin.domain.twins import Change, Origin, Twin
from services.twin.domain.types import TwinType, Types
from services.twin.store.lines import Heard, Lines
from services.twin.store.tables import INBOX, SCHEMA, TWIN, WHOLE, wholes_of

_READ = f"""
SELECT {WHOLE}, (SELECT stamp FROM {SCHEMA}.registry) AS stamp
FROM {TWIN.fullname} WHERE id = ANY($1::text[])
"""
_HEARD = f"INSERT INTO {INBOX.fullname} (consumer, message_id) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING"


class Moved(Exception):  # no error: what was to be written goes with locks
    """Something is not as it was read, or cannot be written in this way; nothing was written."""


async def read(connection: Driver, ids: Sequence[str], stamp: int) -> dict[str, Twin]:
    """The twins of the ids, where all of them are there and the types are those of the stamp."""
    if not ids:
        return {}
    rows = await connection.fetch(_READ, ids)
    if len(rows) < len(ids) or rows[0]["stamp"] != stamp:
        raise Moved
    found = {twin.id: twin for twin in wholes_of(rows)}
    if not all([twin.revision for twin in found.values()]):
        # A row of revision 0 only holds the place of a twin to be.
        raise Moved
    return found


class UnlockedUnit:
    """What a few records say of twins; all of it is written at the end, or nothing."""

    def __init__(self, connection: Driver, types: Types, rules: Rules) -> None:
        self.types = types
        self.rules = rules
        self._stamp = types.stamp
        self._connection = connection
        self._before: dict[str, Twin] = {}
        self._changed: Sequence[tuple[Twin, Change]] = ()
        self._heard: Heard | None = None

    def type_of(self, twin: Twin) -> TwinType:
        return self.types[twin.model]

    async def mark_new(self, consumer: str, message_ids: Sequence[str]) -> set[str]:
        """Takes all for new: where one is not, its mark fails the statement that writes."""
        self._heard = Heard(consumer, list(message_ids))
        return set(message_ids)

    async def lock(self, ids: Sequence[str], _origin: Origin) -> dict[str, Twin]:
        """The twins of the ids; if one of them moves until the end, nothing is written."""
        self._before = await read(self._connection, ids, self._stamp)
        return dict(self._before)

    async def told_before(self, said: Sequence[tuple[str, Statement]]) -> Told:
        if said:
            raise Moved
        return Told()

    async def totals(self, _name: str, _records: pl.DataFrame) -> pl.DataFrame:
        raise Moved

    async def save(self, changed: Iterable[tuple[Twin, Change]]) -> int:
        self._changed = list(changed)
        return len(self._changed)

    async def write(self) -> bool:
        """Writes what was saved and marked; whether there is anything to tell."""
        if self._changed:
            lines = Lines.of(self._before, self._changed)
            if not await lines.write(self._connection, stamp=self._stamp, heard=self._heard):
                raise Moved
        elif self._heard is not None:
            await self._connection.execute(_HEARD, *self._heard)
        return bool(self._changed)
