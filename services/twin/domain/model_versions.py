"""Versions of models: what is kept of each, what a request adds, and which version counts.

posted text ── read_request ──▶ Request ── added ──▶ Addition: new versions, those that are there already
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.errors import Conflict, Problem
from services.twin.domain.dtdl import Property
from services.twin.domain.dtdl.dtmi import is_dtmi, version_of, without_version
from services.twin.domain.dtdl.faults import FaultLog, Spot
from services.twin.domain.dtdl.jsontext import read_text
from services.twin.domain.model_documents import (
    DEEPEST,
    MOST_BYTES,
    MOST_FAULTS,
    Element,
    ModelFaults,
    elements_in,
)
from services.twin.domain.types import TwinType, Types

READY, WAITING, DELETED = "ready", "waiting", "deleted"
"""A version counts, waits until its twins are migrated, or was taken away."""
MOST_KEPT = 5000
WRAPPER = {"models", "migration"}


@dataclass(frozen=True, slots=True)
class Kept:
    """A version of a model as it was added."""

    dtmi: str
    text: str
    state: str
    created_at: datetime
    created_by: str

    @property
    def element(self) -> Element:
        return Element(json.loads(self.text), document=self.dtmi)


@dataclass(frozen=True, slots=True)
class Request:
    """Interfaces, and the steps of their migrations by name of the type, with the place of those."""

    elements: Sequence[Element]
    migration: Mapping[str, Any]
    migration_at: str = "/migration"


@dataclass(frozen=True, slots=True)
class Addition:
    """What a request adds to what is there."""

    new: Sequence[Element]
    known: Sequence[Element]
    waiting: frozenset[str] = frozenset()
    """Identifiers of versions whose twins are not all at them."""


def read_request(text: bytes) -> Request:
    """An interface, an array of them, or {models, migration}; raises ModelFaults."""
    log = FaultLog(MOST_FAULTS)
    read = read_text(text, Spot(log, 0), deepest=DEEPEST, largest=MOST_BYTES)
    faults = [Problem(each.pointer, str(each.rule), each.message) for each in log.faults()]
    if read is None or faults:
        raise ModelFaults(faults)
    value = read[0]
    _refuse_unstorable(value)
    if not isinstance(value, dict) or "models" not in value:
        return Request(elements_in(value), {})
    unknown = [Problem(f"/{name}", "unknown_member", "only models and migration") for name in set(value) - WRAPPER]
    migration = value.get("migration", {})
    if not isinstance(migration, dict):
        unknown.append(Problem("/migration", "wrong_type", "must be an object: steps by name of the type"))
    if unknown:
        raise ModelFaults(unknown)
    return Request(elements_in(value["models"], root="/models"), migration if isinstance(migration, dict) else {})


def _refuse_unstorable(value: object) -> None:
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        raise ModelFaults([Problem("", "json-number", "holds a number beyond what a double has")]) from None
    if "\\u0000" in text:
        raise ModelFaults([Problem("", "nul", "no text may hold the character U+0000")])


def added(request: Sequence[Element], there: Iterable[Element], kept: Sequence[Kept]) -> Addition:
    """Which interfaces are new; raises Conflict where a version would change, ModelFaults where one comes too late."""
    values = {element.dtmi: element.value for element in there}
    gone = {each.dtmi: each for each in kept if each.state == DELETED}
    values |= {dtmi: each.element.value for dtmi, each in gone.items()}
    other = [each for each in request if each.dtmi in values and values[each.dtmi] != each.value]
    if other:
        message = "a version never changes; give what is different the next version"
        problems = [each.problem("/@id", "version_changed", message) for each in other]
        raise Conflict("a version of a model is there with another content", code="version_changed", errors=problems)
    new = [each for each in request if each.dtmi not in values or each.dtmi in gone]
    if len(values) + len(new) > MOST_KEPT:
        message = f"there are {len(values)} interfaces, and at most {MOST_KEPT} can be kept"
        raise ModelFaults([Problem("", "too-many-interfaces", message)])
    late = [each for each in new if each.dtmi not in gone and not _is_newest(each.dtmi, values)]
    if late:
        message = "must be newer than the versions there are"
        raise ModelFaults([each.problem("/@id", "version-order", message) for each in late])
    known = [each for each in request if each.dtmi in values and each.dtmi not in gone]
    return Addition(new, known, frozenset(each.dtmi for each in kept if each.state == WAITING))


def _is_newest(dtmi: str, known: Iterable[str]) -> bool:
    path = without_version(dtmi)
    others = [_number(each) for each in known if without_version(each) == path]
    return not others or _number(dtmi) > max(others)


def is_newer(dtmi: str, other: str) -> bool:
    """Of two versions of a type."""
    return _number(dtmi) > _number(other)


def _number(dtmi: str) -> tuple[int, int]:
    """Of what is no identifier at all the parser will tell."""
    return (version_of(dtmi) if is_dtmi(dtmi) else None) or (0, 0)


def in_order(elements: Iterable[Element]) -> list[Element]:
    """By path and version, the newest last."""
    return sorted(elements, key=lambda each: (without_version(each.dtmi), _number(each.dtmi)))


def fits_all_of(after: TwinType, before: TwinType) -> bool:
    """Whether every twin of a version fits another one, as that only adds to it or says it in other words."""
    return (
        _keeps(before.properties, after.properties, is_same_property)
        and _keeps(before.relationships, after.relationships, _is_same_relationship)
        and _keeps(before.components, after.components, lambda one, other: fits_all_of(other, one))
    )


def _keeps(before: Mapping[str, Any], after: Mapping[str, Any], is_same: Any) -> bool:
    return all(name in after and is_same(each, after[name]) for name, each in before.items())


def is_same_property(before: Property, after: Property | None) -> bool:
    """Whether what fits a property fits another one, and means the same."""
    if after is None:
        return False
    return before.schema == after.schema and before.unit == after.unit and (after.writable or not before.writable)


def _is_same_relationship(before: Any, after: Any) -> bool:
    return (before.target, before.max_multiplicity) == (after.target, after.max_multiplicity)


def mentions(types: Types, name: str) -> list[str]:
    """The identifiers of types that need those of a name: they extend them, have them as parts, or lead to them."""
    paths = {without_version(each.dtmi) for each in types.versions.values() if each.name == name}
    needing = [each for each in types.versions.values() if each.name != name and paths & _needed(each)]
    return sorted(each.dtmi for each in needing)


def _needed(kind: TwinType) -> set[str]:
    targets = {each.target for each in kind.relationships.values() if each.target}
    parts = {each.dtmi for each in kind.components.values()}
    return {without_version(each) for each in (*kind.lineage, *targets, *parts)}
