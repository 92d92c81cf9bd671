"""Twins and journal lines as columns, in whatever way they then reach their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.twin.domain.twins import Change, Origin, Twin
from services.twin.wire import json_text


class Texts(NamedTuple):
    """A twin whose parts are JSON text already: for its row and for what is told of it."""

    twin: Twin
    properties: str
    desired: str

    @classmethod
    def of(cls, twin: Twin) -> Texts:
        return cls(twin, json_text(twin.properties), json_text(twin.desired))


def state_columns(newest: Sequence[Texts]) -> dict[str, list[Any]]:
    """Newest states as columns of the table of twins, JSON as text."""
    states = [each.twin for each in newest]
    return {
        "id": [twin.id for twin in states],
        "model": [twin.model for twin in states],
        "revision": [twin.revision for twin in states],
        "properties": [each.properties for each in newest],
        "desired": [each.desired for each in newest],
        "relations": [json_text(twin.relations) for twin in states],
        "inputs": [json_text(twin.inputs) for twin in states],
        **origin_columns([twin.origin for twin in states]),
        "deleted": [twin.deleted for twin in states],
    }


def line_columns(changed: Sequence[tuple[Twin, Change]]) -> dict[str, list[Any]]:
    """Changes as columns of the journal, JSON as text."""
    return {
        "id": [twin.id for twin, _ in changed],
        "revision": [change.revision for _, change in changed],
        "patch": [json_text(change.patch) for _, change in changed],
        "said": [None if change.said is None else json_text(change.said) for _, change in changed],
        "late": [change.late for _, change in changed],
        "behind": [change.origin.changed_us < twin.origin.changed_us for twin, change in changed],
        **origin_columns([change.origin for _, change in changed]),
    }


def origin_columns(origins: Sequence[Origin]) -> dict[str, list[Any]]:
    """Where changes come from as columns that every table of twins has."""
    return {
        "changed_at": [origin.changed_us for origin in origins],
        "known_at": [origin.known_us for origin in origins],
        "source": [origin.source for origin in origins],
        "trace_id": [origin.trace_id for origin in origins],
    }
