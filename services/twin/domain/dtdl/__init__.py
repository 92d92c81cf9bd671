"""DTDL v3 (and v2): a parser and validator of digital twin models, with nothing but the standard library.

parse, validate ── documents to a ModelSet, or to faults
check_value ── whether a value of a twin fits a schema
"""

from .elements import Command, Component, Content, Interface, ModelSet, Property, Relationship, Telemetry
from .faults import Fault, ModelErrors, Rule
from .options import Options
from .parser import parse, validate
from .schemas import (
    ArraySchema,
    EnumSchema,
    EnumValue,
    Geospatial,
    MapSchema,
    ObjectSchema,
    Primitive,
    Schema,
    SchemaField,
    UndefinedSchema,
    UnitSchema,
)
from .values import check_value

__all__ = [
    "ArraySchema",
    "Command",
    "Component",
    "Content",
    "EnumSchema",
    "EnumValue",
    "Fault",
    "Geospatial",
    "Interface",
    "MapSchema",
    "ModelErrors",
    "ModelSet",
    "ObjectSchema",
    "Options",
    "Primitive",
    "Property",
    "Relationship",
    "Rule",
    "Schema",
    "SchemaField",
    "Telemetry",
    "UndefinedSchema",
    "UnitSchema",
    "check_value",
    "parse",
    "validate",
]
