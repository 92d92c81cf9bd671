"""Query text to tree, with a stack of its own: however deep a query is, it costs no more than its length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from chassis.rql.reading import Reader
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

MAX_DEPTH = 32
MAX_NODES = 500
MAX_VALUES = 200
MAX_RELATED = 3

COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")
ORDERING = ("gt", "ge", "lt", "le")
ENCLOSING = ("and", "or", "not", "related")
_SEARCHES = "; related() is for searches"
OPERATORS = (*COMPARISONS, "in", "like", "ilike", "exists", "empty", *ENCLOSING)


@dataclass(slots=True)
class _Open:
    """An operator whose closing parenthesis is still to come."""

    operator: str
    relation: str = ""
    parts: list[Node] = field(default_factory=list)

    def closed(self) -> Node:
        if self.operator == "and":
            return Both(tuple(self.parts))
        if self.operator == "or":
            return Either(tuple(self.parts))
        return Related(self.relation, self.parts[0]) if self.operator == "related" else Negation(self.parts[0])


@lru_cache(maxsize=128)
def parse(text: str, parameter: str = "filter", *, alone: str = "") -> Node:
    """The tree of a query. Invalid, with the place and what was expected there, when there is none.

    `parameter` is the name of the query parameter that the text came in; `alone` says why it may follow no relation.
    """
    reader = Reader(text, parameter)
    opened: list[_Open] = []
    nodes = 0
    while True:
        reader.skip()
        begin = reader.at
        nodes += 1
        if nodes > MAX_NODES:
            reader.refuse("too_large", f"a query has at most {MAX_NODES} operators")
        operator = _operator(reader)
        if operator in ENCLOSING:
            if operator == "related" and alone:
                reader.refuse("unsupported_operator", alone, begin)
            opened.append(_opened(reader, operator, opened, begin))
            continue
        node = _completed(reader, _SIMPLE[operator](reader, operator), opened)
        if node is not None:
            return node


def parse_condition(text: str) -> Node:
    """The tree of a condition of a write: it is about what is written alone, so it follows no relation."""
    return parse(text, "condition", alone="a condition of a write is about what is written alone" + _SEARCHES)


def parse_followed(text: str) -> Node:
    """The tree of a query that changes are held to as they come: nobody tells that what a relation leads to changed."""
    return parse(text, alone="a stream tells of what changes by itself" + _SEARCHES)


def _operator(reader: Reader) -> str:
    begin = reader.at
    operator = reader.word(f"an operator: {', '.join(OPERATORS)}")
    if operator not in OPERATORS:
        reader.refuse("unknown_operator", f"expected an operator: {', '.join(OPERATORS)}", begin)
    reader.expect("(")
    return operator


def _opened(reader: Reader, operator: str, opened: list[_Open], begin: int) -> _Open:
    if len(opened) >= MAX_DEPTH:
        reader.refuse("too_deep", f"a query is at most {MAX_DEPTH} levels deep", begin)
    if operator != "related":
        return _Open(operator)
    if sum(each.operator == "related" for each in opened) >= MAX_RELATED:
        reader.refuse("too_deep", f"a query follows at most {MAX_RELATED} relations in a row", begin)
    name = reader.word("the name of a relation")
    reader.expect(",")
    return _Open(operator, name)


def _completed(reader: Reader, node: Node, opened: list[_Open]) -> Node | None:
    """Puts a node into what encloses it and closes what ends here; the whole tree when that was all."""
    while opened:
        opened[-1].parts.append(node)
        if opened[-1].operator in ("and", "or") and reader.take(","):
            return None
        reader.expect(")")
        node = opened.pop().closed()
    reader.end()
    return node


def _compare(reader: Reader, operator: str) -> Node:
    place = _field(reader, operator)
    reader.expect(",")
    value = _value(reader, place, operator)
    reader.expect(")")
    return Compare(operator, place, value)


def _within(reader: Reader, operator: str) -> Node:
    place = _field(reader, operator)
    reader.expect(",")
    values = [_value(reader, place, operator)]
    while reader.take(","):
        if len(values) >= MAX_VALUES:
            reader.refuse("too_large", f"in() takes at most {MAX_VALUES} values")
        values.append(_value(reader, place, operator))
    reader.expect(")")
    return Within(place, tuple(values))


def _match(reader: Reader, operator: str) -> Node:
    begin = _begin(reader)
    place = _field(reader, operator)
    if place.is_number or place.kind in (Kind.NUMBER, Kind.TIME):
        reader.refuse("bad_field", f"{operator}() is for text", begin)
    reader.expect(",")
    begin = _begin(reader)
    pattern = reader.value()
    if not isinstance(pattern, str):
        reader.refuse("bad_value", f"{operator}() takes a text in quotes", begin)
    reader.expect(")")
    return Match(place, pattern, operator == "ilike")


def _presence(reader: Reader, operator: str) -> Node:
    place = _field(reader, operator)
    reader.expect(")")
    return Exists(place) if operator == "exists" else Empty(place)


def _field(reader: Reader, operator: str) -> Field:
    begin = _begin(reader)
    place = reader.field()
    if place.kind is Kind.TARGETS and operator in ORDERING:
        reader.refuse("bad_field", "relations are asked for with eq, ne, in, like, ilike, exists, empty", begin)
    return place


def _value(reader: Reader, place: Field, operator: str) -> Value:
    begin = _begin(reader)
    value = reader.value()
    if operator in ORDERING and (value is None or isinstance(value, bool)):
        reader.refuse("bad_value", f"{operator}() takes a number or a text", begin)
    if place.kind is Kind.TIME:
        return _time(reader, value, begin)
    wanted = _WANTED.get(Kind.NUMBER if place.is_number else place.kind)
    if wanted is not None and not isinstance(value, wanted):
        needed = "a number" if wanted is Decimal else "a text in quotes"
        reader.refuse("bad_value", f"this field takes {needed}", begin)
    return value


_WANTED: dict[Kind, type] = {Kind.TEXT: str, Kind.TARGETS: str, Kind.NUMBER: Decimal}


def _time(reader: Reader, value: Value, begin: int) -> datetime:
    expected = 'this field takes a time in quotes with its zone, e.g. "2026-03-01T08:00:00Z"'
    if not isinstance(value, str):
        reader.refuse("bad_value", expected, begin)
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            reader.refuse("bad_value", expected, begin)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        reader.refuse("bad_value", expected, begin)


def _begin(reader: Reader) -> int:
    reader.skip()
    return reader.at


_SIMPLE: dict[str, Callable[[Reader, str], Node]] = {
    **dict.fromkeys(COMPARISONS, _compare),
    "in": _within,
    "like": _match,
    "ilike": _match,
    "exists": _presence,
    "empty": _presence,
}
