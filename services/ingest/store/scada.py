"""Minutes of signals: merged as samples come, read with what they lack, let go when they are old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Database, pull_frame, upsert_frame
from services.ingest.domain.scada.gaps import RUNNING
from services.ingest.domain.scada.minutes import KNOWN, MINUTES, settle
from services.ingest.domain.scada.tags import TAG_COLUMNS
from services.ingest.domain.schemas.fields import UTC_TIME
from services.ingest.store.tables import BOOKS, MINUTE

SETTLED_AT_ONCE = "ingest.scada_minute"
PRUNED_AT_ONCE = 50_000
_READ = {name: dtype for name, dtype in MINUTES.items() if name != "samples"}
_JUDGED = {**_READ, "may_rest": pl.Boolean(), "rate_per_s": pl.Float64()}


class Minutes:
    """The minutes in PostgreSQL."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def keep(self, samples: pl.DataFrame) -> None:
        """Merges samples into their minutes. What was merged before changes nothing, so a message may come twice."""
        met = samples.select("tag", pl.col("at").dt.truncate("1m").alias("minute")).unique().sort("tag", "minute")
        keys = met.get_column("tag").to_list(), met.get_column("minute").to_list()
        async with self._db.transaction() as session:
            # One writer: two replicas may hear samples of one minute at the same time.
            await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(SETTLED_AT_ONCE))))
            known = await self._known(session, keys)
            tags = await self._tags(session, sorted(set(keys[0])))
            settled = settle(samples, known, tags)
            now = pl.lit(datetime.now(UTC)).cast(UTC_TIME).alias("changed_at")
            await upsert_frame(session, MINUTE, settled.minutes.with_columns(now), key=("tag", "minute"))
            if not settled.late.is_empty():
                await self._count_late(session, settled.late)

    async def _known(self, session: AsyncSession, keys: tuple[list[str], list[datetime]]) -> pl.DataFrame:
        statement = (
            f"SELECT {', '.join(f'm.{name}' for name in KNOWN)} FROM {MINUTE.fullname} m JOIN "
            "unnest($1::text[], $2::timestamptz[]) AS met (tag, minute) USING (tag, minute)"
        )
        # An empty text is a minute whose samples were let go; COPY cannot tell it from null.
        frame = await pull_frame(session, statement, KNOWN, *keys)
        return frame.with_columns(pl.when(pl.col("samples") != "").then(pl.col("samples")))

    async def _tags(self, session: AsyncSession, tags: list[str]) -> pl.DataFrame:
        columns = ", ".join(f'"{name}"' for name in TAG_COLUMNS)
        statement = f"SELECT {columns} FROM {BOOKS['scada_tag'].fullname} WHERE tag = ANY($1)"
        return await pull_frame(session, statement, TAG_COLUMNS, tags)

    async def _count_late(self, session: AsyncSession, late: pl.DataFrame) -> None:
        rows = late.to_dicts()
        statement = sa.update(MINUTE).where(
            MINUTE.c.tag == sa.bindparam("of_tag"), MINUTE.c.minute == sa.bindparam("of_minute")
        )
        connection = await session.connection()
        await connection.execute(
            statement.values(late=sa.bindparam("now_late")),
            [{"of_tag": row["tag"], "of_minute": row["minute"], "now_late": row["late"]} for row in rows],
        )

    async def of_tags(
        self, tags: Sequence[str], since: datetime, until: datetime, *, machine: str = ""
    ) -> pl.DataFrame:
        """Minutes of some tags (none named: of a machine, or all) in a span, and the nearest ones before and after."""
        known = BOOKS["scada_tag"].fullname
        named = "SELECT x.tag, t.may_rest, t.rate_per_s FROM unnest($3::text[]) AS x (tag) LEFT JOIN"
        of_machine = "SELECT t.tag, t.may_rest, t.rate_per_s FROM"
        wanted, chosen = (
            (f"{named} {known} t USING (tag)", [list(tags)])
            if tags
            else (f"{of_machine} {known} t WHERE t.machine = $3 OR $3 = ''", [machine])
        )
        nearest = f"SELECT e.minute FROM {MINUTE.fullname} e WHERE e.tag = w.tag AND e.n > 0 AND e.minute"
        columns = ", ".join(f"m.{name}" for name in _READ)
        statement = (
            f"WITH wanted AS ({wanted}), spans AS (SELECT w.*, "
            f"coalesce(({nearest} < $1 ORDER BY e.minute DESC LIMIT 1), $1) AS first_minute, "
            f"coalesce(({nearest} >= $2 ORDER BY e.minute LIMIT 1), $2) AS last_minute FROM wanted w) "
            f"SELECT {columns}, s.may_rest, s.rate_per_s FROM spans s JOIN {MINUTE.fullname} m "
            "ON m.tag = s.tag AND m.minute BETWEEN s.first_minute AND s.last_minute ORDER BY m.tag, m.minute"
        )
        async with self._db.transaction() as session:
            return await pull_frame(session, statement, _JUDGED, since, until, *chosen)

    async def running(self, machines: Sequence[str], since: datetime, until: datetime) -> pl.DataFrame:
        """The minutes in which machines are known to have run: by their state, or by a tag that shows it."""
        states = (
            "SELECT machine, state, from_at, "
            "coalesce(to_at, lead(from_at) OVER (PARTITION BY machine ORDER BY from_at), $3) AS until "
            f"FROM {BOOKS['equipment_state'].fullname} WHERE machine = ANY($1)"
        )
        minutes = (
            "generate_series(date_trunc('minute', greatest(s.from_at, $2)), "
            "least(s.until, $3) - interval '1 minute', interval '1 minute')"
        )
        statement = (
            f"SELECT m.machine, m.minute FROM {MINUTE.fullname} m JOIN {BOOKS['scada_tag'].fullname} t USING (tag) "
            "WHERE t.shows_running AND m.machine = ANY($1) AND m.minute >= $2 AND m.minute < $3 AND m.low > 0 UNION "
            f"SELECT s.machine, minute FROM ({states}) s, {minutes} AS minute "
            "WHERE s.state = 'run' AND s.from_at < $3 AND s.until > $2"
        )
        async with self._db.transaction() as session:
            return await pull_frame(session, statement, RUNNING, list(machines), since, until)

    async def prune(self, now: datetime, *, merged_for: timedelta, kept_for: timedelta) -> int:
        """Lets go of the samples of minutes that rested for a while, and of minutes that are too old; how many."""
        rest = (
            f"UPDATE {MINUTE.fullname} SET samples = NULL WHERE (tag, minute) IN (SELECT tag, minute FROM "
            f"{MINUTE.fullname} WHERE samples IS NOT NULL AND changed_at < :before LIMIT {PRUNED_AT_ONCE})"
        )
        old = (
            f"DELETE FROM {MINUTE.fullname} WHERE (tag, minute) IN (SELECT tag, minute FROM {MINUTE.fullname} "
            f"WHERE minute < :before LIMIT {PRUNED_AT_ONCE})"
        )
        return await self._all(rest, now - merged_for) + await self._all(old, now - kept_for)

    async def _all(self, statement: str, before: datetime) -> int:
        """A statement in portions, so that no transaction is long."""
        done = 0
        while True:
            async with self._db.transaction() as session:
                result = await session.execute(sa.text(statement + " RETURNING 1"), {"before": before})
                portion = len(result.fetchall())
            done += portion
            if portion < PRUNED_AT_ONCE:
                return done
