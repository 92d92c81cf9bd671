"""Twin types: DTDL v3 interfaces, and whether properties fit them.

Of DTDL v3 this reads what the types of this folder use: interfaces with properties of primitive schemas and
relationships. An interface that uses more is refused when it is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from chassis.errors import Invalid, Problem

FOLDER = Path(__file__).parent / "models"


def _is_integer(value: Any, bits: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


def _is_time(value: Any, parse: Callable[[str], Any]) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parse(value)
    except ValueError:
        return False
    return True


_FITS: dict[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "date": lambda value: _is_time(value, date.fromisoformat),
    "dateTime": lambda value: _is_time(value, datetime.fromisoformat),
    "double": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: _is_integer(value, 32),
    "long": lambda value: _is_integer(value, 64),
    "string": lambda value: isinstance(value, str),
}


@dataclass(frozen=True, slots=True)
class TwinType:
    """One type: property schemas and relationship targets by name, and the DTDL text."""

    name: str
    dtmi: str
    properties: Mapping[str, str]
    relationships: Mapping[str, str]
    dtdl: str

    def check(self, properties: Mapping[str, Any], *, at: str = "/properties") -> list[Problem]:
        """What does not fit, with pointers below `at`."""
        problems = []
        for name, value in properties.items():
            schema = self.properties.get(name)
            if schema is None:
                problems.append(Problem(f"{at}/{name}", "unknown_property", f"{self.name} has no property {name}"))
            elif not _FITS[schema](value):
                problems.append(Problem(f"{at}/{name}", "wrong_type", f"must be a DTDL {schema}"))
        return problems


def read_type(text: str) -> TwinType:
    """A type from DTDL v3 text; raises Invalid where the text goes beyond what is read here."""
    interface = json.loads(text)
    dtmi = str(interface["@id"])
    properties: dict[str, str] = {}
    relationships: dict[str, str] = {}
    for position, content in enumerate(interface.get("contents", [])):
        if content["@type"] == "Property" and content["schema"] in _FITS:
            properties[content["name"]] = content["schema"]
        elif content["@type"] == "Relationship":
            relationships[content["name"]] = content.get("target", "")
        else:
            problem = Problem(
                f"/contents/{position}", "unsupported_content", "not a primitive property or a relationship"
            )
            raise Invalid(f"{dtmi} uses DTDL that is not read here", errors=[problem])
    return TwinType(dtmi.rpartition(":")[2].partition(";")[0], dtmi, properties, relationships, text)


@cache
def types() -> Mapping[str, TwinType]:
    """The types of this folder, by name."""
    read = [read_type(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    return {each.name: each for each in read}
