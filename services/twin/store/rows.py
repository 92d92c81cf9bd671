"""Twins and journal lines as rows of the types that the database has for them (`written_state`, `written_line`).

A row is a tuple, and many are one argument: of an array a column, the driver looks at each value for longer than it
takes to send it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from msgspec.structs import astuple

from chassis.db import Unstorable
from services.twin.domain.twins import Change, Twin
from services.twin.wire import json_texts

STATE = (
    *("id", "seen", "model", "revision", "properties", "desired", "relations", "inputs"),
    *("deleted", "changed_at", "known_at", "source", "trace_id"),
)
"""The newest state of a twin, JSON as text; `seen` is the revision that it follows."""
LINE = ("id", "revision", "patch", "said", "late", "behind", "changed_at", "known_at", "source", "trace_id")
"""A line of the journal, JSON as text."""
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class States(NamedTuple):
    """The newest states of some twins, part by part; JSON as text."""

    twins: Sequence[Twin]
    properties: list[str]
    desired: list[str]
    relations: list[str]
    inputs: list[str]

    @classmethod
    def of(cls, newest: Sequence[Twin]) -> States:
        return cls(
            newest,
            json_texts([twin.properties for twin in newest]),
            json_texts([twin.desired for twin in newest]),
            json_texts([twin.relations for twin in newest]),
            json_texts([twin.inputs for twin in newest]),
        )

    def rows(self, seen: Iterable[int]) -> list[tuple[Any, ...]]:
        ids, models, revisions, _, _, _, origins, _, deleted = zip(*map(astuple, self.twins), strict=True)
        told = zip(*map(astuple, origins), strict=True)
        return list(zip(ids, seen, models, revisions, *self[1:], deleted, *told, strict=True))

    def sizes(self) -> dict[str, int]:
        """By twin, in characters of JSON."""
        lengths = zip(*(map(len, part) for part in self[1:]), strict=True)
        return {twin.id: size for twin, size in zip(self.twins, map(sum, lengths), strict=True)}


def line_rows(changed: Sequence[tuple[Twin, Change]]) -> list[tuple[Any, ...]]:
    revisions, patches, origins, said, late = zip(*[astuple(change) for _, change in changed], strict=True)
    texts = [None if text == "null" else text for text in json_texts(said)]
    # What is searched may not hold it. PostgreSQL sees that by itself; what is hidden now may be shown some day.
    if any([_NUL.search(text) for text in texts if text is not None and "\\u0000" in text]):
        raise Unstorable("a text holds the character NUL")
    ids = [twin.id for twin, _ in changed]
    behind = [change.origin.changed_us < twin.origin.changed_us for twin, change in changed]
    told = zip(*map(astuple, origins), strict=True)
    return list(zip(ids, revisions, json_texts(patches), texts, late, behind, *told, strict=True))


def moment(micros: str) -> str:
    """Microseconds since 1970 as a time of SQL; in two steps, since PostgreSQL multiplies intervals in doubles."""
    return f"timestamptz 'epoch' + {micros} / 1000000 * interval '1 s' + {micros} % 1000000 * interval '1 us'"
