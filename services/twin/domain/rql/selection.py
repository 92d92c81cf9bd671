"""What of each twin is wanted: `select=properties/name_zh,relations/located_in`. The id always comes along."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from services.twin.domain.rql.predicate import ABSENT, reader
from services.twin.domain.rql.reading import Reader
from services.twin.domain.rql.tree import Field, Kind
from services.twin.domain.twins import Json, Twin

MAX_FIELDS = 50


@lru_cache(maxsize=512)
def parse_select(text: str) -> tuple[Field, ...]:
    """The fields that a selection names; none: whole twins are wanted."""
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


def projected(twin: Twin, fields: Sequence[Field]) -> Json:
    """The selected parts of a twin, each where it stands in the whole; what is not there is left out."""
    document: Json = {"id": twin.id}
    for field in fields:
        if field.kind is Kind.TARGETS:
            _relations(document, twin, field)
            continue
        value = reader(field)(twin)
        if value is not ABSENT:
            _place(document, field, _plain(value))
    return document


def _relations(document: Json, twin: Twin, field: Field) -> None:
    names = set(field.path)
    wanted = [{"name": each.name, "target": each.target} for each in twin.relations if not names or each.name in names]
    listed = document.setdefault("relations", [])
    listed += [each for each in wanted if each not in listed]


def _place(document: Json, field: Field, value: Any) -> None:
    inside = document
    *above, last = (field.root, *field.path)
    for name in above:
        inside = inside.setdefault(name, {})
    # A part of what is selected as a whole is there already; the whole replaces its parts.
    inside[last] = value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
