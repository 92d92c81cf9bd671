"""What is said of twins, and what is shown of it.

    statement ─▶ inputs (per facet the newest of each source) ─▶ shown value, by the rule of the property

A sighting is what a source saw; a write is what a person or partner set right: what was seen before it counts no more.

facet             value
NAME              of a property; null where a write took it away
relations/NAME    list of the ids that it leads to
/desired          all desired properties
/deleted          true where a write ended the twin, false where one made all of it anew, or where somebody only saw it

The inputs do not depend on the order in which statements are learnt (of two at the same time the later learnt counts),
so what comes late is put where it belongs, and any past is told from the statements that were known then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.twin.domain.fusion.fuse import fused_value
from services.twin.domain.fusion.rule import LATEST, Rule
from services.twin.domain.twins import (
    Change,
    Inputs,
    Json,
    Origin,
    Relation,
    Sighting,
    Twin,
    difference,
    document,
)

Rules = Callable[[str, str], Rule]
"""How a property of a model is fused."""

DESIRED = "/desired"
DELETED = "/deleted"
RELATIONS = "relations/"
VALUE, AT, KNOWN_AT, QUALITY, WRITES = range(5)
NEVER = -(2**63)
PERSON = "user:"
WROTE, SAW = "write:", "record:"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Mapping[str, list[Any]] = {}


@dataclass(frozen=True, slots=True)
class Statement:
    """What one source says of one twin at one time."""

    facets: Json
    origin: Origin
    quality: float = 1.0
    """0 to 1: how far the source itself trusts what it says."""
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """The newest that one source says of one facet."""

    value: Any
    at: datetime
    known_at: datetime
    source: str
    quality: float
    writes: bool


class Told:
    """What some sources said before, to know a repetition of what the newest inputs no longer hold."""

    def __init__(self) -> None:
        self._facets: dict[tuple[str, str, datetime], Json] = {}

    def add(self, twin_id: str, statement: Statement) -> bool:
        """Keeps what is said of a twin; False where all of it was said before."""
        key = (twin_id, statement.origin.source, statement.origin.changed_at)
        before = self._facets.setdefault(key, {})
        said = {facet: (value, statement.quality) for facet, value in statement.facets.items()}
        if all(before.get(facet) == each for facet, each in said.items()):
            return False
        before |= said
        return True


def input_key(statement: Statement) -> str:
    """Under which name the inputs of a statement are kept: persons write and sources see, what is otherwise is said.

    What a source writes stays beside what it sees later, or nobody knew any more what the write set right.
    """
    source = statement.origin.source
    if statement.writes is source.startswith(PERSON):
        return source
    return (WROTE if statement.writes else SAW) + source


def newest_at(inputs: Inputs, facets: Iterable[str]) -> datetime | None:
    """When the newest of what is known of some facets was true."""
    times = [each[AT] for facet in facets for each in inputs.get(facet, _NOTHING).values()]
    return _moment(max(times)) if times else None


def latest_everywhere(_model: str, _name: str) -> Rule:
    """The rule of properties that nobody has given another one."""
    return LATEST


def seen(sighting: Sighting) -> Statement:
    """A sighting as a statement; null says nothing. What ends a twin sets right all that was seen of it before."""
    if sighting.ends:
        return Statement({DELETED: True}, sighting.origin, sighting.quality, writes=True)
    facets = {name: value for name, value in sighting.properties.items() if value is not None}
    for relation in sighting.relations:
        facets.setdefault(RELATIONS + relation.name, []).append(relation.target)
    for name in sighting.gone:
        facets[RELATIONS + name] = []
    return Statement(facets or {DELETED: False}, sighting.origin, sighting.quality)


def inputs_of(told: Mapping[str, list[Any]]) -> dict[str, Input]:
    """The inputs of a facet by source, as fusion takes them."""
    return {
        source: Input(value, _moment(at), _moment(known_at), source, quality, bool(writes))
        for source, (value, at, known_at, quality, writes) in told.items()
    }


def learn(inputs: Inputs, statement: Statement) -> tuple[Inputs, Iterable[str], bool] | None:
    """The inputs with a statement, the facets it moved, and whether some of it came too late to count.

    None where it says nothing that was not known.
    """
    fresh, is_late = (_with_write if statement.writes else _with_sighting)(inputs, statement)
    if not fresh:
        return (inputs, fresh, True) if is_late else None
    after = {**inputs, **fresh}
    if statement.writes:
        after = {facet: told for facet, told in after.items() if told}
    return after, fresh, is_late


def apply(twin: Twin, statement: Statement, rules: Rules = latest_everywhere) -> tuple[Twin, Change] | None:
    """The twin after a statement, and its journal line; None where it says nothing that was not known.

    A line whose patch is empty confirms what is shown, or comes too late to be shown.
    """
    learnt = learn(twin.inputs, statement)
    if learnt is None:
        return None
    inputs, touched, is_late = learnt
    after = _shown_since(twin, inputs, touched, rules, joined(twin, statement.origin))
    patch = _patch(twin, after, touched)
    said: Json | None = said_by(statement)
    if said == _implied(patch, statement.origin.source):
        said = None
    return after, Change(after.revision, patch, statement.origin, said, is_late)


def reshown(twin: Twin, name: str, rules: Rules, origin: Origin) -> tuple[Twin, Change] | None:
    """The twin where another rule holds for a property, and its journal line, which states nothing new of the world.

    None where the same is shown as before, or the twin is gone.
    """
    after = shown(twin, twin.inputs, [name], rules)
    patch = _patch(twin, after, [name])
    if not patch or not twin.exists:
        return None
    after = replace(after, revision=twin.revision + 1, origin=joined(twin, origin))
    return after, Change(after.revision, patch, origin, {})


def joined(twin: Twin, origin: Origin) -> Origin:
    """Where the state comes from: who said something last; the newest time of which, and at which, it was said."""
    if not twin.revision:
        return origin
    changed_at, known_at = max(origin.changed_at, twin.origin.changed_at), max(origin.known_at, twin.origin.known_at)
    if (changed_at, known_at) == (origin.changed_at, origin.known_at):
        return origin
    return Origin(changed_at, known_at, origin.source, origin.trace_id)


def shown(twin: Twin, inputs: Inputs, touched: Iterable[str], rules: Rules) -> Twin:
    """The twin as its inputs show it, where those of the touched facets moved."""
    return replace(_shown_since(twin, inputs, touched, rules, twin.origin), revision=twin.revision)


def _shown_since(twin: Twin, inputs: Inputs, touched: Iterable[str], rules: Rules, origin: Origin) -> Twin:
    """The next revision of the twin, as its inputs show it."""
    properties, desired, relations = twin.properties, twin.desired, twin.relations
    for facet in touched:
        told = inputs.get(facet) or _NOTHING
        if "/" not in facet:
            if properties is twin.properties:
                properties = dict(properties)
            value = _only(told) if len(told) == 1 else _fused(told, rules, twin.model, facet)
            if value is None:
                properties.pop(facet, None)
            else:
                properties[facet] = value
        elif facet == DESIRED:
            desired = _latest(told) or {}
        elif facet != DELETED:
            relations = _with_relation(relations, facet.removeprefix(RELATIONS), _latest(told) or [])
    return Twin(
        twin.id,
        twin.model,
        twin.revision + 1,
        properties,
        desired,
        relations,
        origin,
        inputs,
        _is_gone(inputs),
    )


def said_by(statement: Statement) -> Json:
    """A statement as JSON: {properties, desired, relations: {NAME: [ids]}, deleted, quality, writes}, what applies."""
    said: Json = {}
    properties: Json = {}
    relations: Json = {}
    for facet, value in statement.facets.items():
        if "/" not in facet:
            properties[facet] = value
        elif facet.startswith(RELATIONS):
            relations[facet.removeprefix(RELATIONS)] = value
        else:
            said[facet.removeprefix("/")] = value
    if properties:
        said["properties"] = properties
    if relations:
        said["relations"] = relations
    if statement.quality != 1.0:
        said["quality"] = statement.quality
    if statement.writes is not statement.origin.source.startswith(PERSON):
        said["writes"] = statement.writes
    return said


def statement_of(change: Change) -> Statement:
    """What a journal line says."""
    source = change.origin.source
    said = change.said if change.said is not None else _implied(change.patch, source)
    facets: Json = dict(said.get("properties") or {})
    facets |= {RELATIONS + name: targets for name, targets in said.get("relations", {}).items()}
    facets |= {f"/{name}": said[name] for name in ("desired", "deleted") if name in said}
    return Statement(facets, change.origin, said.get("quality", 1.0), said.get("writes", source.startswith(PERSON)))


def _implied(patch: Json, source: str) -> Json:
    """What a line says that names no statement: what its patch changes."""
    if patch.get("model", "") is None:
        return {"deleted": True}
    said: Json = {name: patch[name] for name in ("properties", "desired") if patch.get(name)}
    if patch.get("relations"):
        named: dict[str, list[str]] = {}
        for each in patch["relations"]:
            named.setdefault(each["name"], []).append(each["target"])
        said["relations"] = named
    if "model" in patch and (not said or source.startswith(PERSON)):
        said["deleted"] = False
    return said


def _with_sighting(inputs: Inputs, statement: Statement) -> tuple[dict[str, Mapping[str, list[Any]]], bool]:
    source, quality = input_key(statement), statement.quality
    at, known_at = micros(statement.origin.changed_at), micros(statement.origin.known_at)
    begun = _written_at(inputs.get(DELETED))
    fresh: dict[str, Mapping[str, list[Any]]] = {}
    is_late = False
    for facet, value in statement.facets.items():
        told = inputs.get(facet)
        if not told:
            if at > begun:
                fresh[facet] = {source: [value, at, known_at, quality, 0]}
            else:
                is_late = True
            continue
        before = told.get(source)
        if before is not None and before[AT] == at and before[VALUE] == value and before[QUALITY] == quality:
            continue
        is_old = before is not None and (before[AT], before[KNOWN_AT]) > (at, known_at)
        if is_old or at <= begun or at <= _written_at(told):
            is_late = True
        else:
            fresh[facet] = {**told, source: [value, at, known_at, quality, 0]}
    return fresh, is_late


def _with_write(inputs: Inputs, statement: Statement) -> tuple[dict[str, Mapping[str, list[Any]]], bool]:
    source = input_key(statement)
    at, known_at = micros(statement.origin.changed_at), micros(statement.origin.known_at)
    begun = _written_at(inputs.get(DELETED))
    fresh: dict[str, Mapping[str, list[Any]]] = {}
    is_late = False
    for facet, value in statement.facets.items():
        told = inputs.get(facet) or _NOTHING
        if begun > at or _written_at(told) > at:
            is_late = True
        else:
            fresh[facet] = {source: [value, at, known_at, statement.quality, 1], **_since(told, at)}
    if DELETED in fresh:
        fresh |= {facet: _since(told, at) for facet, told in inputs.items() if facet not in fresh}
    return fresh, is_late


def _since(told: Mapping[str, list[Any]], at: int) -> Mapping[str, list[Any]]:
    return {source: each for source, each in told.items() if each[AT] > at}


def _written_at(told: Mapping[str, list[Any]] | None) -> int:
    """When the facet was written, in microseconds; what was seen until then does not count."""
    if told:
        for each in told.values():
            if each[WRITES]:
                return int(each[AT])
    return NEVER


def _is_gone(inputs: Inputs) -> bool:
    if DELETED not in inputs:
        return not inputs
    return len(inputs) == 1 and _latest(inputs[DELETED]) is True


def _fused(told: Mapping[str, list[Any]], rules: Rules, model: str, name: str) -> Any:
    if len(told) > 1:
        rule = rules(model, name)
        if rule.method != "latest":
            return fused_value(inputs_of(told), rule)
    return _latest(told)


def _only(told: Mapping[str, list[Any]]) -> Any:
    for each in told.values():
        return each[VALUE]
    return None


def _latest(told: Mapping[str, list[Any]]) -> Any:
    if len(told) < 2:
        return _only(told)
    return max((each[AT], each[KNOWN_AT], source, each) for source, each in told.items())[-1][VALUE]


def _with_relation(known: tuple[Relation, ...], name: str, targets: Iterable[str]) -> tuple[Relation, ...]:
    wanted = sorted(set(targets))
    if wanted == [each.target for each in known if each.name == name]:
        return known
    named = [Relation(name, target) for target in wanted]
    before = [each for each in known if each.name < name]
    return (*before, *named, *[each for each in known if each.name > name])


def _patch(before: Twin, after: Twin, touched: Iterable[str]) -> Json:
    """What of the shown state changed, as a merge patch."""
    if not (before.exists and after.exists):
        return difference(document(before), document(after))
    patch: Json = {}
    if after.properties is not before.properties:
        names = [facet for facet in touched if "/" not in facet]
        if changed := difference(_part(before.properties, names), _part(after.properties, names)):
            patch["properties"] = changed
    if after.desired is not before.desired and (changed := difference(before.desired, after.desired)):
        patch["desired"] = changed
    if after.relations is not before.relations and after.relations != before.relations:
        patch["relations"] = document(after)["relations"]
    return patch


def _part(properties: Json, names: Iterable[str]) -> Json:
    return {name: properties[name] for name in names if name in properties}


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)
