"""In which order documents are listed, and the cursor that goes on behind one of them.

Values of one type stand together: numbers, then texts by code point, then false and true. What is absent, null, an
object or an array stands last, whichever way the order goes. Ties are broken by id, so every document has one place.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, NoReturn

from chassis.errors import Invalid, Problem
from chassis.rql.reading import Reader
from chassis.rql.sql import Statement, typed
from chassis.rql.tree import Field, Kind

MAX_KEYS = 4
_NUMERIC = re.compile(r"-?[0-9]{1,5000}(\.[0-9]{1,5000})?(E[+-]?[0-9]{1,4})?")
_UNWANTED = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Key:
    """One field of an order."""

    field: Field
    descends: bool


@dataclass(frozen=True, slots=True)
class Column:
    """One SQL expression of an order, and the type that a value of it has in a cursor."""

    expression: str
    type: str
    descends: bool
    may_be_null: bool


BY_ID = Key(Field("id"), descends=False)


@lru_cache(maxsize=512)
def parse_sort(text: str) -> tuple[Key, ...]:
    """The order that `+field,-field` means; ascending without a sign. It always ends with the id."""
    if not text.strip():
        return (BY_ID,)
    reader = Reader(text, "sort")
    keys: list[Key] = []
    while True:
        reader.skip()
        begin = reader.at
        if len(keys) >= MAX_KEYS:
            reader.refuse("too_large", f"an order has at most {MAX_KEYS} fields")
        descends = reader.take("-")
        if not descends:
            reader.take("+")
        field = reader.field()
        if field.kind is Kind.TARGETS:
            reader.refuse("bad_field", "relations have no order", begin)
        keys.append(Key(field, descends))
        if not reader.take(","):
            break
    reader.end()
    return (*keys, BY_ID)


def columns(keys: Sequence[Key], statement: Statement) -> list[Column]:
    """The SQL of an order."""
    return [column for key in keys for column in _columns(key, statement)]


def column_types(keys: Sequence[Key]) -> list[str]:
    """The types of the values that a cursor of an order carries."""
    return [column.type for column in columns(keys, Statement(documents="", relations=""))]


def _columns(key: Key, statement: Statement) -> list[Column]:
    field = key.field
    if field.kind is not Kind.JSON or field.is_number:
        types = {Kind.TEXT: "text", Kind.TIME: "timestamptz"}
        return [Column(statement.scalar(field), types.get(field.kind, "numeric"), key.descends, field.is_number)]
    value = typed(statement.json(field))
    pairs = ((value.rank, "numeric"), (value.number, "numeric"), (value.spelt, "text"))
    return [Column(expression, kind, key.descends, may_be_null=True) for expression, kind in pairs]


class Part(Enum):
    """What stands together in an order whose first field may be absent."""

    ALL = "all, one after the other"
    SAME = "those with a value of the cursor's type, not before it"
    BEYOND = "those with a value of a type that comes behind"
    ABSENT = "those without a value"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of an order as SQL: which documents, and in which order. The columns are the same in all parts."""

    columns: tuple[Column, ...]
    condition: str
    sorting: str


def parts(keys: Sequence[Key], values: Sequence[str | None]) -> tuple[Part, ...]:
    """The parts to go through, one after the other, from the beginning or from behind a cursor's values.

    Each is one range of an index of the first field, where there is one; a whole order with its absent values is not.
    """
    first = keys[0].field
    if first.kind is not Kind.JSON:
        return (Part.ALL,)
    if not values:
        return (Part.BEYOND, Part.ABSENT)
    if values[0] is None:
        return (Part.ABSENT,)
    return (Part.SAME, Part.ABSENT) if first.is_number else (Part.SAME, Part.BEYOND, Part.ABSENT)


def stretch(part: Part, keys: Sequence[Key], values: Sequence[str | None], statement: Statement) -> Stretch:
    """The SQL of a part."""
    order = tuple(columns(keys, statement))
    first = order[0].expression
    if part is Part.ALL:
        return Stretch(order, behind(order, values, statement) if values else "true", _sorting(order))
    if part is Part.ABSENT:
        # Behind all that have a value, unless the cursor stands among the absent themselves.
        among = behind(order, values, statement) if values and values[0] is None else "true"
        return Stretch(order, f"{first} IS NULL AND {among}", _sorting(order))
    width = 1 if keys[0].field.is_number else 3
    # Nulls of the first key's columns stand beside nulls alone here, so that an index can be read in either direction.
    sorting = _sorting([replace(each, may_be_null=each.may_be_null and n >= width) for n, each in enumerate(order)])
    if part is Part.BEYOND:
        beyond = f"{first} {'<' if order[0].descends else '>'} {_rank(values[0])}" if values else "true"
        return Stretch(order, f"{first} IS NOT NULL AND {beyond}", sorting)
    condition = f"{_reached(order[:width], values, statement)} AND {behind(order, values, statement)}"
    return Stretch(order, condition, sorting)


def _reached(order: Sequence[Column], values: Sequence[str | None], statement: Statement) -> str:
    """At or behind a cursor among values of its type, said so that an index can begin there."""
    sign = "<=" if order[0].descends else ">="
    if len(order) == 1:
        return f"{order[0].expression} {sign} {_wanted(order[0], values[0] or '', statement)}"
    rank, number, spelt = order
    same = f"{rank.expression} = {_rank(values[0])}"
    if values[1] is not None:
        return f"{same} AND {number.expression} {sign} {_wanted(number, values[1], statement)}"
    spelt_at = f"{spelt.expression} {sign} {_wanted(spelt, values[2] or '', statement)}"
    return f"{same} AND {number.expression} IS NULL AND {spelt_at}"


def _rank(value: str | None) -> str:
    """A rank as it is written, whatever a cursor says."""
    return str(int(min(max(Decimal(value or 0), Decimal(0)), Decimal(2))))


def _sorting(order: Sequence[Column]) -> str:
    return ", ".join(
        f"k{place}{' DESC' if each.descends else ''}{' NULLS LAST' if each.may_be_null else ''}"
        for place, each in enumerate(order)
    )


def _wanted(column: Column, value: str, statement: Statement) -> str:
    return f"CAST({statement.bind(value)} AS {column.type})"


def behind(order: Sequence[Column], values: Sequence[str | None], statement: Statement) -> str:
    """The condition of standing behind the document with these values."""
    condition = "false"
    for column, value in zip(reversed(order), reversed(values), strict=True):
        expression = column.expression
        if value is None:
            condition = f"({expression} IS NULL AND {condition})"
            continue
        wanted = _wanted(column, value, statement)
        beyond = f"{expression} {'<' if column.descends else '>'} {wanted}"
        if column.may_be_null:
            beyond = f"{beyond} OR {expression} IS NULL"
        condition = beyond if condition == "false" else f"({beyond} OR ({expression} = {wanted} AND {condition}))"
    return f"({condition})"


def fingerprint(*asked: object) -> str:
    """Which query a cursor belongs to."""
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def cursor_of(query: str, values: Sequence[Any]) -> str:
    """A cursor that goes on behind the document with these values of the order's columns."""
    texts = [None if each is None else each.isoformat() if isinstance(each, datetime) else str(each) for each in values]
    return base64.urlsafe_b64encode(json.dumps([query, *texts], ensure_ascii=False).encode()).decode().rstrip("=")


def values_of(cursor: str, query: str, types: Sequence[str]) -> list[str | None]:
    """The values of a cursor of this query; Invalid for one of another query, or none of ours."""
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        _refuse("this is no cursor; begin again without one")
    if not isinstance(found, list) or not found or found[0] != query:
        _refuse("the cursor belongs to another query; begin again without one")
    values = found[1:]
    if len(values) != len(types) or not all(map(_fits, values, types)):
        _refuse("this is no cursor; begin again without one")
    return values


def _fits(value: object, kind: str) -> bool:
    if value is None:
        return True
    if not isinstance(value, str):
        return False
    if kind == "numeric":
        return _NUMERIC.fullmatch(value) is not None and Decimal(value).is_finite()
    if kind == "timestamptz":
        return _is_time(value)
    return _UNWANTED.search(value) is None


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None and value.isascii()
    except ValueError:
        return False


def _refuse(message: str) -> NoReturn:
    raise Invalid("the cursor does not fit", errors=[Problem("/query/cursor", "bad_cursor", message)])
