"""Twins: search and write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

import polars as pl
from msgspec import structs

from chassis.errors import Conflict, Invalid, NotFound, Problem
from chassis.rql.predicate import predicate
from chassis.rql.search import Search, Summary
from chassis.rql.tree import Node
from services.twin.domain import statements, twins
from services.twin.domain.fusion.rule_book import RuleBook
from services.twin.domain.inputs import DELETED, facets_in, is_newest, newest_us
from services.twin.domain.neighbourhood import Neighbourhood, Walk
from services.twin.domain.past import Kept, Range
from services.twin.domain.statements import DESIRED, RELATIONS, Rules, Statement, Told
from services.twin.domain.twins import Change, Json, Origin, Relation, Twin
from services.twin.domain.types import TwinType, Types

T = TypeVar("T")
MAX_GROUPS = 1000
WRITABLE = frozenset(("properties", "desired", "relations", "model"))


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must hold for a write: an exact revision (0: the twin must not exist), or only that it exists.

    A condition is a query that the twin must fulfil, as it is when nobody else can change it any more.
    """

    revision: int | None = None
    must_exist: bool = False
    condition: Node | None = None


class Deciding(Protocol):
    """What a decision about a locked twin may look at beside it."""

    @property
    def types(self) -> Types: ...
    @property
    def rules(self) -> Rules: ...
    def type_of(self, twin: Twin) -> TwinType: ...


class Unit(Deciding, Protocol):
    """One transaction."""

    async def mark_new(self, consumer: str, message_ids: Sequence[str]) -> set[str]: ...
    async def lock(self, ids: Sequence[str], origin: Origin) -> dict[str, Twin]: ...
    async def told_before(self, said: Sequence[tuple[str, Statement]]) -> Told: ...
    async def save(self, changed: Iterable[tuple[Twin, Change]]) -> int: ...
    async def totals(self, name: str, records: pl.DataFrame) -> pl.DataFrame: ...


class Store(Protocol):
    @property
    def types(self) -> Types: ...
    @property
    def book(self) -> RuleBook: ...
    async def renew_types(self) -> None: ...
    def write(self) -> AbstractAsyncContextManager[Unit]: ...
    async def in_one(self, work: Callable[[Unit], Awaitable[T]], *, few: bool) -> T: ...
    async def carry_out(
        self, twin_id: str, origin: Origin, decide: Callable[[Deciding, Twin], tuple[Twin, Change] | None]
    ) -> tuple[Twin, Twin]: ...
    async def get(self, twin_id: str) -> Twin | None: ...
    async def messages(self, ids: Sequence[str]) -> Sequence[Any]: ...
    async def get_whole(self, twin_id: str) -> Twin | None: ...
    async def around(self, walk: Walk) -> Neighbourhood: ...
    async def search(self, search: Search) -> tuple[Sequence[Any], str]: ...
    async def summarise(self, summary: Summary, *, limit: int) -> list[str]: ...
    async def told(
        self, twin_id: str, *, revision: int | None, at: datetime | None, known_at: datetime | None
    ) -> tuple[Twin | None, list[Change]]: ...
    async def kept(self, twin_id: str) -> Kept | None: ...
    async def lines(self, twin_id: str, wanted: Range, *, limit: int) -> tuple[list[Change], int]: ...
    async def knows(self, twin_id: str) -> bool: ...
    async def due(self, before: datetime, *, after: str, limit: int) -> tuple[list[str], str]: ...
    async def drop(self, twin_id: str, before: datetime, *, limit: int) -> int: ...
    async def count(self) -> dict[str, int]: ...


async def find_twins(store: Store, search: Search) -> tuple[Sequence[Any], str]:
    """A page of the twins that fulfil a query, as messages, and the cursor of the next page."""
    return await store.search(search)


async def summarise_twins(store: Store, summary: Summary) -> tuple[list[str], bool]:
    """Aggregates by group as JSON texts, at most 1,000 groups, and whether there are more."""
    groups = await store.summarise(summary, limit=MAX_GROUPS + 1)
    return groups[:MAX_GROUPS], len(groups) > MAX_GROUPS


async def put_twin(
    store: Store, twin_id: str, body: Json, precondition: Precondition, origin: Origin
) -> tuple[Twin, bool]:
    """Creates or replaces a twin; True when it is new."""
    model = str(body.get("model", ""))
    if model not in store.types:
        await store.renew_types()
    _refuse_bad_id(twin_id, model, store.types)
    _refuse_unknown(body, WRITABLE)
    properties, desired = body.get("properties") or {}, body.get("desired") or {}
    relations = _relations(body.get("relations", []))

    def said(_: Twin, kind: TwinType, types: Types) -> Json:
        _refuse_misfit(kind, types, properties, desired, relations)
        facets: Json = {**properties, DELETED: False, **_by_relation(relations)}
        return facets | {DESIRED: desired} if desired else facets

    before, after = await _write(store, twin_id, precondition, origin, said)
    return after, not before.exists


async def patch_twin(store: Store, twin_id: str, patch: Json, precondition: Precondition, origin: Origin) -> Twin:
    """Changes a twin by an RFC 7396 merge patch over {properties, desired, relations}."""
    _refuse_unknown(patch, WRITABLE)
    relations = _relations([] if patch.get("relations") is None else patch["relations"])

    def said(before: Twin, kind: TwinType, types: Types) -> Json:
        if patch.get("model", before.model) != before.model:
            problem = Problem("/model", "model_mismatch", f"{twin_id} is a {before.model}")
            raise Invalid("a patch cannot make a twin one of another model", errors=[problem])
        facets = _patched(before, patch)
        properties = {name: each for name, each in facets.items() if each is not None}
        wanted = patch.get("desired", {})
        desired = {} if wanted in (None, {}) else twins.merge_patch(before.desired, wanted)
        _refuse_misfit(kind, types, properties, desired, relations)
        if wanted != {}:
            facets[DESIRED] = desired
        if "relations" in patch:
            # The list is whole: a relation that it does not name is said to lead nowhere.
            named = {*kind.relationships, *(each.name for each in before.relations)}
            facets |= {RELATIONS + name: [] for name in named} | _by_relation(relations)
        return facets

    _, after = await _write(store, twin_id, precondition, origin, said, must_exist=True)
    return after


def _patched(before: Twin, patch: Json) -> Json:
    """The properties that a patch touches: as they are to be, null where they are to go."""
    told = patch.get("properties", {})
    if told is None:
        return dict.fromkeys(before.properties)
    known = before.properties
    removed = {name: None for name, each in told.items() if each is None and name in known}
    return removed | {
        name: twins.merge_patch(known.get(name), each) if isinstance(each, dict) else each
        for name, each in told.items()
        if each is not None
    }


async def delete_twin(store: Store, twin_id: str, precondition: Precondition, origin: Origin) -> int:
    """Deletes a twin, keeps its journal, and returns the revision of the deletion."""

    def said(_: Twin, __: TwinType, ___: Types) -> Json:
        return {DELETED: True}

    _, after = await _write(store, twin_id, precondition, origin, said, must_exist=True)
    return after.revision


async def _write(
    store: Store,
    twin_id: str,
    precondition: Precondition,
    origin: Origin,
    said: Callable[[Twin, TwinType, Types], Json],
    *,
    must_exist: bool = False,
) -> tuple[Twin, Twin]:
    def decided(unit: Deciding, before: Twin) -> tuple[Twin, Change] | None:
        _refuse_unmet(before, precondition, must_exist=must_exist)
        if not before.revision or before.model not in unit.types:
            _refuse_bad_id(twin_id, before.model, unit.types)
        facets = said(before, unit.type_of(before), unit.types)
        statement = Statement(facets, _not_before(before, facets, origin), writes=True)
        return statements.apply(before, statement, unit.rules)

    return await store.carry_out(twin_id, origin, decided)


def _not_before(twin: Twin, facets: Json, origin: Origin) -> Origin:
    """A write sets right what it finds, where a source was ahead of our clock, too."""
    if is_newest(twin.inputs, origin.changed_us):
        return origin
    newest = newest_us(twin.inputs, facets_in(twin.inputs) if DELETED in facets else facets)
    return structs.replace(origin, changed_us=max(origin.changed_us, newest))


def _refuse_bad_id(twin_id: str, model: str, types: Types) -> None:
    if not twins.ID_PATTERN.match(twin_id):
        problem = Problem("/id", "bad_id", "an id is kind:code, e.g. retailer:R340100000123")
        raise Invalid("the twin id is not of the form kind:code", errors=[problem])
    if model not in types:
        problem = Problem("/model", "unknown_model", f"must be one of {', '.join(types)}")
        raise Invalid("the twin has no known model", errors=[problem])
    if twin_id.split(":", 1)[0] != model:
        problem = Problem("/model", "model_mismatch", f"the id says {twin_id.split(':', 1)[0]}")
        raise Invalid("the id belongs to another model", errors=[problem])


def _refuse_unknown(body: Json, allowed: Set[str]) -> None:
    problems = [
        Problem(f"/{name}", "unknown_member", f"only {', '.join(sorted(allowed))} can be written")
        for name in body
        if name not in allowed
    ] + [
        Problem(f"/{name}", "wrong_type", "must be a JSON object")
        for name in ("properties", "desired")
        if body.get(name) is not None and not isinstance(body[name], dict)
    ]
    if problems:
        raise Invalid("the twin cannot be written like this", errors=problems)


def _relations(listed: Any) -> list[Relation]:
    if not isinstance(listed, list):
        raise Invalid("relations are a list", errors=[Problem("/relations", "wrong_type", "must be a list")])
    problems = [
        Problem(f"/relations/{position}", "wrong_type", 'must be {"name": ..., "target": "kind:code"}')
        for position, each in enumerate(listed)
        if not _is_relation(each)
    ]
    if problems:
        raise Invalid("a relation cannot be read", errors=problems)
    return [Relation(each["name"], each["target"]) for each in listed]


def _is_relation(each: Any) -> bool:
    return (
        isinstance(each, dict)
        and set(each) == {"name", "target"}
        and isinstance(each["name"], str)
        and isinstance(each["target"], str)
        and bool(twins.ID_PATTERN.match(each["target"]))
    )


def _refuse_unmet(twin: Twin, precondition: Precondition, *, must_exist: bool) -> None:
    if precondition.revision == 0 and twin.exists:
        raise Conflict(f"{twin.id} exists already", code="precondition_failed")
    if precondition.revision and (not twin.exists or twin.revision != precondition.revision):
        message = f"{twin.id} is at revision {twin.revision}, not {precondition.revision}; read it again"
        raise Conflict(message, code="precondition_failed")
    if (must_exist or precondition.must_exist) and not twin.exists:
        raise NotFound(f"there is no twin {twin.id}", code="twin_not_found")
    if precondition.condition is not None and not (twin.exists and predicate(precondition.condition)(twin)):
        raise Conflict(f"{twin.id} does not fulfil the condition; read it again", code="precondition_failed")


def _refuse_misfit(
    kind: TwinType, types: Types, properties: Json, desired: Json, relations: Sequence[Relation]
) -> None:
    problems = kind.check(properties)
    problems += kind.check_desired(desired) if desired else []
    problems += kind.check_relations(relations, types) if relations else []
    if problems:
        raise Invalid(f"this does not fit the model {kind.name}", errors=problems)


def _by_relation(relations: Sequence[Relation]) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = {}
    for each in relations:
        named = targets.setdefault(RELATIONS + each.name, [])
        if each.target not in named:
            named.append(each.target)
    return targets
