"""What decoding gives, what it refuses, and where it stops."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from services.ingest.domain.receipt import Reason, Refused

NESTED = "\x01"
"""Stands for a JSON object where a value was expected, and begins the text of an array; only lists may be arrays."""


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
class Decoded:
    """Text columns by the sender's names; malformed records stand beside them with their place in the body."""

    columns: dict[str, pl.Series]
    lines: pl.Series
    malformed: tuple[Refused, ...] = ()
    charset_repaired: str = ""
    is_single: bool = False


def refused_line(line: int, message: str) -> Refused:
    """A record that could not be read; its text is not kept, as nobody knows what is in it."""
    return Refused(line, "reject", "", (Reason(f"/{line}", "DQ-02", 1, message, "reject"),))


def from_rows(rows: Sequence[Any], lines: Sequence[int], limits: Limits) -> tuple[dict[str, pl.Series], pl.Series]:
    """Columns of a list of JSON objects whose values are text, bool or null."""
    names = list(dict.fromkeys(name for row in rows[:1] for name in row))
    names += sorted(set().union(*rows) - set(names))
    if len(names) > limits.columns:
        raise Malformed("", f"at most {limits.columns} different fields", code="too_large")
    schema = dict.fromkeys(names, pl.String)
    try:
        frame = pl.from_dicts(rows, schema=schema) if names else pl.DataFrame()
    except (pl.exceptions.PolarsError, TypeError, UnicodeEncodeError, OverflowError):
        plain = [{_text(name): _plain(value) for name, value in row.items()} for row in rows]
        frame = pl.from_dicts(plain, schema=dict.fromkeys(map(_text, names), pl.String)) if names else pl.DataFrame()
    return {name: frame.get_column(name) for name in frame.columns}, pl.Series("line", lines, dtype=pl.UInt32)


def _plain(value: Any) -> str | bool | None:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return NESTED + _text(json.dumps(value, ensure_ascii=False))
    return value if value is None or isinstance(value, bool) else NESTED


def _text(value: str) -> str:
    """Without halves of surrogate pairs, which are no characters."""
    return value.encode("utf-8", "replace").decode()
