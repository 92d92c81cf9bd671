"""What a client wants to hear of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from chassis.rql.parser import parse_followed
from chassis.rql.predicate import Predicate, predicate
from gateway.live.changes import Change


@dataclass(frozen=True, slots=True)
class Filter:
    """Which twins a client wants: of a model, of some ids, that fulfil a query (RQL without related()), or all."""

    model: str = ""
    ids: frozenset[str] = frozenset()
    query: str = ""

    def select(self, changes: Sequence[Change]) -> Selection:
        """Which of the changes are told. Without a query, a deletion is told as the twin's last state."""
        near = [each for each in changes if self.is_of(each.id, each.model)]
        if not self.query:
            return _selection(near, ()) if near else NOTHING
        query = compiled(self.query)
        inside = [each for each in near if each.fulfils(query)]
        twins = {each.id for each in inside}
        gone = tuple(each.id for each in near if each.id not in twins and each.may_have_fulfilled(query))
        return _selection(inside, gone) if inside or gone else NOTHING

    def is_of(self, twin_id: str, model: str) -> bool:
        """Whether the twin is wanted, whatever it is like."""
        return (not self.model or model == self.model) and (not self.ids or twin_id in self.ids)


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Selection:
    """What one client is told of a delta: the twins it wants, ids and texts, and ids of those it wants no more."""

    ids: frozenset[str]
    twins: tuple[str, ...]
    gone: tuple[str, ...]


NOTHING = Selection(frozenset(), (), ())


def _selection(told: Sequence[Change], gone: tuple[str, ...]) -> Selection:
    return Selection(frozenset(each.id for each in told), tuple(each.text for each in told), gone)


@lru_cache(maxsize=1024)
def compiled(query: str) -> Predicate:
    """The query as a predicate; Invalid, with the place, where it cannot be read or asks for related twins."""
    return predicate(parse_followed(query))
