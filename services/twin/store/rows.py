"""Journal lines, and the states that they lead to, as rows of the type that the database has for them (`written`).

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

LINE = ("id", "revision", "patch", "said", "late", "behind", "changed_at", "known_at", "source", "trace_id")
"""A line of the journal, JSON as text. Beside the last line of each twin stands what it leads to: `seen`, the revision
that was there before, then the state, whose revision, source and trace are those of the line; beside others null."""
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

    def columns(self, seen: Iterable[int]) -> list[Iterable[Any]]:
        """What is said of each beside its last line."""
        _, models, _, _, _, _, origins, _, deleted = zip(*map(astuple, self.twins), strict=True)
        times = [origin.changed_us for origin in origins], [origin.known_us for origin in origins]
        return [seen, models, *self[1:], deleted, *times]

    def sizes(self) -> dict[str, int]:
        """By twin, in characters of JSON."""
        lengths = zip(*(map(len, part) for part in self[1:]), strict=True)
        return {twin.id: size for twin, size in zip(self.twins, map(sum, lengths), strict=True)}


def written_rows(changed: Sequence[tuple[Twin, Change]], states: States, seen: Iterable[int]) -> list[tuple[Any, ...]]:
    """Each change as a line, and beside the last one of each twin its state, which followed the revision that was
    seen."""
    revisions, patches, origins, said, late = zip(*[astuple(change) for _, change in changed], strict=True)
    texts = [None if text == "null" else text for text in json_texts(said)]
    # What is searched may not hold it. PostgreSQL sees that by itself; what is hidden now may be shown some day.
    if any([_NUL.search(text) for text in texts if text is not None and "\\u0000" in text]):
        raise Unstorable("a text holds the character NUL")
    ids = [twin.id for twin, _ in changed]
    behind = [change.origin.changed_us < twin.origin.changed_us for twin, change in changed]
    told = zip(*map(astuple, origins), strict=True)
    columns = states.columns(seen)
    if len(states.twins) < len(changed):
        lasts = list({twin_id: place for place, twin_id in enumerate(ids)}.values())
        columns = [_spread(column, lasts, len(changed)) for column in columns]
    return list(zip(ids, revisions, json_texts(patches), texts, late, behind, *told, *columns, strict=True))


def _spread(values: Iterable[Any], places: Sequence[int], size: int) -> list[Any]:
    """Values at these places of a column, None at others."""
    column = [None] * size
    for place, value in zip(places, values, strict=True):
        column[place] = value
    return column


def moment(micros: str) -> str:
    """Microseconds since 1970 as a time of SQL; in two steps, since PostgreSQL multiplies intervals in doubles."""
    return f"timestamptz 'epoch' + {micros} / 1000000 * interval '1 s' + {micros} % 1000000 * interval '1 us'"
