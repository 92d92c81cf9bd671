"""A twin as it was: told again from a state and the journal lines behind it.

start (nothing, or a snapshot) ─▶ patches of the lines    ─▶ what was shown then: never rewritten
                               └▶ statements of the lines ─▶ what was true then: late ones count, in whatever order
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import replace as narrowed
from datetime import UTC, datetime

from msgspec.structs import replace

from services.twin.domain.inputs import facets_in
from services.twin.domain.moving import in_words_of_now, migrations_in, moved_inputs
from services.twin.domain.statements import Rules, joined, latest_everywhere, learn, shown, statement_of
from services.twin.domain.twins import Change, Json, Origin, Twin, document, empty, merge_patch, relations_of

_BEFORE = datetime.min.replace(tzinfo=UTC)
NOBODY = Origin.of(_BEFORE, _BEFORE, "", "")


@dataclass(frozen=True, slots=True)
class Kept:
    """From where on the history of a twin is kept: what is older than the retention allows is gone."""

    revision: int
    """The last one whose line is gone; its state is there."""
    since: datetime

    def is_after(self, begun: int | datetime) -> bool:
        """Whether a range that begins there asks for what is gone."""
        return begun < self.since if isinstance(begun, datetime) else begun <= self.revision


@dataclass(frozen=True, slots=True)
class Range:
    """Which lines of a journal are meant; each bound may be absent, ends are not included."""

    from_revision: int | None = None
    to_revision: int | None = None
    changed_from: datetime | None = None
    changed_to: datetime | None = None
    known_from: datetime | None = None
    known_to: datetime | None = None
    newest_first: bool = False

    def behind(self, cursor: int) -> Range:
        """What is left of it from a revision on, in its own order."""
        if self.newest_first:
            return narrowed(self, to_revision=min(self.to_revision or cursor + 1, cursor + 1))
        return narrowed(self, from_revision=max(self.from_revision or cursor, cursor))

    def beginnings(self) -> dict[str, int | datetime]:
        """Where it begins, by the name of the bound."""
        bounds = {
            "from_revision": self.from_revision,
            "changed_from": self.changed_from,
            "known_from": self.known_from,
        }
        return {name: bound for name, bound in bounds.items() if bound is not None}


def nothing(twin_id: str) -> Twin:
    """Before anything was said of a twin."""
    return empty(twin_id, NOBODY)


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
        inputs = inputs if learnt is None else learnt.inputs
        revision = max(last.revision, change.revision)
        last = replace(last, revision=revision, origin=joined(last, change.origin))
    bare = replace(last, properties={}, desired={}, relations=())
    return shown(bare, inputs, facets_in(inputs), rules)


def state_at(start: Twin, changes: Sequence[Change]) -> Twin:
    """The whole state after lines of the journal, as a snapshot keeps it: what was shown, and what it was made of."""
    return replace(shown_then(start, changes), inputs=true_then(start, changes).inputs)
