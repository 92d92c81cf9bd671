"""Models as they were added, what this process knows of them, and migrations of twins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.app import in_thread
from chassis.db import Database, is_away
from chassis.errors import Unavailable
from services.twin.domain.model_documents import short_name
from services.twin.domain.model_jobs import Job, types_from
from services.twin.domain.model_versions import Kept
from services.twin.domain.twins import Twin
from services.twin.domain.types import Types
from services.twin.store.tables import FUSION_RULE, MIGRATION, MODEL, REGISTRY, TWIN, is_one_of, shown_columns, twin_of

log = structlog.get_logger()

STAMP = sa.select(REGISTRY.c.stamp).scalar_subquery()
"""Grows with whatever changes which types there are."""
LOCK_WAIT_MS = 2000
LIVING = sa.and_(TWIN.c.revision > 0, ~TWIN.c.deleted)


async def renew(session: AsyncSession, types: Types, stamp: int) -> None:
    """Makes the types those of a stamp, which another one than theirs was seen of."""
    begun = types.stamp
    kept, jobs = await _kept(session), await _jobs(session)
    known = await in_thread(types_from, kept, jobs)
    if types.stamp not in (begun, stamp) and types.stamp > stamp:
        # Somebody else in this process saw a later one meanwhile.
        return
    types.renew(known.versions, known.waiting, known.carries, stamp=stamp)
    for each in known.unusable:
        log.warning("model.unusable", place=each.pointer, rule=each.rule)


async def stamp_of(session: AsyncSession) -> int:
    return int((await session.execute(sa.select(REGISTRY.c.stamp))).scalar_one())


async def _kept(session: AsyncSession) -> list[Kept]:
    rows = (await session.execute(sa.select(MODEL).order_by(MODEL.c.dtmi))).all()
    return [Kept(row.dtmi, row.dtdl, row.state, row.created_at, row.created_by) for row in rows]


async def _jobs(session: AsyncSession, name: str | None = None, job_id: str | None = None) -> list[Job]:
    query = sa.select(MIGRATION).order_by(MIGRATION.c.created_at, MIGRATION.c.id)
    if name is not None:
        query = query.where(MIGRATION.c.name == name)
    if job_id is not None:
        query = query.where(MIGRATION.c.id == job_id)
    return [_job(row) for row in (await session.execute(query)).all()]


def _of(name: str, behind: str = "") -> sa.ColumnElement[bool]:
    """The twins of a type behind an id: theirs lie side by side in the primary key."""
    return sa.and_(TWIN.c.id > (behind or f"{name}:"), TWIN.c.id < f"{name};")


def _job(row: sa.Row[Any]) -> Job:
    return Job(**row._mapping)


class ModelUnit:
    """What a transaction reads and changes of models."""

    _session: AsyncSession

    async def begin_models(self) -> None:
        """Nobody else changes models until the end; every process will see that they changed."""
        await self._session.execute(sa.update(REGISTRY).values(stamp=REGISTRY.c.stamp + 1))

    async def kept_models(self) -> list[Kept]:
        return await _kept(self._session)

    async def keep_models(self, kept: Sequence[Kept]) -> None:
        """Adds versions, or changes the state of those that are there."""
        for each in kept:
            row = {
                "dtmi": each.dtmi,
                "name": short_name(each.dtmi),
                "dtdl": each.text,
                "state": each.state,
                "created_at": each.created_at,
                "created_by": each.created_by,
            }
            adding = insert(MODEL).values(row)
            await self._session.execute(
                adding.on_conflict_do_update(index_elements=["dtmi"], set_={"state": each.state})
            )

    async def stop_writers(self) -> None:
        """Waits until no twin is being written, and lets nobody write one until the end."""
        # It shuts out those, too, who only hold rows as yet, so that nobody waits for somebody who waits for us.
        # Whoever waits for this lock makes writers wait behind him: better to come again than to wait long.
        await self._session.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'"))
        try:
            await self._session.execute(sa.text(f"LOCK TABLE {TWIN.fullname} IN EXCLUSIVE MODE"))
        except DBAPIError as error:
            if not is_away(error):
                raise
            raise Unavailable("the twins are busy; try again", retry_after_s=5) from None

    async def living(self, name: str, *, behind: str, limit: int, but: str = "-") -> list[Twin]:
        """A page of the twins of a type, by id, without those that a migration brought to a version."""
        wanted = sa.and_(_of(name, behind), LIVING, TWIN.c.model_version != but)
        query = sa.select(*shown_columns(TWIN)).where(wanted).order_by(TWIN.c.id).limit(limit)
        return [twin_of(row) for row in (await self._session.execute(query)).all()]

    async def revisions(self, name: str) -> dict[str, int]:
        """The revision of every living twin of a type."""
        query = sa.select(TWIN.c.id, TWIN.c.revision).where(_of(name), LIVING)
        return {twin_id: revision for twin_id, revision in (await self._session.execute(query)).all()}

    async def some(self, ids: Sequence[str]) -> list[Twin]:
        query = sa.select(*shown_columns(TWIN)).where(is_one_of(TWIN.c.id, ids))
        return [twin_of(row) for row in (await self._session.execute(query)).all()]

    async def unmoved(self, job: Job, *, behind: str, limit: int) -> list[str]:
        """Ids of twins that a migration has still to look at, in their order."""
        waiting = sa.and_(_of(job.name, behind), LIVING, TWIN.c.model_version != job.after_dtmi)
        query = sa.select(TWIN.c.id).where(waiting).order_by(TWIN.c.id).limit(limit)
        return list((await self._session.execute(query)).scalars())

    async def mark_moved(self, ids: Sequence[str], dtmi: str) -> None:
        await self._session.execute(sa.update(TWIN).where(is_one_of(TWIN.c.id, ids)).values(model_version=dtmi))

    async def claim_job(self) -> Job | None:
        """A migration that runs and that no other process works at now."""
        query = (
            sa.select(MIGRATION).where(MIGRATION.c.state == "running").order_by(MIGRATION.c.created_at, MIGRATION.c.id)
        )
        row = (await self._session.execute(query.limit(1).with_for_update(skip_locked=True))).first()
        return _job(row) if row else None

    async def hold_job(self, name: str, job_id: str) -> Job | None:
        """A migration, which its worker leaves alone until the end."""
        query = sa.select(MIGRATION).where(MIGRATION.c.name == name, MIGRATION.c.id == job_id).with_for_update()
        row = (await self._session.execute(query)).first()
        return _job(row) if row else None

    async def jobs(self, name: str) -> list[Job]:
        return await _jobs(self._session, name)

    async def keep_job(self, job: Job) -> None:
        adding = insert(MIGRATION).values(job.as_row())
        await self._session.execute(adding.on_conflict_do_update(index_elements=["id"], set_=job.as_row()))

    async def carry_rule(self, model: str, name: str, after: str, *, by: str, now: datetime) -> None:
        """Gives a property that is renamed the fusion rule that holds for it."""
        held = sa.select(FUSION_RULE).where(FUSION_RULE.c.model == model, FUSION_RULE.c.property == name)
        row = (await self._session.execute(held.order_by(FUSION_RULE.c.version.desc()).limit(1))).first()
        if row is None or row.rule is None:
            return
        versions = sa.select(sa.func.coalesce(sa.func.max(FUSION_RULE.c.version), 0))
        newest = versions.where(FUSION_RULE.c.model == model, FUSION_RULE.c.property == after)
        version = int((await self._session.execute(newest)).scalar_one()) + 1
        values = {"model": model, "property": after, "version": version, "rule": row.rule}
        await self._session.execute(sa.insert(FUSION_RULE).values(**values, known_at=now, set_by=by))


class ModelReads:
    """What is asked of models."""

    types: Types

    def __init__(self, db: Database) -> None:
        self._db = db

    async def renew_types(self) -> None:
        """Looks whether another process changed the types."""
        async with self._db.transaction() as session:
            stamp = await stamp_of(session)
            if stamp != self.types.stamp:
                await renew(session, self.types, stamp)

    async def kept_models(self) -> list[Kept]:
        async with self._db.transaction() as session:
            return await _kept(session)

    async def jobs(self, name: str, job_id: str | None = None) -> list[Job]:
        async with self._db.transaction() as session:
            return await _jobs(session, name, job_id)

    async def count_moved(self, dtmis: Sequence[str]) -> dict[str, int]:
        """How many living twins passed each of these migrations."""
        if not dtmis:
            return {}
        query = (
            sa.select(TWIN.c.model_version, sa.func.count())
            .where(is_one_of(TWIN.c.model_version, dtmis), LIVING)
            .group_by(TWIN.c.model_version)
        )
        async with self._db.transaction() as session:
            return {dtmi: number for dtmi, number in (await session.execute(query)).all()}
