"""Writing twins: locks, state, journal, inbox mark and events in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence

import asyncpg
import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.connections import FAILURES
from chassis.db import driver_of, is_away, read_frame, refusal, stage_frame, upsert_frame
from chassis.errors import Unavailable
from chassis.outbox import mark_new
from services.twin.domain import twins
from services.twin.domain.statements import Rules, Statement, Told, statement_of
from services.twin.domain.twins import Change, Origin, Twin
from services.twin.domain.types import TwinType, Types
from services.twin.store.lines import Lines
from services.twin.store.models import ModelUnit, renew
from services.twin.store.tables import (
    INBOX,
    JOURNAL,
    SALE,
    SCHEMA,
    TWIN,
    WHOLE,
    change_of,
    wholes_of,
)

TOGETHER = 125
"""Twins that one statement writes."""
_LOCK = f"""
SELECT {WHOLE}, model_version, (SELECT stamp FROM {SCHEMA}.registry) AS stamp
FROM {TWIN.fullname} WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE
"""
_ROOM = f"""
INSERT INTO {TWIN.fullname} (id, model, revision, properties, desired, relations, inputs, changed_at, known_at, source,
    trace_id, deleted)
SELECT id, '', 0, '{{}}', '{{}}', '[]', '{{}}', $2, $3, $4, $5, false FROM unnest($1::text[]) AS id ORDER BY id
ON CONFLICT DO NOTHING RETURNING id, (SELECT stamp FROM {SCHEMA}.registry) AS stamp
"""
"""In the order of ids, so that two writers meet in the same order."""
_SAME = f"({JOURNAL.fullname}.id, {JOURNAL.fullname}.source, {JOURNAL.fullname}.changed_at)"


class PostgresUnit(ModelUnit):
    """One transaction: locks, state, journal, inbox mark and events together."""

    def __init__(self, session: AsyncSession, types: Types, rules: Rules) -> None:
        self.types = types
        self.rules = rules
        self._session = session
        self._versions: dict[str, str] = {}
        self._before: dict[str, Twin] = {}
        self.told = False

    async def mark_new(self, consumer: str, message_ids: Sequence[str]) -> set[str]:
        return await mark_new(self._session, INBOX, consumer, message_ids)

    async def lock(self, ids: Sequence[str], origin: Origin) -> dict[str, Twin]:
        """The twins of the ids, locked until the end; one that is not there yet comes with revision 0."""
        rows = await self._locked_rows(ids)
        made: list[asyncpg.Record] = []
        missing = sorted(set(ids).difference([row["id"] for row in rows])) if len(rows) < len(ids) else []
        if missing:
            made = await self._made_room(missing, origin)
            if len(made) < len(missing):
                # Somebody else made room for these meanwhile.
                rows += await self._locked_rows(sorted(set(missing).difference([row["id"] for row in made])))
        # Whoever changes the types of living twins lets nobody write meanwhile: this is what counts until the end.
        any_row = rows[:1] or made[:1]
        if any_row and any_row[0]["stamp"] != self.types.stamp:
            await renew(self._session, self.types, any_row[0]["stamp"])
        if self.types.coming:
            self._versions = {row["id"]: row["model_version"] for row in rows}
        locked = {twin.id: twin if twin.revision else twins.empty(twin.id, twin.origin) for twin in wholes_of(rows)}
        locked |= {row["id"]: twins.empty(row["id"], origin) for row in made}
        self._before |= locked
        return locked

    async def _locked_rows(self, ids: Sequence[str]) -> list[asyncpg.Record]:
        return await (await driver_of(self._session)).fetch(_LOCK, list(ids))

    async def _made_room(self, ids: Sequence[str], origin: Origin) -> list[asyncpg.Record]:
        """Which of the ids got a row of a twin to come, which nobody else sees until the end."""
        when = origin.changed_at, origin.known_at
        return await (await driver_of(self._session)).fetch(_ROOM, list(ids), *when, origin.source, origin.trace_id)

    def type_of(self, twin: Twin) -> TwinType:
        """The version of its type that a locked twin is at; while its type is migrated some are ahead."""
        coming = self.types.coming.get(twin.model)
        if coming is not None and self._versions.get(twin.id) == coming.dtmi:
            return coming
        return self.types[twin.model]

    async def told_before(self, said: Sequence[tuple[str, Statement]]) -> Told:
        """What the sources of these statements said of the same twins and times."""
        told = Told()
        if not said:
            return told
        wanted = pl.DataFrame(
            {
                "id": [twin_id for twin_id, _ in said],
                "source": [statement.origin.source for _, statement in said],
                "changed_at": [statement.origin.changed_at for _, statement in said],
            }
        ).unique()
        name = await stage_frame(self._session, JOURNAL, wanted, name="said")
        rows = await self._session.execute(
            sa.select(JOURNAL)
            .join(sa.text(name), sa.text(f"({name}.id, {name}.source, {name}.changed_at) = {_SAME}"))
            .order_by(JOURNAL.c.id, JOURNAL.c.revision)
        )
        for row in rows:
            told.add(row.id, statement_of(change_of(row)))
        return told

    async def save(self, changed: Iterable[tuple[Twin, Change]]) -> int:
        """Keeps changes of twins that were locked in the journal, and of each twin the newest state, which it tells;
        returns how many. The next are decided about and made ready while the database writes the last."""
        number, writing = 0, None
        try:
            for part in _parts(changed):
                lines = Lines.of(self._before, part)
                self._before |= {twin.id: twin for twin, _ in part}
                if writing is not None:
                    await writing
                writing = asyncio.create_task(self._write(lines))
                number += len(part)
                # Only when it has had its turn is it on its way.
                await asyncio.sleep(0)
            if writing is not None:
                await writing
        finally:
            if writing is not None:
                # Nobody may use the connection before; and what went wrong first is what is told.
                await asyncio.gather(writing, return_exceptions=True)
        self.told = self.told or number > 0
        return number

    async def _write(self, lines: Lines) -> None:
        driver = await driver_of(self._session)
        try:
            if not await lines.write(driver):
                raise AssertionError("a twin moved while it was locked")
        except FAILURES as error:
            # Errors of the driver come past the layer above, as it has them.
            if is_away(error):
                raise Unavailable("PostgreSQL went away") from error
            raise refusal(error) or error from error

    async def totals(self, name: str, records: pl.DataFrame) -> pl.DataFrame:
        """The sums of that name that records move."""
        return await {"sales_of_regions": self._sales_of_regions}[name](records)

    async def _sales_of_regions(self, sales: pl.DataFrame) -> pl.DataFrame:
        """Keeps the newest sale per product and region; returns the newest period's totals of each touched region."""
        located = sales.filter(pl.col("adcode").is_not_null())
        if located.is_empty():
            return located
        key = ["adcode", "org_code", "sku_code", "period"]
        newest = located.sort("biz_date").group_by(key, maintain_order=True).last()
        rows = newest.select(*key, "biz_date", "qty_base", "amount", "currency")
        await upsert_frame(self._session, SALE, rows, key=key, where="excluded.biz_date >= sale.biz_date")
        totals = await read_frame(
            self._session,
            f"""
            WITH newest AS (
                SELECT DISTINCT ON (adcode) adcode, period, biz_date FROM {SALE.fullname}
                WHERE adcode = ANY(:adcodes) ORDER BY adcode, biz_date DESC, period
            )
            SELECT adcode, period AS sales_period, biz_date::text AS sales_on, sum(qty_base)::bigint AS sales_qty_base,
                   sum(amount)::text AS sales_amount, min(currency) AS sales_currency
            FROM {SALE.fullname} JOIN newest USING (adcode, period, biz_date) GROUP BY 1, 2, 3
            """,
            {"adcodes": located["adcode"].unique().to_list()},
        )
        last = located.sort("occurred_at").group_by("adcode", maintain_order=True).last()
        return totals.join(last.select("adcode", "source", "trace_id", "occurred_at"), on="adcode")


def _parts(changed: Iterable[tuple[Twin, Change]]) -> Iterator[list[tuple[Twin, Change]]]:
    """Changes of so many twins at a time, in their order."""
    part: list[tuple[Twin, Change]] = []
    ids: set[str] = set()
    for each in changed:
        if len(ids) >= TOGETHER and each[0].id not in ids:
            yield part
            part, ids = [], set()
        part.append(each)
        ids.add(each[0].id)
    if part:
        yield part
