"""Counts, sums, averages, least and greatest of numbers, by group: `count,avg(properties/tier)` by `model`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from chassis.rql.reading import Reader
from chassis.rql.sql import Statement, typed
from chassis.rql.tree import Field, Kind

MAX_AGGREGATES = 8
MAX_GROUPINGS = 3
FUNCTIONS = ("count", "sum", "avg", "min", "max")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`label` is the aggregate as it was written; only count can do without a field."""

    label: str
    function: str
    field: Field | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    label: str
    field: Field


@lru_cache(maxsize=512)
def parse_aggregates(text: str) -> tuple[Aggregate, ...]:
    """The aggregates that a text names."""
    reader = Reader(text, "aggregate")
    found: list[Aggregate] = []
    while True:
        if len(found) >= MAX_AGGREGATES:
            reader.refuse("too_large", f"there are at most {MAX_AGGREGATES} aggregates")
        found.append(_aggregate(reader))
        if not reader.take(","):
            break
    reader.end()
    return tuple(found)


def _aggregate(reader: Reader) -> Aggregate:
    reader.skip()
    begin = reader.at
    expected = f"an aggregate: {', '.join(FUNCTIONS)}"
    function = reader.word(expected)
    if function not in FUNCTIONS:
        reader.refuse("unknown_aggregate", f"expected {expected}", begin)
    if function == "count" and not reader.take("("):
        return Aggregate(function, function)
    if function != "count":
        reader.expect("(")
    reader.skip()
    place = reader.at
    field = reader.field()
    is_time = field.kind is Kind.TIME and function in ("min", "max")
    if function != "count" and not (is_time or field.kind in (Kind.NUMBER, Kind.JSON)):
        reader.refuse("bad_field", f"{function}() is for numbers; min() and max() are for times, too", place)
    if field.kind is Kind.TARGETS:
        reader.refuse("bad_field", "relations are not counted; filter by them", place)
    reader.expect(")")
    return Aggregate(reader.text[begin : reader.at], function, field)


@lru_cache(maxsize=512)
def parse_groupings(text: str) -> tuple[Grouping, ...]:
    """The fields to group by; none: all is one group."""
    if not text.strip():
        return ()
    reader = Reader(text, "group_by")
    found: list[Grouping] = []
    while True:
        reader.skip()
        begin = reader.at
        if len(found) >= MAX_GROUPINGS:
            reader.refuse("too_large", f"there are at most {MAX_GROUPINGS} fields to group by")
        field = reader.field()
        if field.kind is Kind.TARGETS:
            reader.refuse("bad_field", "relations are nothing to group by", begin)
        found.append(Grouping(reader.text[begin : reader.at], field))
        if not reader.take(","):
            break
    reader.end()
    return tuple(found)


class Taken(Statement):
    """Expressions over values that were taken out of each row once: JSON is looked through anew for each mention."""

    def __init__(self, rows: Statement) -> None:
        super().__init__(documents="", relations="")
        self.values = rows.values
        self._rows = rows
        self._places: dict[Field, str] = {}
        self._plain: set[str] = set()

    def json(self, field: Field, alias: str = "t0") -> str:
        place = self._places.setdefault(Field(field.root, field.path), f"v{len(self._places)}")
        return f"{alias}.{place}"

    def scalar(self, field: Field, alias: str = "t0") -> str:
        if not field.is_number:
            self._plain.add(field.root)
        return super().scalar(field, alias)

    def columns(self) -> str:
        """What is to be taken out of a row, and no more: the end of a row is far from its beginning."""
        plain = [f"t0.{root}" for root in sorted(self._plain)]
        return ", ".join(plain + [f"{self._rows.json(field)} AS {place}" for field, place in self._places.items()])


def group_expressions(groupings: Sequence[Grouping], statement: Statement) -> list[str]:
    """What documents are grouped by, as JSON values; null, objects and arrays count as absent."""
    expressions = []
    for field in (each.field for each in groupings):
        if field.kind is Kind.JSON and not field.is_number:
            value = statement.json(field)
            expressions.append(f"(CASE WHEN jsonb_typeof({value}) NOT IN ('null', 'object', 'array') THEN {value} END)")
        else:
            value = statement.scalar(field)
            expressions.append(_time(value) if field.kind is Kind.TIME else f"to_jsonb({value})")
    return expressions


def sorting_of_group(key: str) -> str:
    """The order of groups by one of their keys: that of documents."""
    value = typed(key)
    return f"{value.rank}, {value.number}, {value.spelt}, {key}"


def aggregate_expressions(aggregates: Sequence[Aggregate], statement: Statement) -> list[str]:
    """Each aggregate as JSON text; null where there was nothing to take."""
    expressions = []
    for each in aggregates:
        if each.field is None:
            expressions.append("CAST(count(*) AS text)")
        elif each.function == "count":
            expressions.append(f"CAST(count({_counted(each.field, statement)}) AS text)")
        else:
            value = f"{each.function}({_number(each.field, statement)})"
            exact = _time(value) if each.field.kind is Kind.TIME else f"to_jsonb(trim_scale(CAST({value} AS numeric)))"
            expressions.append(f"CAST({exact} AS text)")
    return expressions


def _time(value: str) -> str:
    """The time as JSON, in UTC whatever the zone of the session."""
    return f"to_jsonb(to_char({value} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))"


def _counted(field: Field, statement: Statement) -> str:
    is_json = field.kind is Kind.JSON and not field.is_number
    return statement.json(field) if is_json else statement.scalar(field)


def _number(field: Field, statement: Statement) -> str:
    if field.kind is not Kind.JSON or field.is_number:
        return statement.scalar(field)
    value = statement.json(field)
    return f"(CASE WHEN jsonb_typeof({value}) = 'number' THEN CAST({value} AS numeric) END)"


def group_text(
    groupings: Sequence[Grouping], keys: Sequence[str | None], aggregates: Sequence[Aggregate], values: Sequence[str]
) -> str:
    """One group as JSON text; exact numbers are never floats on the way."""
    key = ",".join(f"{_name(g.label)}:{text or 'null'}" for g, text in zip(groupings, keys, strict=True))
    found = ",".join(f"{_name(a.label)}:{text or 'null'}" for a, text in zip(aggregates, values, strict=True))
    return f'{{"key":{{{key}}},"values":{{{found}}}}}'


def _name(label: str) -> str:
    return json.dumps(label, ensure_ascii=False)
