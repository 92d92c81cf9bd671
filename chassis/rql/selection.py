"""What of each document is wanted: `select=properties/name_zh,relations/located_in`. The id always comes along."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from chassis.rql.document import Document, Json
from chassis.rql.predicate import ABSENT, reader
from chassis.rql.reading import Reader
from chassis.rql.tree import Field, Kind

MAX_FIELDS = 50


@lru_cache(maxsize=512)
def parse_select(text: str) -> tuple[Field, ...]:
    """The fields that a selection names; none: whole documents are wanted."""
    if not text.strip():
        return ()
    reading = Reader(text, "select")
    fields: list[Field] = []
    while True:
        reading.skip()
        begin = reading.at
        if len(fields) >= MAX_FIELDS:
            reading.refuse("too_large", f"a selection has at most {MAX_FIELDS} fields")
        field = reading.field(takes_all=True)
        if field.is_number:
            reading.refuse("bad_field", "a selection takes fields as they are", begin)
        fields.append(field)
        if not reading.take(","):
            break
    reading.end()
    return tuple(fields)


def projected(document: Document, fields: Sequence[Field]) -> Json:
    """The selected parts of a document, each where it stands in the whole; what is not there is left out."""
    selected: Json = {"id": document.id}
    for field in fields:
        if field.kind is Kind.TARGETS:
            _relations(selected, document, field)
            continue
        value = reader(field)(document)
        if value is not ABSENT:
            _place(selected, field, _plain(value))
    return selected


def _relations(selected: Json, document: Document, field: Field) -> None:
    names = set(field.path)
    wanted = [
        {"name": each.name, "target": each.target} for each in document.relations if not names or each.name in names
    ]
    listed = selected.setdefault("relations", [])
    listed += [each for each in wanted if each not in listed]


def _place(selected: Json, field: Field, value: Any) -> None:
    inside = selected
    *above, last = (field.root, *field.path)
    for name in above:
        inside = inside.setdefault(name, {})
    # A part of what is selected as a whole is there already; the whole replaces its parts.
    inside[last] = value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
