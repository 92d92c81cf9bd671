"""A type told to people and clients: its contents with what they inherit, and a JSON Schema of its properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.twin.domain.dtdl import (
    ArraySchema,
    Command,
    Component,
    Content,
    EnumSchema,
    Geospatial,
    MapSchema,
    ObjectSchema,
    Primitive,
    Property,
    Relationship,
    Schema,
    Telemetry,
    UnitSchema,
)
from services.twin.domain.types import TwinType

Json = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SCHEMAS: Mapping[str, Json] = {
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "dateTime": {"type": "string", "format": "date-time"},
    "double": {"type": "number"},
    "duration": {"type": "string", "format": "duration"},
    "float": {"type": "number"},
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "long": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "string": {"type": "string"},
    "time": {"type": "string", "format": "time"},
}
_KINDS: Mapping[type[Any], str] = {
    Property: "property",
    Relationship: "relationship",
    Component: "component",
    Telemetry: "telemetry",
    Command: "command",
}


def contents_of(kind: TwinType, language: str) -> list[Json]:
    """What a type has, inherited or its own, texts in a language where they are given in it."""
    return [_content(kind, each, language) for each in kind.interface.contents.values()]


def _content(kind: TwinType, content: Content, language: str) -> Json:
    told: Json = {
        "kind": _KINDS[type(content)],
        "name": content.name,
        "display_name": text_in(content.display_name, language),
        "description": text_in(content.description, language),
        "defined_in": content.defined_in,
        "is_inherited": content.defined_in != kind.dtmi,
    }
    if isinstance(content, Property | Telemetry):
        told |= {"schema": schema_of(content.schema), "unit": content.unit}
    if isinstance(content, Property):
        told["writable"] = content.writable
    if isinstance(content, Relationship):
        told |= {"target": content.target, "max_multiplicity": content.max_multiplicity}
    if isinstance(content, Component):
        part = kind.components[content.name]
        told |= {"model": content.schema, "contents": contents_of(part, language)}
    return told


def text_in(texts: Mapping[str, str], language: str) -> str:
    """A text in the language, or the nearest that there is; empty without any."""
    wanted = language.lower()
    by_code = {code.lower(): text for code, text in texts.items()}
    near = (text for code, text in by_code.items() if code.partition("-")[0] == wanted.partition("-")[0])
    return by_code.get(wanted) or next(near, "") or by_code.get("en", "") or next(iter(by_code.values()), "")


def json_schema(kind: TwinType, language: str) -> Json:
    """A JSON Schema of the properties of a type."""
    return {
        "$schema": DRAFT,
        "$id": kind.dtmi,
        "title": text_in(kind.interface.display_name, language) or kind.name,
    } | (_object(kind, language))


def _object(kind: TwinType, language: str) -> Json:
    properties = {name: _described(each, language) for name, each in kind.properties.items()}
    properties |= {name: _object(part, language) for name, part in kind.components.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _described(content: Property, language: str) -> Json:
    description = text_in(content.description, language)
    return {**schema_of(content.schema), **({"description": description} if description else {})}


def schema_of(schema: Schema) -> Json:
    """A DTDL schema as a JSON Schema; schemas are at most six deep."""
    if isinstance(schema, Primitive):
        return dict(_SCHEMAS.get(schema.name, {}))
    if isinstance(schema, Geospatial):
        shape = schema.name[:1].upper() + schema.name[1:]
        place = {"type": {"const": shape}, "coordinates": {"type": "array"}}
        return {"type": "object", "properties": place, "required": ["type", "coordinates"]}
    if isinstance(schema, UnitSchema):
        return {"enum": list(schema.units)}
    if isinstance(schema, EnumSchema):
        return {"enum": [each.value for each in schema.values]}
    if isinstance(schema, ArraySchema):
        return {"type": "array", "items": schema_of(schema.element)}
    if isinstance(schema, MapSchema):
        return {"type": "object", "additionalProperties": schema_of(schema.value.schema)}
    return _fields(schema) if isinstance(schema, ObjectSchema) else {}


def _fields(schema: ObjectSchema) -> Json:
    required = [name for name, each in schema.fields.items() if each.is_required]
    told: Json = {
        "type": "object",
        "properties": {name: schema_of(each.schema) for name, each in schema.fields.items()},
        "additionalProperties": False,
    }
    return {**told, **({"required": required} if required else {})}
