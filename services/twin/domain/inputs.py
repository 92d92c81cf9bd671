"""What a twin is made of: of each source what still counts of its statements.

    source ─▶ newest statement, then older ones with what only they say

Statements are kept whole, because most of them say of everything anew what their source says of it: the time, the
quality and the names are there once, and one takes the place of the other without a look at each value.

The inputs do not depend on the order in which statements are learnt; of two at the same time the later learnt counts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct, structs

Json = dict[str, Any]
DELETED = "/deleted"
NEVER = -(2**63)
_ABSENT: Any = object()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Held(Struct, frozen=True, array_like=True, gc=False):
    """What still counts of one statement of a source; times in microseconds since 1970."""

    at: int
    known_at: int
    quality: float
    writes: bool
    facets: Json


Inputs = Mapping[str, tuple[Held, ...]]
"""By source; its newest statement first, and each facet in one of them."""


class Learnt(Struct, frozen=True, gc=False):
    """What is known with a statement."""

    inputs: Inputs
    touched: Collection[str]
    """The facets of which something else may be shown now."""
    is_late: bool = False
    """Whether some of it came too late to count."""
    values: Json | None = None
    """What is to be shown of these, where nobody else says anything of them."""


class Input(Struct, frozen=True):
    """The newest that one source says of one facet."""

    value: Any
    at: datetime
    known_at: datetime
    source: str
    quality: float
    writes: bool


def inputs_of(inputs: Inputs, facet: str) -> dict[str, Input]:
    """What the sources say of a facet, as fusion takes it."""
    return {
        source: Input(each.facets[facet], moment(each.at), moment(each.known_at), source, each.quality, each.writes)
        for source, held in inputs.items()
        for each in held
        if facet in each.facets
    }


def facets_in(inputs: Inputs) -> set[str]:
    """Everything that some source says something of."""
    return {facet for held in inputs.values() for each in held for facet in each.facets}


def newest_us(inputs: Inputs, facets: Collection[str]) -> int:
    """When the newest of what is known of some facets was true, in microseconds since 1970."""
    times = [each.at for held in inputs.values() for each in held if not each.facets.keys().isdisjoint(facets)]
    return max(times, default=NEVER)


def is_newest(inputs: Inputs, at: int) -> bool:
    """Whether nothing is known of a later time."""
    return all([held[0].at <= at for held in inputs.values()])


def with_seen(inputs: Inputs, source: str, new: Held) -> Learnt | None:
    """The inputs with what a source saw; None where nothing of it is new."""
    facets = new.facets
    if not inputs:
        return Learnt({source: (new,)}, facets, False, facets)
    held = inputs.get(source, ())
    if (held and held[0].at >= new.at) or is_written(inputs):
        return _with_some_seen(inputs, source, new)
    if held and (len(inputs) == 1 or _is_alone(inputs, source, facets)):
        # What nobody else speaks of moves only where the source says something else than before.
        before = held[0].facets
        moved = _moved(before, facets)
        if moved is not None:
            older = held[1:] if len(before) == len(facets) else _without(held, facets)
            return Learnt({**inputs, source: (new, *older)}, moved, False, moved)
    return Learnt({**inputs, source: (new, *_without(held, facets))}, facets)


def _moved(before: Json, facets: Json) -> Json | None:
    """Which facets say something else than before; None where one of those is new."""
    moved: Json = {}
    if before == facets:
        return moved
    try:
        for facet, value in facets.items():
            if before[facet] != value:
                moved[facet] = value
    except KeyError:
        return None
    return moved


def _with_some_seen(inputs: Inputs, source: str, new: Held) -> Learnt | None:
    """Facet by facet: some of it is older than what is known, or than what was written."""
    known = by_facet(inputs, new.facets.keys() | {DELETED})
    begun = _written_at(known.get(DELETED, {}))
    fresh: Json = {}
    is_late = False
    for facet, value in new.facets.items():
        told = known.get(facet, {})
        before = told.get(source)
        if before is not None and (before.at, before.facets[facet], before.quality) == (new.at, value, new.quality):
            continue
        is_old = before is not None and (before.at, before.known_at) > (new.at, new.known_at)
        if is_old or new.at <= begun or new.at <= _written_at(told):
            is_late = True
        else:
            fresh[facet] = value
    if not fresh:
        return Learnt(inputs, fresh, is_late) if is_late else None
    others = _without(inputs.get(source, ()), fresh)
    return Learnt({**inputs, source: _with(others, structs.replace(new, facets=fresh))}, fresh, is_late)


def with_written(inputs: Inputs, source: str, new: Held) -> Learnt:
    """The inputs with what a source set right: what was seen of it until then counts no more."""
    if DELETED not in new.facets and is_newest(inputs, new.at):
        after = {name: left for name, held in inputs.items() if (left := _without(held, new.facets))}
        after[source] = _with(after.get(source, ()), new)
        return Learnt(after, new.facets)
    known = by_facet(inputs, new.facets.keys() | {DELETED})
    begun = _written_at(known.get(DELETED, {}))
    fresh = {
        facet: value
        for facet, value in new.facets.items()
        if begun <= new.at and _written_at(known.get(facet, {})) <= new.at
    }
    if not fresh:
        return Learnt(inputs, fresh, is_late=True)
    moved: Collection[str] = facets_in(inputs) | fresh.keys() if DELETED in fresh else fresh
    after = {name: left for name, held in inputs.items() if (left := _since(held, moved, new.at))}
    after[source] = _with(after.get(source, ()), structs.replace(new, facets=fresh))
    return Learnt(after, moved, len(fresh) < len(new.facets))


def is_gone(inputs: Inputs) -> bool:
    """Whether nothing is left but that the twin ended."""
    for held in inputs.values():
        for each in held:
            if len(each.facets) > 1 or DELETED not in each.facets:
                return False
    return not inputs or latest(DELETED, by_facet(inputs, {DELETED})[DELETED]) is True


def is_written(inputs: Inputs) -> bool:
    """Whether somebody set something right, so that older sightings of it do not count."""
    for held in inputs.values():
        for each in held:
            if each.writes:
                return True
    return False


def by_facet(inputs: Inputs, wanted: Set[str]) -> dict[str, dict[str, Held]]:
    """Of each wanted facet who says something of it, and in which statement."""
    found: dict[str, dict[str, Held]] = {}
    for source, held in inputs.items():
        for each in held:
            for facet in each.facets.keys() & wanted:
                found.setdefault(facet, {})[source] = each
    return found


def saying(inputs: Inputs, facets: Collection[str]) -> list[tuple[str, Held]]:
    """The statements that say something of some of the facets, with their sources."""
    return [
        (source, each) for source, held in inputs.items() for each in held if not each.facets.keys().isdisjoint(facets)
    ]


def latest(facet: str, told: Mapping[str, Held]) -> Any:
    """What the newest statement says; None where there is none."""
    if not told:
        return None
    newest = max((each.at, each.known_at, source) for source, each in told.items())
    return told[newest[2]].facets[facet]


def micros(when: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (when - _EPOCH) // _MICROSECOND


@lru_cache(4096)
def moment(at: int) -> datetime:
    """The time of so many microseconds since 1970."""
    return _EPOCH + timedelta(0, 0, at)


def _is_alone(inputs: Inputs, source: str, facets: Json) -> bool:
    """Whether no other source says anything of the facets."""
    for name, held in inputs.items():
        if name != source:
            for each in held:
                if not each.facets.keys().isdisjoint(facets):
                    return False
    return True


def _written_at(told: Mapping[str, Held]) -> int:
    """When the facet was written; what was seen until then does not count."""
    return max((each.at for each in told.values() if each.writes), default=NEVER)


def _without(held: tuple[Held, ...], facets: Json) -> tuple[Held, ...]:
    """What is left of the statements of a source that says some facets anew."""
    left = []
    for each in held:
        if each.facets.keys().isdisjoint(facets):
            left.append(each)
        elif rest := {facet: value for facet, value in each.facets.items() if facet not in facets}:
            left.append(structs.replace(each, facets=rest))
    return tuple(left)


def _since(held: tuple[Held, ...], facets: Collection[str], at: int) -> tuple[Held, ...]:
    """What is left of the statements of a source where facets were set right at a time."""
    newer = tuple([each for each in held if each.at > at])
    return newer + _without(held[len(newer) :], dict.fromkeys(facets))


def _with(held: tuple[Held, ...], new: Held) -> tuple[Held, ...]:
    """Statements of a source in their order; parts of one are one."""
    if not held or held[0].at < new.at:
        return new, *held
    place = (new.at, new.known_at, new.quality, new.writes)
    for each in held:
        if (each.at, each.known_at, each.quality, each.writes) == place:
            new = structs.replace(new, facets={**each.facets, **new.facets})
    others = [each for each in held if (each.at, each.known_at, each.quality, each.writes) != place]
    return tuple(sorted([new, *others], key=_newest_first))


def _newest_first(held: Held) -> tuple[int, int, float, bool]:
    return -held.at, -held.known_at, -held.quality, held.writes
