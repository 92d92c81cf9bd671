"""JSON records of bodies that have the same names, as text columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import polars as pl

from services.ingest.domain.decode.body import NESTED, Columns, Rows
from services.ingest.domain.frames.native import of_texts, piece

SMALL = 4096
"""Up to so many values, columns are made together."""
_NOTHING = type(None)
_TEXTS: set[type] = {str, _NOTHING}
_WHOLE: set[type] = {int, _NOTHING}


def from_rows(rows: Sequence[Rows]) -> dict[str, pl.Series]:
    """Text columns of JSON records that have the same names."""
    size = sum(len(some.lines) for some in rows)
    try:
        return _columns(rows, size, is_exact=False)
    except _MinusZero as found:
        return _columns(found.exact, size, is_exact=True)


class _MinusZero(Exception):
    """A number was a minus zero, and the records were read once more, every number as the text it was."""

    def __init__(self, exact: Sequence[Rows]) -> None:
        self.exact = exact


def _columns(rows: Sequence[Rows], size: int, *, is_exact: bool) -> dict[str, pl.Series]:
    names, known = rows[0].names, frozenset.intersection(*(some.texts for some in rows))
    runs = _runs(rows)
    is_small = size * len(names) <= SMALL
    small: dict[str, list[str | None]] = {}
    columns: dict[str, pl.Series] = {}
    for name, *parts in zip(names, *(make(records, names) for make, records in runs), strict=True):
        values: list[Any] = parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))
        types: set[type] = _TEXTS if name in known else set(map(type, values))
        if not is_exact and _may_be_minus_zero(types, values):
            _look_again(rows)
            is_exact = True
        if is_small:
            small[_text(name)] = _as_texts(values, types)
        else:
            columns[_text(name)] = _series(_text(name), values, types)
    return _cut(small, size) if is_small else columns


def _runs(rows: Sequence[Rows]) -> list[tuple[Columns, list[Any]]]:
    """All records, those next to each other together of which columns are made in the same way."""
    runs: list[tuple[Columns, list[Any]]] = []
    for some in rows:
        if runs and runs[-1][0] is some.columns:
            runs[-1][1].extend(some.records)
        else:
            runs.append((some.columns, list(some.records)))
    return runs


def _may_be_minus_zero(types: set[type], values: Sequence[Any]) -> bool:
    return list in types or (int in types and 0 in values)


def _look_again(rows: Sequence[Rows]) -> None:
    exact = [some.exactly() for some in rows]
    if any(exact):
        raise _MinusZero([again or some for again, some in zip(exact, rows, strict=True)])


def _series(name: str, values: list[Any], types: set[type]) -> pl.Series:
    if int in types and types <= _WHOLE:
        try:
            return pl.Series(name, values, dtype=pl.Int64).cast(pl.String)
        except TypeError:  # more than 64 bits
            pass
    return _text_series(name, _as_texts(values, types))


def _cut(columns: dict[str, list[str | None]], size: int) -> dict[str, pl.Series]:
    """Columns cut from one: making each by itself takes longer than filling it."""
    whole = _text_series("", list(chain.from_iterable(columns.values())))
    return {name: piece(whole, place * size, size, name) for place, name in enumerate(columns)}


def _text_series(name: str, texts: list[str | None]) -> pl.Series:
    try:
        return of_texts(texts, name)
    except UnicodeEncodeError:
        return of_texts([None if text is None else _text(text) for text in texts], name)


def _as_texts(values: list[Any], types: set[type]) -> list[str | None]:
    return values if types <= _TEXTS else list(map(_plain, values))


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
