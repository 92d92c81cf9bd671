"""A query as a predicate over twins: closures that are bound once and only look up and compare.

It says what the SQL of the same query says; tests/twin/rql holds both to it on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.twin.domain.rql.numbers import comparison, float_side, integer_side, number_of
from services.twin.domain.rql.patterns import folded, matcher
from services.twin.domain.rql.tree import (
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
from services.twin.domain.twins import Twin

Predicate = Callable[[Twin], bool]
Resolve = Callable[[str], Twin | None]
_Read = Callable[[Twin], Any]
_Test = Callable[[Any], bool]


class _Absent:
    """What a field reads where it is not there; equal to nothing."""


ABSENT = _Absent()
_EMPTIES: tuple[Any, ...] = ("", [], {})


def nobody(_: str) -> Twin | None:
    """Knows no other twin."""
    return None


def predicate(node: Node, resolve: Resolve = nobody) -> Predicate:
    """Whether a twin fulfils the query; `resolve` finds the twins that relations lead to."""
    match node:
        case Both(parts):
            return _all([predicate(each, resolve) for each in parts])
        case Either(parts):
            return _any([predicate(each, resolve) for each in parts])
        case Negation(part):
            inner = predicate(part, resolve)
            return lambda twin: not inner(twin)
        case Related(name, part):
            return _related(name, predicate(part, resolve), resolve)
        case _:
            return _leaf(node)


def _leaf(node: Compare | Within | Match | Exists | Empty) -> Predicate:
    match node:
        case Compare(operator, field, value):
            return _compared(operator, field, value)
        case Within(field, values):
            return _tested(field, _one_of(values))
        case Match(field, pattern, ignores_case):
            return _tested(field, _like(pattern, ignores_case))
        case Exists(field) | Empty(field):
            return _presence(node, field)


def reader(field: Field) -> _Read:
    """What a twin holds at the field; ABSENT where it is not there."""
    if field.is_number:
        return _number_reader(field)
    return _json_reader(field) if field.kind is Kind.JSON else _ATTRIBUTES[field.root]


_ATTRIBUTES: dict[str, _Read] = {
    "id": lambda twin: twin.id,
    "model": lambda twin: twin.model,
    "source": lambda twin: twin.origin.source,
    "revision": lambda twin: twin.revision,
    "changed_at": lambda twin: twin.origin.changed_at,
    "known_at": lambda twin: twin.origin.known_at,
}


def _json_reader(field: Field) -> _Read:
    path = field.path
    is_desired = field.root == "desired"
    if not path:
        return (lambda twin: twin.desired) if is_desired else (lambda twin: twin.properties)
    if len(path) == 1:
        name = path[0]
        if is_desired:
            return lambda twin: twin.desired.get(name, ABSENT)
        return lambda twin: twin.properties.get(name, ABSENT)

    def read(twin: Twin) -> Any:
        value: Any = twin.desired if is_desired else twin.properties
        for name in path:
            if type(value) is not dict:
                return ABSENT
            value = value.get(name, ABSENT)
        return value

    return read


def _number_reader(field: Field) -> _Read:
    inner = _json_reader(field)

    def read(twin: Twin) -> Any:
        number = number_of(inner(twin))
        return ABSENT if number is None else number

    return read


def _targets(name: str) -> Callable[[Twin], list[str]]:
    return lambda twin: [each.target for each in twin.relations if each.name == name]


def _compared(operator: str, field: Field, value: Value) -> Predicate:
    if operator != "ne" and field.root == "properties" and len(field.path) == 1 and not field.is_number:
        name = field.path[0]
        if operator == "eq" and isinstance(value, str):
            return lambda twin: twin.properties.get(name) == value
        if isinstance(value, Decimal):
            return _number_of_property(name, operator, value)
    return _tested(field, value_test(operator, value), is_denied=operator == "ne")


def _number_of_property(name: str, operator: str, wanted: Decimal) -> Predicate:
    """What is asked most, without a call in between."""
    of_int, int_bound = integer_side(operator, wanted)
    of_float, float_bound = float_side(operator, wanted)

    def fulfils(twin: Twin) -> bool:
        value = twin.properties.get(name)
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
            return lambda twin: bool(found := targets(twin)) and not any(map(test, found))
        return lambda twin: any(map(test, targets(twin)))
    read = reader(field)
    if is_denied:
        return lambda twin: (value := read(twin)) is not ABSENT and not test(value)
    return lambda twin: test(read(twin))


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


def _one_of(values: tuple[Value, ...]) -> _Test:
    texts = frozenset(each for each in values if isinstance(each, str | datetime))
    rest = [value_test("eq", each) for each in values if not isinstance(each, str | datetime)]
    if not rest:
        return lambda found: isinstance(found, str | datetime) and found in texts

    def test(found: Any) -> bool:
        if isinstance(found, str | datetime):
            return found in texts
        return any(each(found) for each in rest)

    return test


def _like(pattern: str, ignores_case: bool) -> _Test:
    fits = matcher(folded(pattern) if ignores_case else pattern)
    if ignores_case:
        return lambda found: type(found) is str and fits(folded(found))
    return lambda found: type(found) is str and fits(found)


def _presence(node: Exists | Empty, field: Field) -> Predicate:
    if field.kind is Kind.TARGETS:
        targets = _targets(field.path[0])
        if isinstance(node, Exists):
            return lambda twin: bool(targets(twin))
        return lambda twin: not targets(twin)
    read = reader(field)
    if isinstance(node, Exists):
        return lambda twin: read(twin) is not ABSENT
    return lambda twin: (value := read(twin)) is ABSENT or value is None or value in _EMPTIES


def _related(name: str, inner: Predicate, resolve: Resolve) -> Predicate:
    targets = _targets(name)

    def leads(twin: Twin) -> bool:
        found = (resolve(each) for each in targets(twin))
        return any(each is not None and each.exists and inner(each) for each in found)

    return leads


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda twin: first(twin) and second(twin)
    if len(parts) == 3:
        one, two, three = parts
        return lambda twin: one(twin) and two(twin) and three(twin)

    def fulfilled(twin: Twin) -> bool:
        for part in parts:  # noqa: SIM110  # a generator costs as much as the parts themselves
            if not part(twin):
                return False
        return True

    return fulfilled


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda twin: first(twin) or second(twin)

    def fulfilled(twin: Twin) -> bool:
        for part in parts:  # noqa: SIM110  # as above
            if part(twin):
                return True
        return False

    return fulfilled
