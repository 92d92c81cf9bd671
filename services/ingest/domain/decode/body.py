"""What decoding gives, what it refuses, and where it stops."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from typing import Any

import polars as pl

from services.ingest.domain.receipt import Reason, Refused

NESTED = "\x01"
"""Stands for a JSON object where a value was expected, and begins the text of an array; only lists may be arrays."""
_TEXTS = {str, type(None)}


class Malformed(Exception):
    """A body that cannot be read at all: `pointer` to the record where reading stopped, and what was wrong."""

    def __init__(self, pointer: str, message: str, *, code: str = "malformed") -> None:
        super().__init__(message)
        self.pointer = pointer
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one body may hold."""

    bytes: int = 16 * 1024 * 1024
    rows: int = 100_000
    columns: int = 256
    expanded_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one body brought to columns that several bodies may share: rows in a row, and facts of its own."""

    size: int
    malformed: tuple[Refused, ...] = ()
    charset_repaired: str = ""
    is_single: bool = False

    @property
    def sent(self) -> int:
        return self.size + len(self.malformed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text columns by the sender's names; malformed records stand beside them with their place in the body.

    Several bodies decoded together have a share each, in the order of their rows, and the facts of a single body stand
    there; without shares all is one body.
    """

    columns: dict[str, pl.Series]
    lines: pl.Series
    malformed: tuple[Refused, ...] = ()
    charset_repaired: str = ""
    is_single: bool = False
    together: tuple[Share, ...] = ()

    @property
    def shares(self) -> tuple[Share, ...]:
        return self.together or (
            Share(
                size=len(self.lines),
                malformed=self.malformed,
                charset_repaired=self.charset_repaired,
                is_single=self.is_single,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """JSON records before they become columns: text, bool, null or a whole number for each value, or something nested.

    `is_even` says that all records have the fields of the first.
    """

    values: list[dict[str, Any]]
    lines: list[int]
    names: tuple[str, ...]
    is_even: bool
    malformed: tuple[Refused, ...] = ()
    charset_repaired: str = ""
    is_single: bool = False
    exactly: Callable[[], Rows] | None = None
    """Reads the body once more, for what a number can not tell: minus zero. None where that is not needed."""

    @property
    def share(self) -> Share:
        return Share(
            size=len(self.values),
            malformed=self.malformed,
            charset_repaired=self.charset_repaired,
            is_single=self.is_single,
        )


def shifted(decoded: Decoded, first_line: int) -> Decoded:
    """The records of a part of a file with their places in the whole file."""
    if not first_line:
        return decoded
    malformed = tuple(refused_line(each.line + first_line, each.reasons[0].message) for each in decoded.malformed)
    return replace(decoded, lines=decoded.lines + first_line, malformed=malformed)


def refused_line(line: int, message: str) -> Refused:
    """A record that could not be read; its text is not kept, as nobody knows what is in it."""
    return Refused(line, "reject", "", (Reason(f"/{line}", "DQ-02", 1, message, "reject"),))


def field_names(values: Sequence[dict[str, Any]], limits: Limits) -> tuple[tuple[str, ...], bool]:
    """All fields that occur, those of the first record first, and whether every record has exactly these."""
    if not values:
        return (), True
    first = values[0].keys()
    is_even = all(map(first.__eq__, map(dict.keys, values)))
    names = tuple(first) if is_even else (*first, *sorted(set().union(*values) - first))
    if len(names) > limits.columns:
        raise Malformed("", f"at most {limits.columns} different fields", code="too_large")
    return names, is_even


def from_rows(rows: Sequence[Rows]) -> tuple[dict[str, pl.Series], pl.Series]:
    """Text columns of JSON records that have the same names."""
    try:
        return _columns(rows, has_texts=False)
    except _Zero:
        return _columns([some.exactly() if some.exactly else some for some in rows], has_texts=True)


class _Zero(Exception):
    """A zero that may have been a minus zero."""


def _columns(rows: Sequence[Rows], *, has_texts: bool) -> tuple[dict[str, pl.Series], pl.Series]:
    names, is_even = rows[0].names, all(some.is_even for some in rows)
    values = rows[0].values if len(rows) == 1 else list(chain.from_iterable(some.values for some in rows))
    lines = rows[0].lines if len(rows) == 1 else list(chain.from_iterable(some.lines for some in rows))
    columns = {}
    for name in names:
        column = list(map(itemgetter(name), values)) if is_even else [row.get(name) for row in values]
        text = _text(name)
        columns[text] = _column(text, column, has_texts=has_texts)
    return columns, pl.Series("line", lines, dtype=pl.UInt32)


def _column(name: str, values: list[Any], *, has_texts: bool) -> pl.Series:
    types = set(map(type, values))
    if not types <= _TEXTS:
        if not has_texts and (list in types or (int in types and 0 in values)):
            raise _Zero
        values = list(map(_plain, values))
    try:
        return pl.Series(name, values, dtype=pl.String)
    except UnicodeEncodeError:
        texts = [None if value is None else _text(value) for value in values]
        return pl.Series(name, texts, dtype=pl.String)


def _plain(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, list):
        return NESTED
    try:
        return NESTED + _text(json.dumps(_texts(value), ensure_ascii=False))
    except RecursionError:
        return NESTED


def _texts(value: Any) -> Any:
    """A value with its whole numbers as text, as the exact decoder leaves them."""
    if isinstance(value, list):
        return list(map(_texts, value))
    if isinstance(value, dict):
        return {name: _texts(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _text(value: str) -> str:
    """Without halves of surrogate pairs, which are no characters."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()
