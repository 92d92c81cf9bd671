"""Whether what a column holds can be what a property is.

property                    column
boolean                     flag
integer, long               integer; long also quantity
double, float               number, measure, integer, quantity
date, dateTime              date, time
string                      any text, money and measure as decimal text, date
enumeration of strings      any text whose known values are all among those of the enumeration
array                       list
"""

from __future__ import annotations

from collections.abc import Mapping

from services.twin.domain.dtdl import ArraySchema, EnumSchema, Primitive, Schema
from services.twin.domain.feeding.columns import TEXTS, Column

_FITTING: Mapping[str, tuple[str, ...]] = {
    "boolean": ("flag",),
    "integer": ("integer",),
    "long": ("integer", "quantity"),
    "double": ("number", "measure", "integer", "quantity"),
    "float": ("number", "measure", "integer", "quantity"),
    "date": ("date",),
    "dateTime": ("time",),
    "string": (*TEXTS, "money", "measure", "date"),
}
_ITEMS = {"string": "code", "integer": "integer", "long": "integer"}


def misfit(schema: Schema, column: Column, codes: Mapping[str, str] | None, otherwise: str | None) -> str:
    """Why a property cannot come from the column, or an empty text."""
    if codes is not None and not column.is_text:
        return f"has codes, but {column.name} is no text"
    if isinstance(schema, EnumSchema):
        return _enum_misfit(schema, column, codes, otherwise)
    name = schema.name if isinstance(schema, Primitive) else ""
    if otherwise is not None and name != "string":
        return "is no text, so nothing can stand for null"
    if isinstance(schema, ArraySchema):
        element = schema.element.name if isinstance(schema.element, Primitive) else ""
        return "" if column.items and _ITEMS.get(element) == column.items else f"cannot be the list {column.name}"
    return "" if column.type in _FITTING.get(name, ()) else f"cannot be the {column.type} {column.name}"


def _enum_misfit(schema: EnumSchema, column: Column, codes: Mapping[str, str] | None, otherwise: str | None) -> str:
    if not column.is_text:
        return f"cannot be the {column.type} {column.name}"
    known = {each.value for each in schema.values}
    told = [(codes or {}).get(value, value) for value in column.values] + list((codes or {}).values())
    strange = sorted({value for value in (*told, *([] if otherwise is None else [otherwise])) if value not in known})
    return f"has no value {', '.join(strange)}" if strange else ""
