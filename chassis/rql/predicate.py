"""A query as a predicate over documents: closures that are bound once and only look up and compare.

It says what the SQL of the same query says; tests/chassis/rql holds both to it on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from chassis.rql.document import Document
from chassis.rql.numbers import comparison, float_side, integer_side, number_of
from chassis.rql.patterns import folded, matcher
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

Predicate = Callable[[Document], bool]
Resolve = Callable[[str], Document | None]
_Read = Callable[[Document], Any]
_Test = Callable[[Any], bool]


class _Absent:
    """What a field reads where it is not there; equal to nothing."""


ABSENT = _Absent()
_EMPTIES: tuple[Any, ...] = ("", [], {})


def nobody(_: str) -> Document | None:
    """Knows no other document."""
    return None


def predicate(node: Node, resolve: Resolve = nobody) -> Predicate:
    """Whether a document fulfils the query; `resolve` finds the documents that relations lead to."""
    match node:
        case Both(parts):
            return _all([predicate(each, resolve) for each in parts])
        case Either(parts):
            return _any([predicate(each, resolve) for each in parts])
        case Negation(part):
            inner = predicate(part, resolve)
            return lambda document: not inner(document)
        case Related(name, part):
            return _related(name, predicate(part, resolve), resolve)
        case _:
            return _leaf(node)


def _leaf(node: Compare | Within | Match | Exists | Empty) -> Predicate:
    match node:
        case Compare(operator, field, value):
            return _compared(operator, field, value)
        case Within(field, values):
            return _within(field, values)
        case Match(field, pattern, ignores_case):
            return _tested(field, _like(pattern, ignores_case))
        case Exists(field) | Empty(field):
            return _presence(node, field)


def reader(field: Field) -> _Read:
    """What a document holds at the field; ABSENT where it is not there."""
    if field.is_number:
        return _number_reader(field)
    return _json_reader(field) if field.kind is Kind.JSON else _ATTRIBUTES[field.root]


_ATTRIBUTES: dict[str, _Read] = {
    "id": lambda document: document.id,
    "model": lambda document: document.model,
    "source": lambda document: document.origin.source,
    "revision": lambda document: document.revision,
    "changed_at": lambda document: document.origin.changed_at,
    "known_at": lambda document: document.origin.known_at,
}


def _json_reader(field: Field) -> _Read:
    path = field.path
    is_desired = field.root == "desired"
    if not path:
        return (lambda document: document.desired) if is_desired else (lambda document: document.properties)
    if len(path) == 1:
        name = path[0]
        if is_desired:
            return lambda document: document.desired.get(name, ABSENT)
        return lambda document: document.properties.get(name, ABSENT)

    def read(document: Document) -> Any:
        value: Any = document.desired if is_desired else document.properties
        for name in path:
            if type(value) is not dict:
                return ABSENT
            value = value.get(name, ABSENT)
        return value

    return read


def _number_reader(field: Field) -> _Read:
    inner = _json_reader(field)

    def read(document: Document) -> Any:
        number = number_of(inner(document))
        return ABSENT if number is None else number

    return read


def _targets(name: str) -> Callable[[Document], list[str]]:
    return lambda document: [each.target for each in document.relations if each.name == name]


def _compared(operator: str, field: Field, value: Value) -> Predicate:
    if operator != "ne" and field.root == "properties" and len(field.path) == 1 and not field.is_number:
        name = field.path[0]
        if operator == "eq" and isinstance(value, str):
            return lambda document: document.properties.get(name) == value
        if isinstance(value, Decimal):
            return _number_of_property(name, operator, value)
    return _tested(field, value_test(operator, value), is_denied=operator == "ne")


def _number_of_property(name: str, operator: str, wanted: Decimal) -> Predicate:
    """What is asked most, without a call in between."""
    of_int, int_bound = integer_side(operator, wanted)
    of_float, float_bound = float_side(operator, wanted)

    def fulfils(document: Document) -> bool:
        value = document.properties.get(name)
        kind = type(value)
        if kind is int:
            return of_int(value, int_bound)
        return kind is float and of_float(value, float_bound)

    return fulfils


def _tested(field: Field, test: _Test, *, is_denied: bool = False) -> Predicate:
    """`is_denied`: the field is there and the test is false."""
    if field.kind is Kind.TARGETS:
        targets = _targets(field.path[0])
        if is_denied:
            return lambda document: bool(found := targets(document)) and not any(map(test, found))
        return lambda document: any(map(test, targets(document)))
    read = reader(field)
    if is_denied:
        return lambda document: (value := read(document)) is not ABSENT and not test(value)
    return lambda document: test(read(document))


def value_test(operator: str, value: Value) -> _Test:
    """Whether a value stands in the relation to the query's; that of another type never does. ne tests as eq."""
    operator = "eq" if operator == "ne" else operator
    if value is None or isinstance(value, bool):
        return lambda found: found is value
    if isinstance(value, Decimal):
        return comparison(operator, value)
    return _of_order(operator, value)


def _of_order(operator: str, wanted: str | datetime) -> _Test:
    kind = type(wanted)
    wanted_any: Any = wanted
    tests: dict[str, _Test] = {
        "eq": lambda found: type(found) is kind and found == wanted_any,
        "gt": lambda found: type(found) is kind and found > wanted_any,
        "ge": lambda found: type(found) is kind and found >= wanted_any,
        "lt": lambda found: type(found) is kind and found < wanted_any,
        "le": lambda found: type(found) is kind and found <= wanted_any,
    }
    return tests[operator]


def _within(field: Field, values: tuple[Value, ...]) -> Predicate:
    texts = frozenset(each for each in values if isinstance(each, str))
    rest = [value_test("eq", each) for each in values if not isinstance(each, str)]
    if not rest and field.root == "properties" and len(field.path) == 1:
        # What is asked most, without a call in between.
        name = field.path[0]
        return lambda document: type(found := document.properties.get(name)) is str and found in texts

    def test(found: Any) -> bool:
        if type(found) is str:
            return found in texts
        return any(each(found) for each in rest)

    return _tested(field, test)


def _like(pattern: str, ignores_case: bool) -> _Test:
    fits = matcher(folded(pattern) if ignores_case else pattern)
    if ignores_case:
        return lambda found: type(found) is str and fits(folded(found))
    return lambda found: type(found) is str and fits(found)


def _presence(node: Exists | Empty, field: Field) -> Predicate:
    if field.kind is Kind.TARGETS:
        targets = _targets(field.path[0])
        if isinstance(node, Exists):
            return lambda document: bool(targets(document))
        return lambda document: not targets(document)
    read = reader(field)
    if isinstance(node, Exists):
        return lambda document: read(document) is not ABSENT
    return lambda document: (value := read(document)) is ABSENT or value is None or value in _EMPTIES


def _related(name: str, inner: Predicate, resolve: Resolve) -> Predicate:
    targets = _targets(name)

    def leads(document: Document) -> bool:
        found = (resolve(each) for each in targets(document))
        return any(each is not None and each.exists and inner(each) for each in found)

    return leads


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda document: first(document) and second(document)
    if len(parts) == 3:
        one, two, three = parts
        return lambda document: one(document) and two(document) and three(document)

    def fulfilled(document: Document) -> bool:
        for part in parts:  # noqa: SIM110  # a generator costs as much as the parts themselves
            if not part(document):
                return False
        return True

    return fulfilled


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda document: first(document) or second(document)

    def fulfilled(document: Document) -> bool:
        for part in parts:  # noqa: SIM110  # as above
            if part(document):
                return True
        return False

    return fulfilled
