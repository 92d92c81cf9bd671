"""A twin: its state, the patches that change it, and what a patch may do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

Json = dict[str, Any]
ID_PATTERN = re.compile(r"^[a-z][a-z_]*:[^\s/?#]{1,128}$")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from: when it was true, when we learnt it, who says so, in which trace."""

    changed_at: datetime
    known_at: datetime
    source: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Relation:
    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Twin:
    """The state of a twin at one revision; revision 0 is a twin that does not exist yet."""

    id: str
    model: str
    revision: int
    properties: Json
    desired: Json
    relations: tuple[Relation, ...]
    origin: Origin
    times: Mapping[str, str] = field(default_factory=dict)
    """When each property was true last, ISO; a later-arriving older value does not overwrite a newer one."""
    deleted: bool = False

    @property
    def exists(self) -> bool:
        return self.revision > 0 and not self.deleted


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the journal: the merge patch that led to `revision`."""

    revision: int
    patch: Json
    origin: Origin


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one batch of records says about one twin."""

    id: str
    model: str
    properties: Json
    relations: tuple[Relation, ...]
    origin: Origin


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
    patch: Json = {}
    for key in before.keys() - after.keys():
        patch[key] = None
    for key, value in after.items():
        if key not in before:
            patch[key] = value
        elif before[key] != value:
            both = isinstance(before[key], dict) and isinstance(value, dict)
            patch[key] = difference(before[key], value) if both else value
    return patch


def empty(twin_id: str, model: str, origin: Origin) -> Twin:
    """A twin that does not exist yet."""
    return Twin(twin_id, model, 0, {}, {}, (), origin)


def document(twin: Twin) -> Json:
    """What of a twin is journaled: {model, properties, desired, relations}, or nothing once deleted."""
    if not twin.exists:
        return {}
    return {
        "model": twin.model,
        "properties": twin.properties,
        "desired": twin.desired,
        "relations": [{"name": each.name, "target": each.target} for each in twin.relations],
    }


def relations_of(listed: Iterable[Mapping[str, str]]) -> tuple[Relation, ...]:
    """Relations from their JSON form, sorted, without repetitions."""
    return tuple(sorted({Relation(each["name"], each["target"]) for each in listed}, key=_by_name))


def _by_name(relation: Relation) -> tuple[str, str]:
    return relation.name, relation.target


def changed(before: Twin, after: Twin, origin: Origin) -> tuple[Twin, Change] | None:
    """The next revision and its journal line, or None when nothing changes."""
    following = replace(after, revision=before.revision + 1, origin=origin)
    patch = difference(document(before), document(following))
    if not patch:
        return None
    return following, Change(following.revision, patch, origin)


def sighted(twin: Twin, sighting: Sighting) -> Twin:
    """The twin after a sighting: each property wins only if it is not older than what is known; null says nothing."""
    at = sighting.origin.changed_at.isoformat()
    fresh = {
        name: value
        for name, value in sighting.properties.items()
        if value is not None and twin.times.get(name, "") <= at
    }
    return replace(
        twin,
        model=sighting.model,
        properties={**twin.properties, **fresh},
        relations=_with_relations(twin.relations, sighting.relations),
        times={**twin.times, **dict.fromkeys(fresh, at)},
        deleted=False,
    )


def _with_relations(known: tuple[Relation, ...], seen: tuple[Relation, ...]) -> tuple[Relation, ...]:
    """A relation that is seen replaces the known ones of its name."""
    if not seen:
        return known
    names = {relation.name for relation in seen}
    kept = {relation for relation in known if relation.name not in names}
    return tuple(sorted(kept | set(seen), key=_by_name))


def folded(twin_id: str, changes: Iterable[Change]) -> Twin | None:
    """The twin that the journal lines, one after the other, lead to; None when it is deleted or there are none.

    Lines that are put in the order of what was true, not of what was learnt, may begin with one that names no model:
    the id does.
    """
    state: Json = {}
    last: Change | None = None
    newest = 0
    for change in changes:
        deleting = change.patch.get("model", "") is None
        state = {} if deleting else merge_patch(state, change.patch)
        last, newest = change, max(newest, change.revision)
    if last is None or not state:
        return None
    return Twin(
        id=twin_id,
        model=state.get("model", twin_id.split(":", 1)[0]),
        revision=newest,
        properties=state.get("properties", {}),
        desired=state.get("desired", {}),
        relations=relations_of(state.get("relations", [])),
        origin=last.origin,
    )
