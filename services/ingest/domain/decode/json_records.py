"""JSON values as records: which of them are objects, which fields occur, and how the values of a field are had."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from services.ingest.domain.cleaning.receipt import Refused
from services.ingest.domain.decode.body import Columns, Limits, Malformed, Rows, refused_line, told_all

Again = Callable[[], Rows | None]
_NOT_OBJECT = "a record must be a JSON object"


class Fault:
    """A line that is no JSON."""

    def __init__(self, message: str) -> None:
        self.message = message


def from_document(document: Any, repaired: str, limits: Limits, exactly: Again = told_all) -> Rows:
    """The records of one document: an object, or an array of them; raises Malformed for anything else."""
    if isinstance(document, dict):
        return _one(document, repaired, limits, exactly, is_single=True)
    if not isinstance(document, list):
        raise Malformed("", "the body must be a JSON object or an array of objects")
    return from_values(document, repaired, limits, exactly)


def from_values(values: list[Any], repaired: str, limits: Limits, exactly: Again = told_all) -> Rows:
    """The objects among the values; the others are refused one by one."""
    check_count(len(values), limits)
    if len(values) == 1 and isinstance(values[0], dict):
        return _one(values[0], repaired, limits, exactly)
    lines: Sequence[int] = range(len(values))
    malformed: tuple[Refused, ...] = ()
    if not set(map(type, values)) <= {dict}:
        lines = [place for place, value in enumerate(values) if isinstance(value, dict)]
        malformed = tuple(
            refused_line(place, value.message if isinstance(value, Fault) else _NOT_OBJECT)
            for place, value in enumerate(values)
            if not isinstance(value, dict)
        )
        values = [values[place] for place in lines]
    names, columns = _fields(values, limits)
    return Rows(
        names=names,
        records=values,
        columns=columns,
        lines=lines,
        malformed=malformed,
        charset_repaired=repaired,
        exactly=exactly,
    )


def check_count(count: int, limits: Limits) -> None:
    """Raises Malformed when these are more records than a body may hold."""
    if count > limits.rows:
        raise Malformed("", f"at most {limits.rows} records in one body", code="too_large")


def _one(record: dict[str, Any], repaired: str, limits: Limits, exactly: Again, *, is_single: bool = False) -> Rows:
    _check_width(len(record), limits)
    return Rows(
        names=tuple(record),
        records=(record,),
        columns=_of_even,
        lines=(0,),
        charset_repaired=repaired,
        is_single=is_single,
        exactly=exactly,
    )


def _fields(values: Sequence[dict[str, Any]], limits: Limits) -> tuple[tuple[str, ...], Columns]:
    """All fields that occur, those of the first record first, and how columns are made of them."""
    first = values[0].keys() if values else {}.keys()
    if all(map(first.__eq__, map(dict.keys, values))):
        _check_width(len(first), limits)
        return tuple(first), _of_even
    names = names_of(values)
    _check_width(len(names), limits)
    return names, _of_uneven


def names_of(records: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """All fields that occur, those of the first record first."""
    first = records[0].keys()
    return (*first, *sorted(set().union(*records) - first))


def _of_even(records: Sequence[dict[str, Any]], names: tuple[str, ...]) -> Iterator[list[Any]]:
    return (list(map(itemgetter(name), records)) for name in names)


def _of_uneven(records: Sequence[dict[str, Any]], names: tuple[str, ...]) -> Iterator[list[Any]]:
    return ([record.get(name) for record in records] for name in names)


def _check_width(count: int, limits: Limits) -> None:
    if count > limits.columns:
        raise Malformed("", f"at most {limits.columns} different fields", code="too_large")
