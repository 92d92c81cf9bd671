"""Schemas of a checked model.

Schema ┬ Primitive, Geospatial      by name
       ├ UnitSchema                 the units of one kind (or their prefixes), from QuantitativeTypes
       ├ UndefinedSchema            from an extension that is not known here
       └ ArraySchema, EnumSchema, MapSchema, ObjectSchema
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .jsontext import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What every element has; texts by language code, co-types by term, `extras` as extensions define them."""

    id: str | None = None
    version: int = 3
    display_name: Mapping[str, str] = field(default_factory=dict)
    description: Mapping[str, str] = field(default_factory=dict)
    comment: str | None = None
    cotypes: tuple[str, ...] = ()
    extras: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Primitive:
    name: str


@dataclass(frozen=True, slots=True)
class Geospatial:
    name: str


@dataclass(frozen=True, slots=True)
class UnitSchema:
    name: str
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UndefinedSchema:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumValue(Described):
    name: str
    value: int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumSchema(Described):
    value_schema: str
    values: tuple[EnumValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySchema(Described):
    element: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaField(Described):
    """A field of an Object, the key or the value of a Map, or what a Command takes or answers."""

    name: str
    schema: Schema
    unit: str | None = None
    is_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSchema(Described):
    key: SchemaField
    value: SchemaField


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSchema(Described):
    fields: Mapping[str, SchemaField]


Schema: TypeAlias = (
    Primitive | Geospatial | UnitSchema | UndefinedSchema | ArraySchema | EnumSchema | MapSchema | ObjectSchema
)
