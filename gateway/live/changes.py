"""A changed twin as the stream sees it: its text for clients, and for filters what it is and what it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.rql.document import Json
from chassis.rql.predicate import Predicate

NOT_KNOWN, NOT_THERE = "", "null"
"""What `TwinChanged.undo_json` says where there is no way back."""


@dataclass(frozen=True, slots=True)
class Edge:
    name: str
    target: str


class Shown:
    """A twin in its JSON form, as a query reads it."""

    __slots__ = ("_twin", "desired", "exists", "id", "model", "properties", "revision")

    def __init__(self, twin: Json) -> None:
        self._twin = twin
        self.id: str = twin["id"]
        self.model: str = twin["model"]
        self.revision: int = twin["revision"]
        self.properties: Json = twin.get("properties", {})
        self.desired: Json = twin.get("desired", {})
        self.exists = not twin.get("deleted", False)

    @property
    def relations(self) -> Sequence[Edge]:
        return [Edge(each["name"], each["target"]) for each in self._twin.get("relations", ())]

    @property
    def origin(self) -> Shown:
        return self

    @property
    def changed_at(self) -> datetime:
        return datetime.fromisoformat(self._twin["changed_at"])

    @property
    def known_at(self) -> datetime:
        return datetime.fromisoformat(self._twin["known_at"])

    @property
    def source(self) -> str:
        return str(self._twin["source"])


class Change:
    """One changed twin. It is taken apart once, and only where somebody asks with a query."""

    __slots__ = ("_now", "_undo", "_was", "id", "is_deleted", "model", "text")

    def __init__(self, twin_id: str, model: str, text: str, *, undo: str = NOT_KNOWN, is_deleted: bool = False) -> None:
        self.id = twin_id
        self.model = model
        self.text = text
        self.is_deleted = is_deleted
        self._undo = undo
        self._now: Shown | None = None
        self._was: Shown | None = None

    def fulfils(self, query: Predicate) -> bool:
        """Whether the twin is there and fulfils a query."""
        return not self.is_deleted and query(self._shown())

    def may_have_fulfilled(self, query: Predicate) -> bool:
        """Whether it did before; True where nobody knows what it was."""
        if self._undo in (NOT_KNOWN, NOT_THERE):
            return self._undo == NOT_KNOWN
        if self._was is None:
            self._was = Shown(_patched(self._shown()._twin | {"deleted": False}, json.loads(self._undo)))
        return query(self._was)

    def _shown(self) -> Shown:
        if self._now is None:
            self._now = Shown(json.loads(self.text))
        return self._now


def _patched(target: Json, patch: Json) -> Json:
    """RFC 7396."""
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            known = merged.get(key)
            merged[key] = _patched(known if isinstance(known, dict) else {}, value)
        else:
            merged[key] = value
    return merged
