"""A twin: its state, the patches that change it, and what a patch may do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from services.twin.domain.inputs import Inputs, micros, moment

Json = dict[str, Any]
_ABSENT: Any = object()
ID_PATTERN = re.compile(r"[a-z][a-z_]*:[^\s/?#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]{1,128}\Z")
"""No space, no control, nothing that is left of what was no text: an id stands in addresses, files and logs."""


class Origin(Struct, frozen=True, gc=False):
    """Where a change comes from: when it was true, when we learnt it, who says so, in which trace.

    Times are microseconds since 1970: they are compared, kept and told far more often than they are shown.
    """

    changed_us: int
    known_us: int
    source: str
    trace_id: str

    @classmethod
    def of(cls, changed_at: datetime, known_at: datetime, source: str, trace_id: str) -> Origin:
        return cls(micros(changed_at), micros(known_at), source, trace_id)

    @property
    def changed_at(self) -> datetime:
        return moment(self.changed_us)

    @property
    def known_at(self) -> datetime:
        return moment(self.known_us)


class Relation(Struct, frozen=True, order=True, gc=False):
    """That a twin leads to another one; they are sorted by name, then target."""

    name: str
    target: str


class Twin(Struct, frozen=True, gc=False):
    """The state of a twin at one revision; revision 0 is a twin that does not exist yet."""

    id: str
    model: str
    revision: int
    properties: Json
    desired: Json
    relations: tuple[Relation, ...]
    origin: Origin
    inputs: Inputs = field(default_factory=dict)
    """What the state is made of; left out where only the state is read."""
    deleted: bool = False

    @property
    def exists(self) -> bool:
        return self.revision > 0 and not self.deleted


class Change(Struct, frozen=True, gc=False):
    """One line of the journal: the merge patch that led to `revision`, and the statement behind it."""

    revision: int
    patch: Json
    origin: Origin
    said: Json | None = None
    """What was said, where the patch does not say all of it."""
    late: bool = False
    """Whether something newer was known of what it says."""


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: applies a JSON merge patch; null removes."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def difference(before: Json, after: Json) -> Json:
    """The smallest RFC 7396 merge patch that turns `before` into `after`."""
    if before.keys() == after.keys():
        patch: Json = {key: value for key, value in after.items() if before[key] != value}
    else:
        patch = {key: value for key, value in after.items() if before.get(key, _ABSENT) != value}
        patch |= dict.fromkeys(before.keys() - after.keys())
    if dict in map(type, patch.values()):
        for key, value in patch.items():
            known = before.get(key)
            if isinstance(known, dict) and isinstance(value, dict):
                patch[key] = difference(known, value)
    return patch


def empty(twin_id: str, origin: Origin) -> Twin:
    """A twin that does not exist yet, of the model that its id names."""
    return Twin(twin_id, model_of(twin_id), 0, {}, {}, (), origin)


def model_of(twin_id: str) -> str:
    return twin_id.partition(":")[0]


def document(twin: Twin) -> Json:
    """What of a twin is journaled: {model, properties, desired, relations}, or nothing once deleted."""
    if not twin.exists:
        return {}
    return {
        "model": twin.model,
        "properties": twin.properties,
        "desired": twin.desired,
        "relations": listed(twin.relations),
    }


def listed(relations: Iterable[Relation]) -> list[Json]:
    """Relations as JSON."""
    return [{"name": each.name, "target": each.target} for each in relations]


def relations_of(told: Iterable[Mapping[str, str]]) -> tuple[Relation, ...]:
    """Relations from their JSON form, sorted, without repetitions."""
    return tuple(sorted({Relation(each["name"], each["target"]) for each in told}))
