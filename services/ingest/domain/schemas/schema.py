"""The shapes of a kind: JSON Schema for senders, column types for the log and the book."""

from __future__ import annotations

from typing import Any

import polars as pl

from services.ingest.domain.schemas.fields import UTC_TIME, Field, FieldType, Kind

ENVELOPE: dict[str, pl.DataType] = {
    "record_id": pl.String(),
    "record_key": pl.String(),
    "source": pl.String(),
    "source_id": pl.String(),
    "org_code": pl.String(),
    "grant_id": pl.String(),
    "occurred_at": UTC_TIME,
    "biz_date": pl.Date(),
    "ingested_at": UTC_TIME,
    "batch_id": pl.String(),
    "line": pl.UInt32(),
    "op": pl.String(),
    "payload_hash": pl.String(),
    "quality_status": pl.String(),
    "quality_rules": pl.List(pl.String()),
    "originals": pl.String(),
    "trace_id": pl.String(),
}
OP = "op"
OP_FIELD = Field(
    name=OP,
    type=FieldType.CHOICE,
    values=("upsert", "delete"),
    doc="What the record does: delete takes back what was said under its key, and needs nothing but the key.",
)
"""Beside the fields of every kind."""
EXTRA = "extra"
"""Unknown columns that the mapping keeps, as JSON text."""

_JSON_TYPES: dict[FieldType, dict[str, Any]] = {
    FieldType.CODE: {"type": "string", "maxLength": 256},
    FieldType.TEXT: {"type": "string", "maxLength": 8000},
    FieldType.INTEGER: {"type": ["integer", "string"]},
    FieldType.NUMBER: {"type": ["number", "string"]},
    FieldType.MONEY: {"type": ["number", "string"], "description": "Decimal with two places."},
    FieldType.MEASURE: {"type": ["number", "string"], "description": "Decimal with three places."},
    FieldType.QUANTITY: {"type": ["integer", "string"], "description": "Whole base units of the product."},
    FieldType.TIME: {"type": "string", "format": "date-time"},
    FieldType.DATE: {"type": "string", "format": "date"},
    FieldType.FLAG: {"type": ["boolean", "string"]},
    FieldType.CHOICE: {"type": "string"},
    FieldType.UNIT: {"type": "string"},
    FieldType.CONSUMER: {"type": "string"},
    FieldType.PHONE: {"type": "string"},
    FieldType.PERSON_NAME: {"type": "string"},
    FieldType.AGE: {"type": ["integer", "string"]},
    FieldType.LIST: {"type": ["array", "string"], "description": "A JSON array, or text with | between the items."},
    FieldType.WEEK: {"type": "string", "description": "ISO week such as 2025-W03."},
}


def polars_schema(kind: Kind) -> dict[str, pl.DataType]:
    """Column types of the records of a kind in the log and in the book: envelope, then the kind's own fields."""
    known = _SCHEMAS.get(kind.name)
    if known is None or known[0] is not kind:
        own = {field.name: field.polars_type for field in kind.stored if field.name not in ENVELOPE}
        known = _SCHEMAS[kind.name] = (kind, {**ENVELOPE, **own, EXTRA: pl.String()})
    return known[1]


_SCHEMAS: dict[str, tuple[Kind, dict[str, pl.DataType]]] = {}


def single_nulls(kind: Kind) -> dict[str, pl.Series]:
    """A null of each column of `polars_schema`."""
    known = _NULLS.get(kind.name)
    if known is None or known[0] is not kind:
        nulls = {name: pl.Series(name, [None], dtype=dtype) for name, dtype in polars_schema(kind).items()}
        known = _NULLS[kind.name] = (kind, nulls)
    return known[1]


_NULLS: dict[str, tuple[Kind, dict[str, pl.Series]]] = {}


def json_schema(kind: Kind) -> dict[str, Any]:
    """JSON Schema 2020-12 of one record.

    Every property has its data class as `x-data-class` and, where there is one, the unit of its value as `x-unit`;
    the kind has its version, its key, the fields that say when, and whether its records are in the book.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:marketwin:kind:{kind.name}:{kind.schema_version}",
        "title": kind.name,
        "description": kind.doc,
        "type": "object",
        "properties": {**{field.name: _property(field) for field in kind.fields}, OP: _property(OP_FIELD)},
        "required": [field.name for field in kind.given if field.required and not field.unless],
        **({"anyOf": [{"required": [name]} for name in kind.one_of]} if kind.one_of else {}),
        "x-key": list(kind.keys),
        "x-version": kind.schema_version,
        "x-occurred": kind.occurred,
        "x-day": kind.day or kind.occurred,
        "x-master": kind.is_master,
        "x-in-book": kind.in_book,
    }


def _property(field: Field) -> dict[str, Any]:
    base = _JSON_TYPES[field.type]
    detail = base.get("description", "")
    limits = _item_limits(field) if field.type is FieldType.LIST else _limits(field)
    return {
        **base,
        "description": f"{field.doc} {detail}".strip(),
        **({"enum": list(field.values)} if field.values else {}),
        **limits,
        **({"x-unless": field.unless} if field.unless else {}),
        **({"x-unit": field.unit_of_value} if field.unit_of_value else {}),
        **({} if field.given else {"readOnly": True}),
        **({} if field.stored else {"writeOnly": True}),
        "x-data-class": field.data_class.value,
    }


def _limits(field: Field) -> dict[str, Any]:
    limits = {"minimum": field.minimum, "maximum": field.maximum, "default": field.default}
    return {name: value for name, value in limits.items() if value is not None}


def _item_limits(field: Field) -> dict[str, Any]:
    item = "integer" if field.items is FieldType.INTEGER else "string"
    least = {} if field.minimum is None else {"minimum": field.minimum}
    most = {} if field.maximum is None else {"maxItems": int(field.maximum)}
    return {"items": {"type": [item, "string"] if item == "integer" else item, **least}, **most}
