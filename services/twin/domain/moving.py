"""A twin brought to another version of its type: what it shows, what its sources said, and its journal line.

The line says the steps. Whoever tells the past again puts what was learnt before it into its words by them; what was
true before the line is told in the words of then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from services.twin.domain.inputs import DELETED, Inputs, facets_in
from services.twin.domain.migrating import Misfit, Steps
from services.twin.domain.statements import (
    DESIRED,
    RELATIONS,
    Rules,
    Statement,
    joined,
    learn,
    said_by,
    shown,
)
from services.twin.domain.twins import Change, Json, Origin, Twin, difference, document

STEPS = "steps"
SOURCE = "model:"


def migrated(twin: Twin, steps: Steps, origin: Origin, rules: Rules) -> tuple[Twin, Change] | None:
    """The twin after the steps, and its journal line; None where they change nothing. Raises Misfit."""
    after = steps.properties(twin.properties)
    kept = steps.properties(twin.properties, fills=False)
    filled = {name: value for name, value in after.items() if kept.get(name) != value}
    inputs = moved_inputs(twin.inputs, steps)
    # A twin of which nothing is left is there all the same.
    statement = Statement(filled or ({} if inputs else {DELETED: False}), origin)
    learnt = learn(inputs, statement)
    inputs = inputs if learnt is None else learnt.inputs
    touched = [each for each in facets_in(twin.inputs) | facets_in(inputs) if _is_touched(each, steps)]
    moved = shown(twin, inputs, touched, rules)
    moved = replace(moved, revision=twin.revision + 1, origin=joined(twin, origin))
    patch = difference(document(twin), document(moved))
    if not patch and inputs == twin.inputs:
        return None
    return moved, Change(moved.revision, patch, origin, {STEPS: steps.told, **said_by(statement)})


def moved_inputs(inputs: Inputs, steps: Steps) -> Inputs:
    """What each source said, in the words after the steps; what cannot be said in them is left out."""
    found = {
        source: tuple([replace(each, facets=said) for each in held if (said := facets_after(each.facets, steps))])
        for source, held in inputs.items()
    }
    return {source: held for source, held in found.items() if held}


def _is_touched(facet: str, steps: Steps) -> bool:
    return facet == DESIRED or facet.removeprefix(RELATIONS) in steps.heads


def _said(facet: str, value: Any, steps: Steps) -> Json:
    if facet == DELETED:
        return {facet: value}
    try:
        if facet == DESIRED:
            return {facet: steps.desired(value) if value else value}
        if facet.startswith(RELATIONS):
            name = steps.relation(facet.removeprefix(RELATIONS))
            return {} if name is None else {RELATIONS + name: value}
        return steps.properties({facet: value}, fills=False)
    except Misfit:
        return {}


def facets_after(facets: Json, steps: Steps) -> Json:
    """What a statement says, in the words after the steps; what cannot be said in them is left out."""
    found: Json = {}
    for facet, value in facets.items():
        found |= _said(facet, value, steps) if _is_touched(facet, steps) else {facet: value}
    return found


def in_words_of_now(statement: Statement, revision: int, lines: Sequence[tuple[int, Steps]]) -> Statement:
    """A statement of that revision after the migrations that came behind it."""
    for moved_at, steps in lines:
        if revision < moved_at:
            statement = replace(statement, facets=facets_after(statement.facets, steps))
    return statement


def migrations_in(changes: Iterable[Change]) -> list[tuple[int, Steps]]:
    """Revisions of the migrations among journal lines, in their order, with their steps."""
    return sorted(
        (
            (each.revision, Steps.of(each.said[STEPS]))
            for each in changes
            if each.said is not None and STEPS in each.said
        ),
        key=_by_revision,
    )


def _by_revision(line: tuple[int, Steps]) -> int:
    return line[0]
