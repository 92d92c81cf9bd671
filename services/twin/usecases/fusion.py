"""How several sources of one property become one: rules, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from chassis.errors import Conflict, NotFound
from services.twin.domain.fusion.fuse import Fusion, fused
from services.twin.domain.fusion.rule import Rule, read_rule
from services.twin.domain.fusion.rule_book import RuleBook, SetRule, holds_of
from services.twin.domain.inputs import facets_in, inputs_of
from services.twin.domain.statements import reshown
from services.twin.domain.twins import Origin, Twin
from services.twin.domain.types import TwinType
from services.twin.usecases.past import get_twin
from services.twin.usecases.twins import Store

GROUP = 500


class FusionRuleStore(Protocol):
    """Rules as they are kept."""

    async def rules(self) -> Sequence[SetRule]: ...
    async def keep(self, rule: SetRule) -> None: ...
    async def note_applied(self, rule: SetRule, at: datetime) -> None: ...
    async def told(self, model: str, name: str, *, after: str, limit: int) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """The property of a model that a rule is about."""

    model: str
    property: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A property's shown value, how it came about, and by which rule."""

    property: str
    unit: str
    rule: Rule
    set_rule: SetRule | None
    """None: nobody set one."""
    fusion: Fusion


async def get_fusion(
    store: Store, twin_id: str, name: str = "", *, at: datetime | None, known_at: datetime | None
) -> tuple[Twin, list[Shown]]:
    """A twin, and how the values of one or all of its properties came about; at a time as `get_twin`."""
    is_past = at is not None or known_at is not None
    twin = await (get_twin(store, twin_id, at=at, known_at=known_at) if is_past else _whole(store, twin_id))
    book = store.book
    told = {facet for facet in facets_in(twin.inputs) if "/" not in facet}
    if name and name not in told:
        raise NotFound(f"no source has told {twin_id} a {name}", code="property_not_found")
    kind = book.types.get(twin.model)
    found = []
    for each in [name] if name else sorted(told):
        rule = book.rule(twin.model, each, known_at)
        unit = kind.properties[each].unit if kind and each in kind.properties else None
        fusion = fused(inputs_of(twin.inputs, each), rule)
        found.append(Shown(each, unit or "", rule, book.set_rule(twin.model, each, known_at), fusion))
    return twin, found


async def _whole(store: Store, twin_id: str) -> Twin:
    twin = await store.get_whole(twin_id)
    if twin is None or not twin.exists:
        raise NotFound(f"there is no twin {twin_id}", code="twin_not_found")
    return twin


def list_fusion_rules(book: RuleBook, model: str) -> list[SetRule]:
    """The rules that were set for properties of a model; NotFound for a model that there is not."""
    _known_model(book.types, model)
    return book.of_model(model)


async def set_fusion_rule(
    store: FusionRuleStore,
    book: RuleBook,
    place: Place,
    told: Mapping[str, Any] | None,
    *,
    expected: int | None,
    by: str,
    now: datetime,
) -> SetRule:
    """Sets a rule, or takes it back (`told` is None); it holds from now on, and every twin follows soon.

    `expected` is the version that must be the newest one; 0: there must be no rule; None: any.
    """
    kind = _known_model(book.types, place.model)
    if place.property not in kind.properties:
        raise NotFound(f"{place.model} has no property {place.property}", code="property_not_found")
    holds = book.set_rule(place.model, place.property)
    _refuse_unmet(place, holds, expected, is_taken_back=told is None)
    rule = None if told is None else read_rule(told, holds_of(kind, place.property)).document()
    newest = book.newest(place.model, place.property)
    version = newest.version + 1 if newest else 1
    made = SetRule(place.model, place.property, version, rule, now, by)
    await store.keep(made)
    book.renew(await store.rules())
    return made


def _refuse_unmet(place: Place, holds: SetRule | None, expected: int | None, *, is_taken_back: bool) -> None:
    version = holds.version if holds else 0
    if expected is not None and expected != version:
        message = f"the rule of {place.model}/{place.property} is at version {version}; read it again"
        raise Conflict(message, code="precondition_failed")
    if is_taken_back and holds is None:
        raise NotFound(f"{place.model}/{place.property} has no rule of its own", code="rule_not_found")


def _known_model(types: Mapping[str, TwinType], model: str) -> TwinType:
    if model not in types:
        raise NotFound(f"there is no model {model}", code="model_not_found")
    return types[model]


async def follow_rules(store: Store, rules: FusionRuleStore, now: Callable[[], datetime]) -> int:
    """Learns rules that were set, here or elsewhere, and lets the twins show what they lead to; how many changed.

    A rule that stumbled on the way is carried through from the beginning: a twin that follows it already stays.
    """
    known = await rules.rules()
    store.book.renew(known)
    waiting = [
        each for each in known if each.applied_at is None and each == store.book.newest(each.model, each.property)
    ]
    number = 0
    for each in waiting:
        number += await _apply(store, rules, each, now)
        await rules.note_applied(each, now())
    return number


async def _apply(store: Store, rules: FusionRuleStore, rule: SetRule, now: Callable[[], datetime]) -> int:
    number, last = 0, ""
    while ids := await rules.told(rule.model, rule.property, after=last, limit=GROUP):
        moment = now()
        origin = Origin.of(moment, moment, f"fusion:{rule.model}/{rule.property};{rule.version}", "")
        async with store.write() as unit:
            locked = await unit.lock(ids, origin)
            outcomes = [reshown(twin, rule.property, store.book.rule, origin) for twin in locked.values()]
            changed = [each for each in outcomes if each is not None]
            await unit.save(changed)
        number, last = number + len(changed), ids[-1]
    return number
