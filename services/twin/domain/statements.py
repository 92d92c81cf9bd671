"""What is said of twins, and what is shown of it.

    statement ─▶ inputs (per facet the newest of each source) ─▶ shown value, by the rule of the property

A sighting is what a source saw; a write is what a person or partner set right: what was seen before it counts no more.

facet             value
NAME              of a property; null where a write took it away
relations/NAME    list of the ids that it leads to
/desired          all desired properties
/deleted          true where a write ended the twin, false where one made all of it anew, or where somebody only saw it
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct, structs

from services.twin.domain import inputs as made_of
from services.twin.domain.fusion.fuse import fused_value
from services.twin.domain.fusion.rule import LATEST, Rule
from services.twin.domain.inputs import DELETED, Held, Inputs, Learnt, inputs_of
from services.twin.domain.twins import Change, Json, Origin, Relation, Twin, difference, document, listed

Rules = Callable[[str, str], Rule]
"""How a property of a model is fused."""

DESIRED = "/desired"
RELATIONS = "relations/"
PERSON = "user:"
WROTE, SAW = "write:", "record:"
_ONLY_PROPERTIES = {"properties"}


class Statement(Struct, frozen=True, gc=False):
    """What one source says of one twin at one time."""

    facets: Json
    origin: Origin
    quality: float = 1.0
    """0 to 1: how far the source itself trusts what it says."""
    writes: bool = False


class Sighting(Struct, frozen=True, gc=False):
    """What a source saw of one twin."""

    id: str
    said: Statement

    @classmethod
    def of(
        cls, twin_id: str, properties: Json, relations: Iterable[Relation], origin: Origin, quality: float = 1.0
    ) -> Sighting:
        facets = dict(properties)
        for each in relations:
            facets.setdefault(RELATIONS + each.name, []).append(each.target)
        return cls(twin_id, Statement(facets or {DELETED: False}, origin, quality))

    @property
    def properties(self) -> Json:
        _, led, others = _apart(tuple(self.said.facets))
        return _properties(self.said.facets, led, others)


class Told:
    """What some sources said before, to know a repetition of what the newest inputs no longer hold."""

    def __init__(self) -> None:
        self._facets: dict[tuple[str, str, int], Json] = {}

    def add(self, twin_id: str, statement: Statement) -> bool:
        """Keeps what is said of a twin; False where all of it was said before."""
        key = (twin_id, statement.origin.source, statement.origin.changed_us)
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


def latest_everywhere(_model: str, _name: str) -> Rule:
    """The rule of properties that nobody has given another one."""
    return LATEST


def learn(inputs: Inputs, statement: Statement) -> Learnt | None:
    """The inputs with a statement, the facets it moved, and whether some of it came too late to count.

    None where it says nothing that was not known.
    """
    if not statement.facets:
        return None
    origin = statement.origin
    new = Held(origin.changed_us, origin.known_us, statement.quality, statement.writes, statement.facets)
    add = made_of.with_written if statement.writes else made_of.with_seen
    return add(inputs, input_key(statement), new)


def apply(twin: Twin, statement: Statement, rules: Rules = latest_everywhere) -> tuple[Twin, Change] | None:
    """The twin after a statement, and its journal line; None where it says nothing that was not known.

    A line whose patch is empty confirms what is shown, or comes too late to be shown.
    """
    learnt = learn(twin.inputs, statement)
    if learnt is None:
        return None
    values = learnt.values
    if values is None:
        values = _values(twin, learnt.inputs, learnt.touched, rules)
    after, patch = _shown_since(twin, learnt.inputs, values, joined(twin, statement.origin))
    said = None if _says_all(patch, statement) else said_by(statement)
    return after, Change(after.revision, patch, statement.origin, said, learnt.is_late)


def reshown(twin: Twin, name: str, rules: Rules, origin: Origin) -> tuple[Twin, Change] | None:
    """The twin where another rule holds for a property, and its journal line, which states nothing new of the world.

    None where the same is shown as before, or the twin is gone.
    """
    values = _values(twin, twin.inputs, [name], rules)
    after, patch = _shown_since(twin, twin.inputs, values, joined(twin, origin))
    if not patch or not twin.exists:
        return None
    return after, Change(after.revision, patch, origin, {})


def joined(twin: Twin, origin: Origin) -> Origin:
    """Where the state comes from: who said something last; the newest time of which, and at which, it was said."""
    before = twin.origin
    if not twin.revision or (origin.changed_us >= before.changed_us and origin.known_us >= before.known_us):
        return origin
    changed_us, known_us = max(origin.changed_us, before.changed_us), max(origin.known_us, before.known_us)
    return Origin(changed_us, known_us, origin.source, origin.trace_id)


def shown(twin: Twin, inputs: Inputs, touched: Collection[str], rules: Rules) -> Twin:
    """The twin as its inputs show it, where those of the touched facets moved."""
    values = _values(twin, inputs, touched, rules)
    return structs.replace(_shown_since(twin, inputs, values, twin.origin)[0], revision=twin.revision)


def _shown_since(twin: Twin, inputs: Inputs, values: Json, origin: Origin) -> tuple[Twin, Json]:
    """The next revision of the twin, of which other values are to be shown, and what changed as a merge patch."""
    names, led, others = _apart(tuple(values))
    desired = values[DESIRED] or {} if DESIRED in others else twin.desired
    relations = _with_relations(twin.relations, values, led) if led else twin.relations
    properties = twin.properties
    if twin.revision:
        changed = {}
        for name in names:
            if properties.get(name) != (value := values[name]):
                changed[name] = value
    else:
        changed = _properties(values, led, others)
    if changed:
        properties = _with_changed(properties, changed)
    # Of what is gone nothing is shown.
    is_gone = not (properties or relations or desired) and made_of.is_gone(inputs)
    after = Twin(twin.id, twin.model, twin.revision + 1, properties, desired, relations, origin, inputs, is_gone)
    if twin.deleted or not twin.revision:
        return after, document(after)
    if is_gone:
        return after, difference(document(twin), document(after))
    return after, _patch(twin, after, changed)


def _values(twin: Twin, inputs: Inputs, touched: Collection[str], rules: Rules) -> Json:
    """What is to be shown of each touched facet; None: nothing."""
    said = made_of.saying(inputs, touched)
    if len(said) == 1:
        # Mostly it is one statement that says all of it.
        only = said[0][1].facets
        return only if touched is only else {facet: only.get(facet) for facet in touched}
    return {facet: _fused(said, rules, twin, facet) for facet in touched}


@lru_cache(4096)
def _apart(facets: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Properties, relations with their names, and what is neither: most statements of a source name the same."""
    relations = tuple([(facet, facet.removeprefix(RELATIONS)) for facet in facets if facet.startswith(RELATIONS)])
    others = tuple([facet for facet in facets if facet.startswith("/")])
    return tuple([facet for facet in facets if "/" not in facet]), relations, others


def said_by(statement: Statement) -> Json:
    """A statement as JSON: {properties, desired, relations: {NAME: [ids]}, deleted, quality, writes}, what applies."""
    said: Json = {}
    facets = statement.facets
    names, led, others = _apart(tuple(facets))
    if led:
        relations = said["relations"] = {}
        for facet, name in led:
            relations[name] = facets[facet]
    for facet in others:
        said[facet.removeprefix("/")] = facets[facet]
    if names:
        said["properties"] = _properties(facets, led, others)
    if statement.quality != 1.0:
        said["quality"] = statement.quality
    if statement.writes is not statement.origin.source.startswith(PERSON):
        said["writes"] = statement.writes
    return said


def _properties(facets: Json, led: Iterable[tuple[str, str]], others: Iterable[str]) -> Json:
    """Those of the facets that are properties."""
    if not led and not others:
        return facets
    # Mostly nearly all of them: to copy all and to leave some out costs less than to look at each.
    properties = facets.copy()
    for facet, _ in led:
        del properties[facet]
    for facet in others:
        del properties[facet]
    return properties


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


def _says_all(patch: Json, statement: Statement) -> bool:
    """Whether a statement can be told from what its line changes."""
    facets = statement.facets
    is_person = statement.origin.source.startswith(PERSON)
    if statement.quality != 1.0 or statement.writes is not is_person:
        return False
    if patch.keys() == _ONLY_PROPERTIES:
        return bool(patch["properties"] == facets)
    if "model" not in patch:
        told = len(patch.get("properties", ())) + len(patch.get("relations", ())) + ("desired" in patch)
        if told < len(facets):
            return False
    elif not is_person and _is_shown_whole(patch, facets):
        return True
    return said_by(statement) == _implied(patch, statement.origin.source)


def _is_shown_whole(patch: Json, facets: Json) -> bool:
    """Whether a twin that begins to be shows just what is seen of it, which nearly all do."""
    _, led, others = _apart(tuple(facets))
    if others or patch["model"] is None or [facet for facet, _ in led if len(facets[facet]) != 1]:
        return False
    return len(patch["relations"]) == len(led) and bool(patch["properties"] == _properties(facets, led, others))


def _fused(said: Sequence[tuple[str, Held]], rules: Rules, twin: Twin, facet: str) -> Any:
    told = {source: each for source, each in said if facet in each.facets}
    if len(told) > 1 and "/" not in facet:
        rule = rules(twin.model, facet)
        if rule.method != "latest":
            return fused_value(inputs_of({source: (each,) for source, each in told.items()}, facet), rule)
    return made_of.latest(facet, told)


def _with_changed(known: Json, changed: Json) -> Json:
    """The properties with those that changed; None: gone."""
    properties = {**known, **changed} if known else changed
    if None in changed.values():
        return {name: value for name, value in properties.items() if value is not None}
    return properties


def _with_relations(
    known: tuple[Relation, ...], values: Json, led: Collection[tuple[str, str]]
) -> tuple[Relation, ...]:
    """The relations after what was said of some of them, sorted, each once."""
    relations: list[Relation] = []
    said: list[str] = []
    for facet, name in led:
        said.append(name)
        targets = values[facet] or ()
        for target in targets if len(targets) < 2 else set(targets):
            relations.append(Relation(name, target))
    for each in known:
        if each.name not in said:
            relations.append(each)
    relations.sort()
    after = tuple(relations)
    return known if known == after else after


def _patch(before: Twin, after: Twin, changed: Json) -> Json:
    patch: Json = {}
    if changed:
        patch["properties"] = changed
        if dict in map(type, changed.values()):
            # Of objects only what changed within.
            known = before.properties
            patch["properties"] = difference({name: known[name] for name in changed if name in known}, changed)
    if after.desired is not before.desired and (wishes := difference(before.desired, after.desired)):
        patch["desired"] = wishes
    if after.relations is not before.relations:
        patch["relations"] = listed(after.relations)
    return patch
