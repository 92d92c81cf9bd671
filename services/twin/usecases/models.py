"""Types of twins: add, list, describe, take away; and what a new version means for the twins there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from uuid import uuid4

from chassis.app import in_thread
from chassis.errors import Conflict, Invalid, NotFound, Problem
from services.twin.domain.migrating import Steps, read_steps
from services.twin.domain.model_documents import Element, ModelFaults, read_what_stands
from services.twin.domain.model_jobs import CANCELLED, DONE, RUNNING, Aim, Job, Plan
from services.twin.domain.model_versions import (
    DELETED,
    READY,
    WAITING,
    Addition,
    Kept,
    Request,
    added,
    fits_all_of,
    in_order,
    mentions,
)
from services.twin.domain.twins import Twin
from services.twin.domain.types import TwinType, Types, shipped_elements, types_of

PAGE = 500


class ModelUnit(Protocol):
    """One transaction over models."""

    async def begin_models(self) -> None: ...
    async def kept_models(self) -> list[Kept]: ...
    async def keep_models(self, kept: Sequence[Kept]) -> None: ...
    async def stop_writers(self) -> None: ...
    async def living(self, name: str, *, behind: str, limit: int, but: str = ...) -> list[Twin]: ...
    async def revisions(self, name: str) -> dict[str, int]: ...
    async def some(self, ids: Sequence[str]) -> list[Twin]: ...
    async def jobs(self, name: str) -> list[Job]: ...
    async def hold_job(self, name: str, job_id: str) -> Job | None: ...
    async def keep_job(self, job: Job) -> None: ...
    async def carry_rule(self, model: str, name: str, after: str, *, by: str, now: datetime) -> None: ...


class ModelStore(Protocol):
    @property
    def types(self) -> Types: ...
    def write(self) -> AbstractAsyncContextManager[ModelUnit]: ...
    async def renew_types(self) -> None: ...
    async def kept_models(self) -> list[Kept]: ...
    async def jobs(self, name: str, job_id: str | None = None) -> list[Job]: ...
    async def count(self) -> dict[str, int]: ...
    async def count_moved(self, dtmis: Sequence[str]) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class Added:
    """What a request did, or would do."""

    dtmis: tuple[str, ...] = ()
    is_new: bool = False
    plans: tuple[Plan, ...] = ()
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a type, as it is told."""

    kind: TwinType
    state: str
    twins: int
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Who adds models, and when; a trial says what would change, and changes nothing."""

    by: str
    at: datetime
    is_trial: bool = False


@dataclass(slots=True, eq=False)
class _Change:
    """A new version of a type that has twins, while it is looked at."""

    before: TwinType
    after: TwinType
    element: Element
    steps: Steps | None
    plan: Plan
    is_looked_at: bool = False
    revisions: dict[str, int] = field(default_factory=dict)


async def add_models(store: ModelStore, request: Request, asked: Asked) -> Added:
    """Adds interfaces to what there is, all or none.

    A version that every twin fits counts at once; one that comes with a migration when that is done; any other is
    refused.
    """
    async with store.write() as unit:
        if not asked.is_trial:
            await unit.begin_models()
        kept = await unit.kept_models()
        there = [*shipped_elements(), *(each.element for each in kept if each.state != DELETED)]
        addition = added(request.elements, there, kept)
        types = await in_thread(_types_with, there, addition.new, kept)
        outcome = await _settle(unit, request, addition, types, asked)
    if not asked.is_trial:
        await store.renew_types()
    return outcome


async def add_files(store: ModelStore, elements: Sequence[Element], now: datetime) -> None:
    """Adds the interfaces of a folder at start; raises ModelFaults with every fault, and with twins that do not fit."""
    try:
        if elements:
            await add_models(store, Request(elements, {}), Asked("", now))
        else:
            await store.renew_types()
    except (Conflict, Invalid) as error:
        raise ModelFaults(error.errors) from None


def _types_with(there: Sequence[Element], new: Sequence[Element], kept: Sequence[Kept]) -> Types:
    waiting = {each.dtmi for each in kept if each.state == WAITING}
    models, elements, _ = read_what_stands(in_order([*there, *new]), {each.dtmi for each in kept})
    versions = types_of(models, elements)
    types = Types([])
    types.renew(
        [each for each in versions if each.dtmi not in waiting], [each for each in versions if each.dtmi in waiting]
    )
    return types


async def _settle(unit: ModelUnit, request: Request, addition: Addition, types: Types, asked: Asked) -> Added:
    changes = await _changes(unit, request, addition, types)
    plans = tuple(each.plan for each in changes)
    dtmis = tuple(each.dtmi for each in request.elements)
    if asked.is_trial:
        return Added(dtmis, bool(addition.new), plans)
    _refuse_misfits(changes)
    moving = [each for each in changes if each.steps is not None]
    for change in changes:
        if change.is_looked_at and change not in moving:
            await _look_again(unit, change, types)
    waiting = {each.after.dtmi for each in moving}
    await unit.keep_models(
        [
            Kept(each.dtmi, each.text, WAITING if each.dtmi in waiting else READY, asked.at, _by(each, asked))
            for each in addition.new
        ]
    )
    jobs = [await _begin(unit, each, asked) for each in moving]
    return Added(dtmis, bool(addition.new), plans, tuple(jobs))


def _by(element: Element, asked: Asked) -> str:
    return f"file:{element.document}" if element.document else asked.by


async def _changes(unit: ModelUnit, request: Request, addition: Addition, types: Types) -> list[_Change]:
    """New versions of types that are there, and those whose migration goes on; each looked at over all twins."""
    waiting = addition.waiting
    resumed = [each for each in addition.known if each.dtmi in waiting and each.dtmi in types.versions]
    new = {element.dtmi: element for element in in_order([*addition.new, *resumed])}
    before = {each.name: each for each in types.versions.values() if each.dtmi not in new and each.dtmi not in waiting}
    newest = {types.versions[dtmi].name: types.versions[dtmi] for dtmi in new}
    unknown = [
        Problem(f"{request.migration_at}/{name}", "unknown_model", "no type of this name gets a new version")
        for name in request.migration
        if name not in newest or name not in before
    ]
    if unknown:
        raise ModelFaults(unknown)
    _refuse_several(addition.new, types, before)
    _refuse_second(newest, waiting - set(new), new)
    found = []
    for name, after in newest.items():
        if name not in before:
            # Twins of a type that no longer goes with ours wait for one that does.
            change = _Change(after, after, new[after.dtmi], None, Plan(name, after.dtmi))
            await _look(unit, change, types)
            found += [change] if change.plan.twins else []
        else:
            steps = _steps(request, name, before[name], after)
            if steps is None and after.dtmi in waiting:
                steps = Steps.of((await unit.jobs(name))[-1].steps)
            change = _Change(before[name], after, new[after.dtmi], steps, Plan(name, after.dtmi))
            await _look(unit, change, types)
            found.append(change)
    return found


def _refuse_several(new: Sequence[Element], types: Types, before: Mapping[str, TwinType]) -> None:
    """Twins go from one version to the next."""
    counts = Counter(types.versions[each.dtmi].name for each in new)
    problems = [
        each.problem("/@id", "several-versions", "give a type that is there one new version at a time")
        for each in new
        if counts[name := types.versions[each.dtmi].name] > 1 and name in before
    ]
    if problems:
        raise ModelFaults(problems)


def _refuse_second(newest: Mapping[str, TwinType], waiting: frozenset[str], new: Mapping[str, Element]) -> None:
    """One migration of a type at a time."""
    busy = {dtmi.rpartition(":")[2].partition(";")[0]: dtmi for dtmi in waiting}
    problems = [
        new[kind.dtmi].problem("/@id", "migration_unfinished", f"the twins of {name} are on the way to {busy[name]}")
        for name, kind in newest.items()
        if name in busy
    ]
    if problems:
        raise Conflict("a migration is not finished; post its version again to go on", errors=problems)


def _steps(request: Request, name: str, before: TwinType, after: TwinType) -> Steps | None:
    if name not in request.migration:
        return None
    pointer = f"{request.migration_at}/{name}"
    steps, problems = read_steps(request.migration[name], pointer, before, after)
    if problems:
        raise ModelFaults(problems)
    return steps


async def _look(unit: ModelUnit, change: _Change, types: Types) -> None:
    """Holds every twin of the type to the new version, a page at a time."""
    if change.steps is None and change.before is not change.after and fits_all_of(change.after, change.before):
        return
    aim = Aim.of(change.before, change.after, types, change.steps or Steps())
    change.is_looked_at = True
    behind = ""
    while page := await unit.living(change.plan.name, behind=behind, limit=PAGE, but=change.after.dtmi):
        change.plan = await in_thread(change.plan.with_page, page, aim)
        change.revisions |= {twin.id: twin.revision for twin in page}
        behind = page[-1].id


async def _look_again(unit: ModelUnit, change: _Change, types: Types) -> None:
    """Holds what was written meanwhile to the new version, while nobody writes."""
    aim = Aim.of(change.before, change.after, types, Steps())
    await unit.stop_writers()
    now = await unit.revisions(change.plan.name)
    other = [twin_id for twin_id, revision in now.items() if change.revisions.get(twin_id) != revision]
    for start in range(0, len(other), PAGE):
        page = await unit.some(other[start : start + PAGE])
        change.plan = change.plan.with_page(page, aim)
    _refuse_misfits([change])


def _refuse_misfits(changes: Sequence[_Change]) -> None:
    problems = [
        change.element.problem("", "twins_do_not_fit", f"{twin_id}{problem.pointer}: {problem.rule}: {problem.message}")
        for change in changes
        for twin_id, problem in change.plan.first_misfits
    ]
    if problems:
        number = sum(change.plan.misfits for change in changes)
        message = f"{number} twins do not fit; say in migration what becomes of their properties"
        raise Invalid(message, code="migration_needed", errors=problems)


async def _begin(unit: ModelUnit, change: _Change, asked: Asked) -> Job:
    """Starts a migration, or lets one go on with other steps."""
    before = [each for each in await unit.jobs(change.plan.name) if each.after_dtmi == change.after.dtmi]
    if before and before[-1].state == RUNNING:
        return before[-1]
    steps = change.steps or Steps()
    for name in change.before.properties:
        if (after := steps.renamed(name)) not in (name, None):
            await unit.carry_rule(change.plan.name, name, str(after), by=asked.by, now=asked.at)
    job = Job(
        id=uuid4().hex,
        name=change.plan.name,
        before_dtmi=change.before.dtmi,
        after_dtmi=change.after.dtmi,
        steps=steps.told,
        state=RUNNING,
        twins=change.plan.twins,
        created_at=asked.at,
        created_by=asked.by,
    )
    await unit.keep_job(job)
    return job


async def list_versions(store: ModelStore) -> list[Version]:
    """Every version of every type, the newest of each last."""
    await store.renew_types()
    types, kept = store.types, {each.dtmi: each for each in await store.kept_models()}
    counts = await store.count()
    moved = await store.count_moved([each.dtmi for each in types.coming.values()])
    found = []
    for kind in types.versions.values():
        ahead = types.coming.get(kind.name)
        if ahead is kind:
            state, twins = "migrating", moved.get(kind.dtmi, 0)
        elif types.get(kind.name) is kind:
            state, twins = "current", counts.get(kind.name, 0) - (moved.get(ahead.dtmi, 0) if ahead else 0)
        else:
            state, twins = "former", 0
        found.append(Version(kind, state, twins, kept.get(kind.dtmi)))
    return found


async def get_versions(store: ModelStore, name: str) -> list[Version]:
    """The versions of one type; NotFound where there is none."""
    found = [each for each in await list_versions(store) if each.kind.name == name]
    if not found:
        raise NotFound(f"there is no model {name}", code="model_not_found")
    return found


async def delete_model(store: ModelStore, name: str) -> None:
    """Takes every version of a type away that nobody uses; Conflict where somebody does."""
    async with store.write() as unit:
        await unit.begin_models()
        await unit.stop_writers()
        kept = [each for each in await unit.kept_models() if each.state != DELETED]
        types = await in_thread(_types_with, [*shipped_elements(), *(each.element for each in kept)], [], kept)
        versions = [each.dtmi for each in types.versions.values() if each.name == name]
        if not versions:
            raise NotFound(f"there is no model {name}", code="model_not_found")
        own = [each for each in kept if each.dtmi in versions]
        if len(own) < len(versions):
            raise Conflict(f"{name} is a model that we ship; it stays", code="model_shipped")
        if await unit.living(name, behind="", limit=1):
            raise Conflict(f"there are twins of {name}; delete them first", code="model_used")
        if needing := mentions(types, name):
            raise Conflict(f"{', '.join(needing[:20])} need {name}", code="model_used")
        await unit.keep_models([replace(each, state=DELETED) for each in own])
    await store.renew_types()


async def list_migrations(store: ModelStore, name: str) -> list[Job]:
    """The migrations of the twins of a type, oldest first."""
    await get_versions(store, name)
    return await store.jobs(name)


async def get_migration(store: ModelStore, name: str, job_id: str) -> Job:
    found = await store.jobs(name, job_id)
    if not found:
        raise NotFound(f"{name} has no migration {job_id}", code="migration_not_found")
    return found[0]


async def cancel_migration(store: ModelStore, name: str, job_id: str, *, now: datetime) -> Job:
    """Stops a migration between two groups. Twins that are at the new version stay there, and the same version posted
    again goes on; where none is, the version is taken away."""
    async with store.write() as unit:
        # In the order of who works at it, who holds the migration first and the types at its end.
        job = await unit.hold_job(name, job_id)
        if job is None:
            raise NotFound(f"{name} has no migration {job_id}", code="migration_not_found")
        if job.state in (DONE, CANCELLED):
            raise Conflict(f"the migration is {job.state}", code="migration_ended")
        await unit.begin_models()
        job = replace(job, state=CANCELLED, ended_at=now)
        await unit.keep_job(job)
        if not job.moved:
            kept = await unit.kept_models()
            await unit.keep_models([replace(each, state=DELETED) for each in kept if each.dtmi == job.after_dtmi])
    await store.renew_types()
    return job
