"""What decoding gives, what it refuses, and where it stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from services.ingest.domain.cleaning.receipt import Reason, Refused
from services.ingest.domain.frames.columns import Mask

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


class Share(msgspec.Struct, frozen=True, kw_only=True):
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


def told_all() -> None:
    """Says that there is nothing to read once more."""


Columns = Callable[[Sequence[Any], tuple[str, ...]], Iterator[list[Any]]]


# Of this and of `Share` there is one a body, and most bodies are one record: as dataclasses they took longer to make
# than the record took to read.
class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """JSON records before they become columns: text, bool, null or a whole number for each value, or something nested.

    `columns` makes lists of values of records like these: one list for each name, in their order.
    """

    names: tuple[str, ...]
    records: Sequence[Any]
    columns: Columns
    lines: Sequence[int]
    texts: frozenset[str] = frozenset()
    """Names of which is known that their values are text or null."""
    malformed: tuple[Refused, ...] = ()
    charset_repaired: str = ""
    is_single: bool = False
    exactly: Callable[[], Rows | None] = told_all
    """Reads the body once more, for what a number can not tell: minus zero. None where the numbers told all."""

    @property
    def share(self) -> Share:
        return Share(
            size=len(self.lines),
            malformed=self.malformed,
            charset_repaired=self.charset_repaired,
            is_single=self.is_single,
        )


class Slices(msgspec.Struct, frozen=True, kw_only=True):
    """JSON records whose values were found and not made, before they become columns."""

    names: tuple[str, ...]
    views: npt.NDArray[np.uint64]
    """Of each field and record, the two halves of an Arrow view of the body; shape (fields, records, 2)."""
    known: Mask
    """Where a value is there and not null; shape (fields, records)."""
    content: bytes
    """The text of this body and maybe of others, with zeros behind it."""
    malformed: tuple[Refused, ...] = ()
    charset_repaired: str = ""
    is_single: bool = False

    @property
    def lines(self) -> range:
        return range(self.views.shape[1])

    @property
    def share(self) -> Share:
        return Share(size=len(self.lines))


def shifted(decoded: Decoded, first_line: int) -> Decoded:
    """The records of a part of a file with their places in the whole file."""
    if not first_line:
        return decoded
    malformed = tuple(refused_line(each.line + first_line, each.reasons[0].message) for each in decoded.malformed)
    return replace(decoded, lines=decoded.lines + first_line, malformed=malformed)


def refused_line(line: int, message: str) -> Refused:
    """A record that could not be read; its text is not kept, as nobody knows what is in it."""
    return Refused(line, "reject", "", (Reason(f"/{line}", "DQ-02", 1, message, "reject"),))
