"""Migrations of living twins: what they are about to do, what they did, and which types count meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from chassis.errors import Problem
from services.twin.domain.inputs import DELETED
from services.twin.domain.migrating import Misfit, Steps
from services.twin.domain.model_documents import read_what_stands
from services.twin.domain.model_versions import DELETED as GONE
from services.twin.domain.model_versions import WAITING, Kept, in_order, is_newer, is_same_property
from services.twin.domain.moving import facets_after
from services.twin.domain.statements import DESIRED, RELATIONS
from services.twin.domain.twins import Json, Relation, Twin
from services.twin.domain.types import Carry, TwinType, Types, shipped_elements, types_of

RUNNING, DONE, STUCK, CANCELLED = "running", "done", "stuck", "cancelled"
MOST_MISFITS = 100


@dataclass(frozen=True, slots=True)
class Known:
    """What a process is to know of types."""

    versions: list[TwinType]
    """Those that count, the newest last."""
    waiting: list[TwinType]
    """Those that wait for their twins."""
    carries: Callable[[Types], Mapping[str, Carry]]
    unusable: list[Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A migration of the twins of a type from one version to the next."""

    id: str
    name: str
    before_dtmi: str
    after_dtmi: str
    steps: list[Json]
    state: str
    twins: int
    """Living twins when it began."""
    moved: int = 0
    """Twins that are at the new version, and of them those that changed."""
    changed: int = 0
    misfits: int = 0
    first_misfits: list[Json] = field(default_factory=list)
    place: str = ""
    """Id of the last twin that was looked at in this round."""
    created_at: datetime
    created_by: str
    ended_at: datetime | None = None

    def as_row(self) -> Json:
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new version means for the twins there are."""

    name: str
    dtmi: str
    twins: int = 0
    changed: int = 0
    misfits: int = 0
    first_misfits: tuple[tuple[str, Problem], ...] = ()

    def with_page(self, page: Sequence[Twin], aim: Aim) -> Plan:
        """The plan with more twins looked at."""
        changed = misfits = 0
        first = list(self.first_misfits)
        for twin in page:
            state, problems = moved(twin, aim)
            changed += not problems and state != _state(twin)
            misfits += bool(problems)
            first += [(twin.id, each) for each in problems[: MOST_MISFITS - len(first)]]
        return replace(
            self,
            twins=self.twins + len(page),
            changed=self.changed + changed,
            misfits=self.misfits + misfits,
            first_misfits=tuple(first),
        )


def _state(twin: Twin) -> tuple[Json, Json, list[tuple[str, str]]]:
    return twin.properties, twin.desired, [(each.name, each.target) for each in twin.relations]


@dataclass(frozen=True, slots=True)
class Aim:
    """The version that twins are brought to, and the steps there."""

    after: TwinType
    types: Types
    steps: Steps
    same: frozenset[str]
    """Properties that are as they were: what a twin has of them is not looked at again."""

    @classmethod
    def of(cls, before: TwinType, after: TwinType, types: Types, steps: Steps) -> Aim:
        """Where it is not known what twins were held to before, `before` is the version itself."""
        known = before.properties.items() if before is not after else ()
        same = (name for name, each in known if is_same_property(each, after.properties.get(name)))
        return cls(after, types, steps, frozenset(same) - steps.heads)

    def problems(self, properties: Json, desired: Json, relations: Sequence[Relation]) -> list[Problem]:
        """What of a twin does not fit."""
        changed = {name: value for name, value in properties.items() if name not in self.same}
        problems = self.after.check(changed) + self.after.check_desired(desired)
        return problems + self.after.check_relations(relations, self.types)


def moved(twin: Twin, aim: Aim) -> tuple[tuple[Json, Json, list[tuple[str, str]]], list[Problem]]:
    """Properties, desired and relations of a twin after the steps, and what of them does not fit."""
    try:
        properties = aim.steps.properties(twin.properties)
        desired = aim.steps.desired(twin.desired)
    except Misfit as fault:
        return _state(twin), [Problem(f"/properties/{fault.place}", "bad_conversion", str(fault))]
    relations = [(aim.steps.relation(each.name), each) for each in twin.relations]
    kept = [Relation(name, each.target) for name, each in relations if name is not None]
    return (properties, desired, [(each.name, each.target) for each in kept]), aim.problems(properties, desired, kept)


def carries(jobs: Iterable[Job], versions: Sequence[TwinType], base: Types) -> dict[str, Carry]:
    """What puts the words of records into those of a later version than they are read in, by its identifier."""
    newest = {job.after_dtmi: job for job in jobs}
    found: dict[str, Carry] = {}
    passed: dict[str, list[Steps]] = {}
    for version in versions:
        if version.name not in base or not is_newer(version.dtmi, base[version.name].dtmi):
            continue
        if version.dtmi in newest:
            passed.setdefault(version.name, []).append(Steps.of(newest[version.dtmi].steps))
        found[version.dtmi] = _carry(tuple(passed.get(version.name, ())), version)
    return found


def _carry(passed: Sequence[Steps], version: TwinType) -> Carry:
    known = {*version.properties, *version.components, DELETED, DESIRED}
    known |= {RELATIONS + name for name in version.relationships}

    def carry(facets: Mapping[str, Any]) -> Json:
        said = dict(facets)
        for steps in passed:
            said = facets_after(said, steps)
        return {facet: value for facet, value in said.items() if facet in known}

    return carry


def types_from(kept: Sequence[Kept], jobs: Sequence[Job]) -> Known:
    """The types that we ship and those that were added, as far as they still go together."""
    there = [each for each in kept if each.state != GONE]
    added = in_order([*shipped_elements(), *(each.element for each in there)])
    models, elements, unusable = read_what_stands(added, {each.dtmi for each in there})
    versions = types_of(models, elements)
    waiting = {each.dtmi for each in there if each.state == WAITING}
    return Known(
        [each for each in versions if each.dtmi not in waiting],
        [each for each in versions if each.dtmi in waiting],
        lambda base: carries(jobs, versions, base),
        unusable,
    )
