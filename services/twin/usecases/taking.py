"""Twins follow what records say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from msgspec.structs import replace

from services.twin.domain import statements
from services.twin.domain.feeding.feeds import Feeds, Seen, standing
from services.twin.domain.statements import Rules, Sighting, Statement, Told
from services.twin.domain.twins import Change, Twin, model_of
from services.twin.domain.types import Types
from services.twin.usecases.twins import Store, Unit

FEW = 64
"""Records of which it is worth while to decide without locks what they say."""


@dataclass(frozen=True, slots=True)
class Part:
    """A message of records of one kind."""

    message_id: str
    kind: str
    records: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Taken:
    """How many twins changed; by model, of how many records a model does not allow what they say; and what was measured
    of twins that take it in only once in a while."""

    changed: int
    left_out: Mapping[str, int]
    readings: Sequence[Sighting]
    versions: Mapping[str, str]
    """By model, the version in whose words its readings are."""


async def take_in_records(
    store: Store, feeds: Feeds, parts: Sequence[Part], *, consumer: str, known_at: datetime
) -> Taken:
    """Updates twins from messages of records, each once, all in one transaction."""

    async def taken(unit: Unit) -> tuple[int, Seen]:
        new = await unit.mark_new(consumer, [part.message_id for part in parts])
        seen = Seen()
        for kind, records in _by_kind(part for part in parts if part.message_id in new):
            seen = seen.with_more(feeds.read(kind, records, known_at, unit.types.base))
            for totals in feeds.totals(kind):
                sums = await unit.totals(totals, standing(records))
                seen = seen.with_more(feeds.read(kind, sums, known_at, unit.types.base, totals=totals))
        return await _sight(unit, seen.sightings), seen

    changed, seen = await store.in_one(taken, few=sum(part.records.height for part in parts) <= FEW)
    feeds.note(seen)
    return Taken(changed, seen.left_out, *_passing(seen.readings, store.types))


def _passing(readings: Sequence[Sighting], types: Types) -> tuple[Sequence[Sighting], Mapping[str, str]]:
    """What was measured, in the words of the version that counts: while twins are migrated it is that of before."""
    versions = {model: types[model].dtmi for model in {model_of(each.id) for each in readings}}
    carries = {model: types.carries[dtmi] for model, dtmi in versions.items() if dtmi in types.carries}
    if not carries:
        return readings, versions
    told = []
    for each in readings:
        carry = carries.get(model_of(each.id))
        told.append(replace(each, said=replace(each.said, facets=carry(each.said.facets))) if carry else each)
    return [each for each in told if each.properties], versions


def _by_kind(parts: Iterable[Part]) -> list[tuple[str, pl.DataFrame]]:
    """The records of each kind, one message behind the other."""
    frames: dict[str, list[pl.DataFrame]] = {}
    for part in parts:
        frames.setdefault(part.kind, []).append(part.records)
    return [(kind, each[0] if len(each) == 1 else pl.concat(each, how="diagonal")) for kind, each in frames.items()]


async def seed(store: Store, seen: Sequence[Sighting]) -> int:
    """Updates twins from configuration; returns how many changed."""
    return await store.in_one(lambda unit: _sight(unit, seen), few=len(seen) <= FEW)


async def _sight(unit: Unit, seen: Sequence[Sighting]) -> int:
    """Applies sightings in their order; returns how many of them said something new."""
    if not seen:
        return 0
    said = [(each.id, each.said) for each in seen]
    current = await unit.lock(sorted({twin_id for twin_id, _ in said}), seen[0].said.origin)
    if unit.types.carries:
        said = [(twin_id, _in_its_words(each, current[twin_id], unit)) for twin_id, each in said]
    told = await unit.told_before([each for each in said if _is_late(current[each[0]], each[1])])
    by_twin: dict[str, list[Statement]] = {}
    for twin_id, statement in said:
        by_twin.setdefault(twin_id, []).append(statement)
    return await unit.save(
        outcome
        for twin_id, of_twin in by_twin.items()
        for outcome in _news(current[twin_id], of_twin, told, unit.rules)
    )


def _news(twin: Twin, said: Sequence[Statement], told: Told, rules: Rules) -> Iterator[tuple[Twin, Change]]:
    """What the statements make of a twin, one after the other."""
    for statement in said:
        outcome = statements.apply(twin, statement, rules)
        if outcome is not None and not (outcome[1].late and not told.add(twin.id, statement)):
            twin = outcome[0]
            yield outcome


def _in_its_words(statement: Statement, twin: Twin, unit: Unit) -> Statement:
    """Records are read in the words that the types had when the process began; a twin may be at a later version."""
    carry = unit.types.carries.get(unit.type_of(twin).dtmi)
    return replace(statement, facets=carry(statement.facets)) if carry else statement


def _is_late(twin: Twin, statement: Statement) -> bool:
    """Whether something newer is known of what it says: it may have been said before, and the inputs have forgotten."""
    if not twin.revision or statement.origin.changed_us > twin.origin.changed_us:
        return False
    learnt = statements.learn(twin.inputs, statement)
    return learnt is not None and learnt.is_late
