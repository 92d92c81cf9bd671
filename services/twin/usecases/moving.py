"""Twins brought to a new version of their type: a group at a time, wherever a process ended before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from services.twin.domain.migrating import Misfit, Steps
from services.twin.domain.model_jobs import DONE, MOST_MISFITS, STUCK, Aim, Job
from services.twin.domain.model_versions import READY, Kept
from services.twin.domain.moving import SOURCE, migrated
from services.twin.domain.statements import Rules
from services.twin.domain.twins import Change, Origin, Twin
from services.twin.domain.types import Types

GROUP = 500


class MovingUnit(Protocol):
    """One transaction over a group of twins and the migration that they are part of."""

    @property
    def types(self) -> Types: ...
    @property
    def rules(self) -> Rules: ...
    async def claim_job(self) -> Job | None: ...
    async def keep_job(self, job: Job) -> None: ...
    async def unmoved(self, job: Job, *, behind: str, limit: int) -> list[str]: ...
    async def mark_moved(self, ids: Sequence[str], dtmi: str) -> None: ...
    async def begin_models(self) -> None: ...
    async def stop_writers(self) -> None: ...
    async def kept_models(self) -> list[Kept]: ...
    async def keep_models(self, kept: Sequence[Kept]) -> None: ...
    async def lock(self, ids: Sequence[str], origin: Origin) -> dict[str, Twin]: ...
    async def save(self, changed: Iterable[tuple[Twin, Change]]) -> int: ...


class MovingStore(Protocol):
    def write(self) -> AbstractAsyncContextManager[MovingUnit]: ...
    async def renew_types(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Group:
    """What became of the twins of a group."""

    moved: list[str]
    changes: list[tuple[Twin, Change]]
    misfits: list[dict[str, Any]]


async def migrate_some(store: MovingStore, now: datetime, *, group: int = GROUP) -> Job | None:
    """Brings the next group of a migration to its version; None where none runs, or another process works at it."""
    async with store.write() as unit:
        job = await unit.claim_job()
        if job is None:
            return None
        ids = await unit.unmoved(job, behind=job.place, limit=group)
        if ids:
            job = await _move(unit, job, ids, now)
        else:
            job = await _end(unit, job, now, group)
    if job.state != "running":
        await store.renew_types()
    return job


async def _move(unit: MovingUnit, job: Job, ids: Sequence[str], now: datetime) -> Job:
    source = f"{SOURCE}{job.after_dtmi.rpartition(':')[2]}"
    origin = Origin.of(now, now, source, "")
    twins = await unit.lock(ids, origin)
    before, after = (unit.types.versions.get(each) for each in (job.before_dtmi, job.after_dtmi))
    if before is None or after is None:
        # It no longer goes with the types that we ship.
        job = replace(job, state=STUCK, ended_at=now)
        await unit.keep_job(job)
        return job
    aim = Aim.of(before, after, unit.types, Steps.of(job.steps))
    group = _moved([twins[twin_id] for twin_id in ids], aim, unit, origin)
    await unit.save(group.changes)
    await unit.mark_moved(group.moved, job.after_dtmi)
    job = replace(
        job,
        moved=job.moved + len(group.moved),
        changed=job.changed + len(group.changes),
        misfits=job.misfits + len({each["id"] for each in group.misfits}),
        first_misfits=[*job.first_misfits, *group.misfits][:MOST_MISFITS],
        place=ids[-1],
    )
    await unit.keep_job(job)
    return job


def _moved(twins: Sequence[Twin], aim: Aim, unit: MovingUnit, origin: Origin) -> _Group:
    group = _Group([], [], [])
    for twin in twins:
        try:
            outcome = migrated(twin, aim.steps, origin, unit.rules) if twin.exists else None
        except Misfit as fault:
            group.misfits.append(_misfit(twin, f"/properties/{fault.place}", "bad_conversion", str(fault)))
            continue
        state = outcome[0] if outcome else twin
        problems = aim.problems(state.properties, state.desired, state.relations)
        if problems and twin.exists:
            group.misfits.extend(_misfit(twin, each.pointer, each.rule, each.message) for each in problems)
            continue
        group.moved.append(twin.id)
        if outcome is not None:
            group.changes.append(outcome)
    return group


def _misfit(twin: Twin, pointer: str, rule: str, message: str) -> dict[str, Any]:
    return {"id": twin.id, "pointer": pointer, "rule": rule, "message": message}


async def _end(unit: MovingUnit, job: Job, now: datetime, group: int) -> Job:
    """After the last twin: what came meanwhile is moved, and the version counts from then on."""
    await unit.begin_models()
    await unit.stop_writers()
    if job.misfits:
        job = replace(job, state=STUCK, ended_at=now)
    elif left := await unit.unmoved(job, behind="", limit=group):
        return await _move(unit, replace(job, place=""), left, now)
    else:
        job = replace(job, state=DONE, ended_at=now)
        kept = await unit.kept_models()
        await unit.keep_models([replace(each, state=READY) for each in kept if each.dtmi == job.after_dtmi])
    await unit.keep_job(job)
    return job
