"""Interfaces of a checked model and their contents.

ModelSet ── Interface ── Content ┬ Property, Telemetry
                                 ├ Command
                                 ├ Relationship
                                 └ Component ── Interface, by identifier
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from .schemas import Described, Schema, SchemaField


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Described):
    """A content; `defined_in` is the Interface whose text has it, also where it is inherited."""

    name: str
    defined_in: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry(Named):
    schema: Schema
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Property(Named):
    schema: Schema
    unit: str | None = None
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Named):
    request: SchemaField | None = None
    response: SchemaField | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship(Named):
    """A link to twins of type `target` (None: of any), at most `max_multiplicity` of them (None: any number)."""

    target: str | None = None
    min_multiplicity: int = 0
    max_multiplicity: int | None = None
    writable: bool = False
    properties: Mapping[str, Property]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component(Named):
    """A part of the twin; `schema` is the identifier of its Interface."""

    schema: str


Content: TypeAlias = Telemetry | Property | Command | Relationship | Component


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface(Described):
    """`contents` has what is inherited too, `ancestors` every Interface it inherits from, nearest first."""

    dtmi: str
    extends: tuple[str, ...]
    ancestors: tuple[str, ...]
    own: Mapping[str, Content]
    contents: Mapping[str, Content]
    schemas: Mapping[str, Schema]

    def is_a(self, dtmi: str) -> bool:
        """Whether this is, or inherits from, the Interface of that identifier."""
        return dtmi == self.dtmi or dtmi in self.ancestors


@dataclass(frozen=True, slots=True)
class ModelSet(Mapping[str, Interface]):
    """Interfaces by identifier, in the order of the documents."""

    interfaces: Mapping[str, Interface]

    def interface(self, dtmi: str) -> Interface:
        """The Interface of that identifier; KeyError where there is none."""
        return self.interfaces[dtmi]

    def __getitem__(self, dtmi: str) -> Interface:
        return self.interfaces[dtmi]

    def __iter__(self) -> Iterator[str]:
        return iter(self.interfaces)

    def __len__(self) -> int:
        return len(self.interfaces)
