"""Twins and journal lines as rows of the types that the database has for them (`written_state`, `written_line`).

A row is a tuple, and many are one argument: of an array a column, the driver looks at each value for longer than it
takes to send it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from msgspec.structs import astuple

from chassis.db import Unstorable
from services.twin.domain.twins import Change, Twin
from services.twin.wire import json_text


class Texts(NamedTuple):
    """A twin whose parts are JSON text already: for its row and for what is told of it."""

    twin: Twin
    properties: str
    desired: str

    @classmethod
    def of(cls, twin: Twin) -> Texts:
        return cls(twin, json_text(twin.properties), json_text(twin.desired))


class StateRow(NamedTuple):
    """The newest state of a twin, JSON as text; `seen` is the revision that it follows."""

    id: str
    seen: int
    model: str
    revision: int
    properties: str
    desired: str
    relations: str
    inputs: str
    deleted: bool
    changed_at: int
    known_at: int
    source: str
    trace_id: str

    @property
    def size(self) -> int:
        """In characters of JSON."""
        return len(self.properties) + len(self.desired) + len(self.relations) + len(self.inputs)


class LineRow(NamedTuple):
    """A line of the journal, JSON as text."""

    id: str
    revision: int
    patch: str
    said: str | None
    late: bool
    behind: bool
    changed_at: int
    known_at: int
    source: str
    trace_id: str


_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def state_row(texts: Texts, seen: int) -> StateRow:
    twin = texts.twin
    json = texts.properties, texts.desired, json_text(twin.relations), json_text(twin.inputs)
    return StateRow(twin.id, seen, twin.model, twin.revision, *json, twin.deleted, *astuple(twin.origin))


def line_row(twin: Twin, change: Change) -> LineRow:
    said = None if change.said is None else json_text(change.said)
    # What is searched may not hold it. PostgreSQL sees that by itself; what is hidden now may be shown some day.
    if said is not None and "\\u0000" in said and _NUL.search(said):
        raise Unstorable("a text holds the character NUL")
    origin = change.origin
    is_behind = origin.changed_us < twin.origin.changed_us
    return LineRow(twin.id, change.revision, json_text(change.patch), said, change.late, is_behind, *astuple(origin))


def moment(micros: str) -> str:
    """Microseconds since 1970 as a time of SQL; in two steps, since PostgreSQL multiplies intervals in doubles."""
    return f"timestamptz 'epoch' + {micros} / 1000000 * interval '1 s' + {micros} % 1000000 * interval '1 us'"
