"""A query as SQL over the table of documents: text with numbers for the values, which are always bound.

Names of members are bound, too: the planner must see them (`plan_cache_mode`) to find an index over a member.

Every condition is true, or it is false or null: `not` asks whether the inner one is not true, so null is false
everywhere and no condition needs a guard of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chassis.rql.numbers import SPELT_SQL
from chassis.rql.patterns import beginning, folded, sql_pattern
from chassis.rql.tree import (
    Both,
    Compare,
    Either,
    Empty,
    Exists,
    Field,
    Kind,
    Match,
    Negation,
    Node,
    Related,
    Value,
    Within,
)

_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


SORTED_CHARACTERS = 256
"""Texts of members are told apart in an order by so many characters: a cursor and an index carry them."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """Members that an index stands ready for: by their order, and by any part of their text."""

    ranges: frozenset[Field] = frozenset()
    parts: frozenset[Field] = frozenset()


NOTHING = Indexed()


@dataclass(frozen=True, slots=True)
class Typed:
    """A JSON value as SQL that has an order: its kind, and its value as a number or a text; null where it has none."""

    rank: str
    number: str
    spelt: str


def typed(value: str) -> Typed:
    """Numbers, then texts by code point, then false and true; nothing else has a rank."""
    kind, text = f"jsonb_typeof({value})", f"({value} #>> '{{}}')"
    return Typed(
        f"(CASE {kind} WHEN 'number' THEN 0 WHEN 'string' THEN 1 WHEN 'boolean' THEN 2 END)",
        f"(CASE {kind} WHEN 'number' THEN CAST({value} AS numeric)"
        f" WHEN 'boolean' THEN CASE WHEN {value} = 'true' THEN 1 ELSE 0 END END)",
        f"(CASE WHEN {kind} = 'string' THEN left({text}, {SORTED_CHARACTERS}) END) COLLATE \"C\"",
    )


class Statement:
    """Writes conditions and collects what they bind. Aliases of the documents it asks are t0, t1 and so on."""

    def __init__(self, *, documents: str, relations: str, indexed: Indexed = NOTHING) -> None:
        self._documents = documents
        self._relations = relations
        self._indexed = indexed
        self._aliases = 1
        self.values: list[str | list[str]] = []

    def bind(self, value: str) -> str:
        """The place of a bound text in the statement."""
        self.values.append(value)
        return f"CAST(${len(self.values)} AS text)"

    def bind_all(self, values: Sequence[str]) -> str:
        """The place of a list of bound texts."""
        self.values.append(list(values))
        return f"CAST(${len(self.values)} AS text[])"

    def living(self, alias: str = "t0") -> str:
        return f"{alias}.revision > 0 AND NOT {alias}.deleted"

    def where(self, node: Node, alias: str = "t0") -> str:
        """The condition of a query on the document `alias`."""
        match node:
            case Both(parts):
                return "(" + " AND ".join(self.where(each, alias) for each in parts) + ")"
            case Either(parts):
                return "(" + " OR ".join(self.where(each, alias) for each in parts) + ")"
            case Negation(part):
                return f"(({self.where(part, alias)}) IS NOT TRUE)"
            case Related():
                return self._related(node, alias)
            case _ if node.field.kind is Kind.TARGETS:
                return self._of_targets(node, alias)
            case _ if node.field.kind is Kind.JSON and not node.field.is_number:
                return self._of_json(node, alias)
            case _:
                return self._of_scalar(node, alias)

    def scalar(self, field: Field, alias: str = "t0") -> str:
        """The expression of a field of one type; null where it is not there."""
        if field.is_number:
            value = self.json(field, alias)
            text = f"({value} #>> '{{}}')"
            spelt = f"jsonb_typeof({value}) = 'string' AND {text} ~ '{SPELT_SQL}'"
            return (
                f"(CASE WHEN jsonb_typeof({value}) = 'number' THEN CAST({value} AS numeric)"
                f" WHEN {spelt} THEN CAST({text} AS numeric) END)"
            )
        collation = ' COLLATE "C"' if field.kind is Kind.TEXT else ""
        return f"{alias}.{field.root}{collation}"

    def json(self, field: Field, alias: str = "t0") -> str:
        """The JSON value of a field; null where it is not there. Members are asked for, never places of an array."""
        value = f"{alias}.{field.root}"
        for name in field.path:
            value = f"({value} -> {self.bind(name)})"
        return value

    def parts(self, field: Field, alias: str = "t0") -> str:
        """The text of a member as it is searched for parts; its case is folded, so that one index answers both."""
        return f"lower(({self.json(field, alias)} #>> '{{}}') COLLATE \"C\")"

    def _of_scalar(self, node: Compare | Within | Match | Exists | Empty, alias: str) -> str:
        value = self.scalar(node.field, alias)
        match node:
            case Compare(operator, _, wanted):
                return f"({value} {_SIGNS[operator]} {self._scalar_value(wanted)})"
            case Within(field, values) if field.kind is Kind.TEXT:
                return f"({value} = ANY({self.bind_all(_texts(values))}))"
            case Within(_, values):
                return f"({value} IN ({', '.join(self._scalar_value(each) for each in values)}))"
            case Match(_, pattern, ignores_case):
                return self._like(value, pattern, ignores_case)
            case Exists():
                return f"({value} IS NOT NULL)"
            case Empty():
                return f"({value} IS NULL OR {value} = '')" if node.field.kind is Kind.TEXT else f"({value} IS NULL)"

    def _scalar_value(self, value: Value) -> str:
        if isinstance(value, Decimal):
            return f"CAST({self.bind(str(value))} AS numeric)"
        if isinstance(value, datetime):
            return f"CAST({self.bind(value.isoformat())} AS timestamptz)"
        return self.bind(str(value))

    def _of_json(self, node: Compare | Within | Match | Exists | Empty, alias: str) -> str:
        match node:
            case Compare(operator, field, wanted):
                return self._compared(operator, field, wanted, alias)
            case Within(field, values):
                return "(" + " OR ".join(self._holds(field, each, alias) for each in values) + ")"
            case Match():
                return self._matched(node, alias)
            case Exists(field):
                return f"({self.json(field, alias)} IS NOT NULL)"
            case Empty(field):
                value = self.json(field, alias)
                return f"({value} IS NULL OR {value} IN ('null', '\"\"', '[]', '{{}}'))"

    def _compared(self, operator: str, field: Field, wanted: Value, alias: str) -> str:
        if operator == "eq":
            return self._holds(field, wanted, alias)
        if operator == "ne":
            return f"({self.json(field, alias)} <> CAST({self.bind(_json_text(wanted))} AS jsonb))"
        if field in self._indexed.ranges and (ordered := self._in_order(operator, field, wanted, alias)):
            return ordered
        value = self.json(field, alias)
        sign = _SIGNS[operator]
        if isinstance(wanted, Decimal):
            return f"(jsonb_typeof({value}) = 'number' AND {value} {sign} CAST({self.bind(str(wanted))} AS jsonb))"
        text = f"({value} #>> '{{}}') COLLATE \"C\""
        return f"(jsonb_typeof({value}) = 'string' AND {text} {sign} {self.bind(str(wanted))})"

    def _in_order(self, operator: str, field: Field, wanted: Value, alias: str) -> str:
        """The comparison as a range of the index of an order; nothing where that would not be exact."""
        is_short = isinstance(wanted, str) and len(wanted) < SORTED_CHARACTERS
        if not is_short and not isinstance(wanted, Decimal | bool):
            return ""
        value, sign = typed(self.json(field, alias)), _SIGNS[operator]
        if isinstance(wanted, bool):
            return f"({value.rank} = 2 AND {value.number} {sign} {int(wanted)})"
        if isinstance(wanted, Decimal):
            return f"({value.rank} = 0 AND {value.number} {sign} {self._scalar_value(wanted)})"
        return f"({value.rank} = 1 AND {value.number} IS NULL AND {value.spelt} {sign} {self.bind(str(wanted))})"

    def _holds(self, field: Field, value: Value, alias: str) -> str:
        """Containment, which is the cheapest to look at, and beside it the place in an order that an index has."""
        if not field.path:
            return "false"
        inside = _json_text(value)
        for name in reversed(field.path):
            inside = f"{{{json.dumps(name, ensure_ascii=False)}:{inside}}}"
        holds = f"({alias}.{field.root} @> CAST({self.bind(inside)} AS jsonb))"
        placed = self._in_order("eq", field, value, alias) if field in self._indexed.ranges else ""
        return f"({holds} AND {placed})" if placed else holds

    def _matched(self, node: Match, alias: str) -> str:
        """A pattern; what an index can say of it beforehand is said beside it."""
        field, pattern = node.field, node.pattern
        value = self.json(field, alias)
        said = [f"jsonb_typeof({value}) = 'string'", self._like(f"({value} #>> '{{}}')", pattern, node.ignores_case)]
        begins, end = beginning(pattern, SORTED_CHARACTERS)
        if field in self._indexed.ranges and end and not node.ignores_case:
            order = typed(value)
            said += [f"{order.rank} = 1", f"{order.number} IS NULL"]
            said += [f"{order.spelt} >= {self.bind(begins)}", f"{order.spelt} < {self.bind(end)}"]
        elif field in self._indexed.parts and not node.ignores_case:
            wanted = self.bind(sql_pattern(folded(pattern)))
            said.append(f"{self.parts(field, alias)} LIKE {wanted} ESCAPE '\\'")
        return f"({' AND '.join(said)})"

    def _like(self, text: str, pattern: str, ignores_case: bool) -> str:
        if ignores_case:
            wanted = self.bind(sql_pattern(folded(pattern)))
            return f"(lower({text} COLLATE \"C\") LIKE {wanted} ESCAPE '\\')"
        return f"({text} COLLATE \"C\" LIKE {self.bind(sql_pattern(pattern))} ESCAPE '\\')"

    def _of_targets(self, node: Compare | Within | Match | Exists | Empty, alias: str) -> str:
        """What the relations in the row itself say: they are at hand."""
        edge = self._alias("r")
        target = f"({edge}.edge ->> 'target')"
        there = (
            f"SELECT FROM jsonb_array_elements({alias}.relations) AS {edge}(edge)"
            f" WHERE {edge}.edge ->> 'name' = {self.bind(node.field.path[0])}"
        )
        match node:
            case Exists():
                return f"EXISTS ({there})"
            case Empty():
                return f"NOT EXISTS ({there})"
            case Compare("ne", _, wanted):
                return f"(EXISTS ({there}) AND NOT EXISTS ({there} AND {target} = {self.bind(str(wanted))}))"
            case Compare(_, _, wanted):
                return f"EXISTS ({there} AND {target} = {self.bind(str(wanted))})"
            case Within(_, values):
                # A set that is made once; without `IS TRUE` it would be joined anew with the relations of every row.
                among = f"({target} IN (SELECT unnest({self.bind_all(_texts(values))}))) IS TRUE"
                return f"EXISTS ({there} AND {among})"
            case Match(_, pattern, ignores_case):
                return f"EXISTS ({there} AND {self._like(target, pattern, ignores_case)})"

    def _related(self, node: Related, alias: str) -> str:
        """The set of those whose relation leads right: the planner may begin at either end."""
        return f"({alias}.id IN ({self.leading(node)}))"

    def leading(self, node: Related | Within) -> str:
        """The ids of documents whose relation leads to ones that fulfil a query, or that are named; some twice."""
        edge, target = self._alias("r"), self._alias("t")
        if isinstance(node, Within):
            # Joined, since the planner takes its time over each of many values that a column is compared with.
            name, others = node.field.path[0], f"unnest({self.bind_all(_texts(node.values))}) AS {target}(id)"
            inner = "true"
        else:
            name, others = node.name, f"{self._documents} {target}"
            inner = f"{self.living(target)} AND {self.where(node.part, target)}"
        return (
            f"SELECT {edge}.id FROM {self._relations} {edge} JOIN {others} ON {edge}.target = {target}.id"
            f" WHERE {edge}.name = {self.bind(name)} AND {inner}"
        )

    def _alias(self, letter: str) -> str:
        name = f"{letter}{self._aliases}"
        self._aliases += 1
        return name


def _texts(values: Sequence[Value]) -> list[str]:
    return [str(each) for each in values]


def _json_text(value: Value) -> str:
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value if not isinstance(value, datetime) else value.isoformat(), ensure_ascii=False)
