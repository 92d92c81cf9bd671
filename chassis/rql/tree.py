"""What a query says, as values.

Node
├── Compare  Within  Match      a field beside values
├── Exists   Empty              whether a field is there, or holds anything
├── Both     Either   Negation  and, or, not
└── Related                     a document that a relation leads to
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

Value: TypeAlias = str | Decimal | bool | datetime | None
"""A number is always a Decimal, a time always UTC."""


class Kind(Enum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "a number"
    TIME = "a time"
    JSON = "any JSON value"
    TARGETS = "ids of documents"


KINDS = {
    "id": Kind.TEXT,
    "model": Kind.TEXT,
    "source": Kind.TEXT,
    "revision": Kind.NUMBER,
    "changed_at": Kind.TIME,
    "known_at": Kind.TIME,
    "properties": Kind.JSON,
    "desired": Kind.JSON,
    "relations": Kind.TARGETS,
}


@dataclass(frozen=True, slots=True)
class Field:
    """A place in a document: `root` is a key of KINDS, `path` the members below it."""

    root: str
    path: tuple[str, ...] = ()
    is_number: bool = False
    """number(...): a number, or the number that a text spells."""

    @property
    def kind(self) -> Kind:
        return KINDS[self.root]


@dataclass(frozen=True, slots=True)
class Compare:
    """`operator` is eq, ne, gt, ge, lt or le."""

    operator: str
    field: Field
    value: Value


@dataclass(frozen=True, slots=True)
class Within:
    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Match:
    field: Field
    pattern: str
    ignores_case: bool


@dataclass(frozen=True, slots=True)
class Exists:
    field: Field


@dataclass(frozen=True, slots=True)
class Empty:
    field: Field


@dataclass(frozen=True, slots=True)
class Both:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    part: Node


@dataclass(frozen=True, slots=True)
class Related:
    """At least one living document that the relation `name` leads to fulfils `part`."""

    name: str
    part: Node


Node: TypeAlias = Compare | Within | Match | Exists | Empty | Both | Either | Negation | Related
