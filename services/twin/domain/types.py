"""Twin types: what a twin of each may hold, and what of a twin does not fit.

Types      by short name, the version that counts now; by identifier, every version
TwinType   one version of one type: what it has, what it inherits included
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from chassis.errors import Problem
from services.twin.domain.dtdl import (
    Command,
    Component,
    Interface,
    ModelSet,
    Property,
    Relationship,
    Telemetry,
    check_value,
)
from services.twin.domain.dtdl.dtmi import without_version
from services.twin.domain.model_documents import Element, elements_of, read_models, short_name

Carry = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Puts the facets that records speak of into the words of a version."""
FOLDER = Path(__file__).parent / "models"


class Edge(Protocol):
    """A relation of a twin."""

    @property
    def name(self) -> str: ...
    @property
    def target(self) -> str: ...


@dataclass(frozen=True, slots=True, eq=False)
class TwinType:
    """One version of a type: contents by name, what it inherits included, and the DTDL text."""

    name: str
    dtmi: str
    interface: Interface
    properties: Mapping[str, Property]
    relationships: Mapping[str, Relationship]
    components: Mapping[str, TwinType]
    lineage: frozenset[str]
    """Identifiers, without versions, of this and of all that it inherits from."""
    dtdl: str

    def check(self, properties: Mapping[str, Any], *, at: str = "/properties") -> list[Problem]:
        """What does not fit, with pointers below `at`; the properties of a component lie below its name."""
        return self._check(properties, at, is_desired=False)

    def check_desired(self, desired: Mapping[str, Any], *, at: str = "/desired") -> list[Problem]:
        """As `check`, and only what is writable can be desired."""
        return self._check(desired, at, is_desired=True)

    def _check(self, values: Mapping[str, Any], at: str, *, is_desired: bool) -> list[Problem]:
        problems: list[Problem] = []
        for name, value in values.items():
            found = self.properties.get(name)
            pointer = f"{at}/{name}"
            if found is None:
                escaped = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
                problems += self._check_part(name, value, escaped, is_desired=is_desired)
            elif is_desired and not found.writable:
                problems.append(
                    Problem(pointer, "not_writable", f"{name} is not writable, so that none can be desired")
                )
            else:
                faults = check_value(found.schema, value, pointer)
                problems += [Problem(fault.pointer, "wrong_type", fault.message) for fault in faults]
        return problems

    def _check_part(self, name: str, value: Any, pointer: str, *, is_desired: bool) -> list[Problem]:
        part = self.components.get(name)
        if part is None:
            return [self._no_state(name, pointer)]
        if not isinstance(value, dict):
            return [Problem(pointer, "wrong_type", f"must be an object: the properties of the component {name}")]
        return part._check(value, pointer, is_desired=is_desired)

    def _no_state(self, name: str, pointer: str) -> Problem:
        content = self.interface.contents.get(name)
        if isinstance(content, Telemetry):
            return Problem(pointer, "not_state", f"{name} is telemetry: send it as records, a twin does not keep it")
        if isinstance(content, Command):
            return Problem(pointer, "not_state", f"{name} is a command, which a twin does not keep")
        if isinstance(content, Relationship):
            return Problem(pointer, "not_state", f"{name} is a relation: write it under relations")
        return Problem(pointer, "unknown_property", f"{self.name} has no property {name}")

    def check_relations(self, relations: Sequence[Edge], types: Types) -> list[Problem]:
        """Relations that the type does not have, too many of one name, and targets of another type."""
        problems: list[Problem] = []
        counts: Counter[str] = Counter()
        for position, relation in enumerate(relations):
            pointer = f"/relations/{position}"
            wanted = self.relationships.get(relation.name)
            if wanted is None:
                message = f"{self.name} has no relation {relation.name}"
                problems.append(Problem(f"{pointer}/name", "unknown_relation", message))
                continue
            counts[relation.name] += 1
            if counts[relation.name] == (wanted.max_multiplicity or 0) + 1 and wanted.max_multiplicity:
                message = f"{self.name} has at most {wanted.max_multiplicity} of {relation.name}"
                problems.append(Problem(pointer, "too_many_relations", message))
            if wanted.target and not types.is_a(relation.target.partition(":")[0], wanted.target):
                message = f"{relation.name} leads to a {short_name(wanted.target)}, or to what extends it"
                problems.append(Problem(f"{pointer}/target", "wrong_target", message))
        return problems


class Types(Mapping[str, TwinType]):
    """The types that a process knows now, by name; whoever owns them renews them all at once."""

    def __init__(self, versions: Iterable[TwinType]) -> None:
        """Of several versions of a type the last one counts."""
        self._base: Types | None = None
        self.renew(versions)
        self._first = dict(self._known)

    @classmethod
    def shipped(cls) -> Types:
        """The types of this folder."""
        models, elements = read_models(shipped_elements())
        return cls(types_of(models, elements))

    def renew(
        self,
        versions: Iterable[TwinType],
        waiting: Iterable[TwinType] = (),
        carries: Callable[[Types], Mapping[str, Carry]] | None = None,
        *,
        stamp: int = 0,
    ) -> None:
        """All that is known, as of a stamp; `waiting` are versions whose twins are being migrated."""
        counting = list(versions)
        self._known = {each.name: each for each in counting}
        self.coming: Mapping[str, TwinType] = {each.name: each for each in waiting}
        self.versions: Mapping[str, TwinType] = {each.dtmi: each for each in (*counting, *self.coming.values())}
        self.carries: Mapping[str, Carry] = {}
        self.stamp = stamp
        if carries is not None:
            if self._base is None:
                self._base = Types([*self._known.values(), *self._first.values()])
            self.carries = carries(self._base)

    @property
    def base(self) -> Types:
        """The versions in whose words records are read: what the process began with."""
        return self._base or self

    def is_a(self, name: str, dtmi: str) -> bool:
        """Whether twins of that name are, or inherit from, what the identifier names, in whatever version."""
        known = self._known.get(name)
        return known is not None and without_version(dtmi) in known.lineage

    def __getitem__(self, name: str) -> TwinType:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def shipped_elements() -> list[Element]:
    """The interfaces of this folder."""
    return [
        element
        for path in sorted(FOLDER.glob("*.json"))
        for element in elements_of(path.read_bytes(), document=path.name, is_shipped=True)
    ]


def types_of(models: ModelSet, elements: Iterable[Element]) -> list[TwinType]:
    """The types that the interfaces of a checked model define."""
    parts: dict[str, TwinType] = {}
    return [_type(models, models.interface(element.dtmi), element.text, parts) for element in elements]


def _type(models: ModelSet, interface: Interface, text: str, parts: dict[str, TwinType]) -> TwinType:
    contents = dict(interface.contents)
    return TwinType(
        name=short_name(interface.dtmi),
        dtmi=interface.dtmi,
        interface=interface,
        properties={name: content for name, content in contents.items() if isinstance(content, Property)},
        relationships={name: content for name, content in contents.items() if isinstance(content, Relationship)},
        components={
            name: _part(models, content.schema, parts)
            for name, content in contents.items()
            if isinstance(content, Component)
        },
        lineage=frozenset(without_version(each) for each in (interface.dtmi, *interface.ancestors)),
        dtdl=text,
    )


def _part(models: ModelSet, dtmi: str, parts: dict[str, TwinType]) -> TwinType:
    """The type of a component; components are not nested, says the language."""
    if dtmi not in parts:
        parts[dtmi] = _type(models, models.interface(dtmi), "", parts)
    return parts[dtmi]
