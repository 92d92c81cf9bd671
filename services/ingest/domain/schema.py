"""The shapes of a kind: JSON Schema for senders, column types for the log and the book."""

from __future__ import annotations

from typing import Any

import polars as pl

from services.ingest.domain.fields import UTC_TIME, Field, FieldType, Kind

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
}


def polars_schema(kind: Kind) -> dict[str, pl.DataType]:
    """Column types of the records of a kind in the log and in the book: envelope, then the kind's own fields."""
    own = {field.name: field.polars_type for field in kind.stored if field.name not in ENVELOPE}
    return {**ENVELOPE, **own, EXTRA: pl.String()}


def json_schema(kind: Kind) -> dict[str, Any]:
    """JSON Schema 2020-12 of one record; every property has its data class as `x-data-class`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:marketwin:kind:{kind.name}:{kind.schema_version}",
        "title": kind.name,
        "description": kind.doc,
        "type": "object",
        "properties": {field.name: _property(field) for field in kind.fields},
        "required": [field.name for field in kind.given if field.required and field.name != "retailer_code"],
        **({"anyOf": [{"required": [name]} for name in kind.one_of]} if kind.one_of else {}),
        "x-key": list(kind.keys),
    }


def _property(field: Field) -> dict[str, Any]:
    base = _JSON_TYPES[field.type]
    detail = base.get("description", "")
    limits = {"minimum": field.minimum, "maximum": field.maximum, "default": field.default}
    return {
        **base,
        "description": f"{field.doc} {detail}".strip(),
        **({"enum": list(field.values)} if field.values else {}),
        **{name: value for name, value in limits.items() if value is not None},
        **({} if field.given else {"readOnly": True}),
        **({} if field.stored else {"writeOnly": True}),
        "x-data-class": field.data_class.value,
    }
