"""Twin types: the DTDL interfaces of this folder, and whether properties fit them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.errors import Invalid, Problem
from services.twin.domain.dtdl import Interface, ModelErrors, Property, Relationship, check_value, parse

FOLDER = Path(__file__).parent / "models"


@dataclass(frozen=True, slots=True)
class TwinType:
    """One type: its properties and relationships by name, what it inherits included, and the DTDL text."""

    name: str
    dtmi: str
    properties: Mapping[str, Property]
    relationships: Mapping[str, Relationship]
    dtdl: str

    def check(self, properties: Mapping[str, Any], *, at: str = "/properties") -> list[Problem]:
        """What does not fit, with pointers below `at`."""
        problems = []
        for name, value in properties.items():
            pointer = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in self.properties:
                problems.append(Problem(pointer, "unknown_property", f"{self.name} has no property {name}"))
                continue
            faults = check_value(self.properties[name].schema, value, pointer)
            problems += [Problem(fault.pointer, "wrong_type", fault.message) for fault in faults]
        return problems


class Types(Mapping[str, TwinType]):
    """The types that a process knows now, by name; whoever owns them renews them all at once."""

    def __init__(self, known: Mapping[str, TwinType]) -> None:
        self._known = known

    @classmethod
    def shipped(cls) -> Types:
        """The types of this folder."""
        return cls(read_types([path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.json"))]))

    def __getitem__(self, name: str) -> TwinType:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def read_types(texts: Sequence[str]) -> Mapping[str, TwinType]:
    """The types that DTDL texts define together, an interface a text, by name; raises Invalid with every fault."""
    try:
        models = parse(*texts)
    except ModelErrors as error:
        problems = [Problem(each.pointer, each.rule, f"{each.element_id}: {each.message}") for each in error.faults]
        raise Invalid("the models are not valid DTDL", errors=problems) from None
    found = (_type(models.interface(json.loads(text)["@id"]), text) for text in texts)
    return {each.name: each for each in found}


def _type(interface: Interface, text: str) -> TwinType:
    contents = interface.contents.items()
    return TwinType(
        name=interface.dtmi.rpartition(":")[2].partition(";")[0],
        dtmi=interface.dtmi,
        properties={name: content for name, content in contents if isinstance(content, Property)},
        relationships={name: content for name, content in contents if isinstance(content, Relationship)},
        dtdl=text,
    )
