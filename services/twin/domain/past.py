"""A twin as it was: told again from a state and the journal lines behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from services.twin.domain.moving import in_words_of_now, migrations_in, moved_inputs
from services.twin.domain.statements import Rules, joined, latest_everywhere, learn, shown, statement_of
from services.twin.domain.twins import Change, Json, Twin, document, merge_patch, relations_of


def shown_then(start: Twin, changes: Iterable[Change]) -> Twin:
    """What was shown after lines of the journal, in their order: it is never rewritten."""
    state: Json = document(start)
    last = start
    for change in changes:
        state = {} if change.patch.get("model", "") is None else merge_patch(state, change.patch)
        last = replace(last, revision=change.revision, origin=joined(last, change.origin))
    return replace(
        last,
        model=state.get("model", last.model),
        properties=state.get("properties", {}),
        desired=state.get("desired", {}),
        relations=relations_of(state.get("relations", [])),
        inputs={},
        deleted=not state,
    )


def true_then(start: Twin, changes: Iterable[Change], rules: Rules = latest_everywhere) -> Twin:
    """What is shown where only these lines are known besides the start, whatever their order."""
    changes = list(changes)
    moves = migrations_in(changes)
    inputs, last = start.inputs, start
    for moved_at, steps in moves:
        inputs = moved_inputs(inputs, steps) if start.revision < moved_at else inputs
    for change in changes:
        learnt = learn(inputs, in_words_of_now(statement_of(change), change.revision, moves))
        inputs = inputs if learnt is None else learnt[0]
        revision = max(last.revision, change.revision)
        last = replace(last, revision=revision, origin=joined(last, change.origin))
    bare = replace(last, properties={}, desired={}, relations=())
    return shown(bare, inputs, inputs, rules)
