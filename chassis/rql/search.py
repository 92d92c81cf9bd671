"""A search as one value: which documents, in which order, behind which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chassis.rql.aggregates import Aggregate, Grouping, parse_aggregates, parse_groupings
from chassis.rql.ordering import (
    Key,
    Part,
    column_types,
    cursor_of,
    fingerprint,
    parse_sort,
    parts,
    values_of,
)
from chassis.rql.parser import parse
from chassis.rql.tree import Node


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents: those of a model, of some ids, that fulfil a filter; all, where nothing is said."""

    model: str = ""
    ids: tuple[str, ...] = ()
    filter: Node | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A page of the wanted documents."""

    wanted: Wanted
    order: tuple[Key, ...]
    query: str
    """Fingerprint of everything but the page."""
    cursor: str
    limit: int

    def parts(self) -> tuple[tuple[Part, ...], list[str | None]]:
        """The parts of the order that this page may lie in, and the values that it lies behind."""
        if not self.cursor:
            return parts(self.order, ()), []
        values = values_of(self.cursor, self.query, column_types(self.order))
        return parts(self.order, values), values

    def cursor_behind(self, values: Sequence[Any]) -> str:
        """The cursor of the page behind the document with these values of the order's columns."""
        return cursor_of(self.query, values)


@dataclass(frozen=True, slots=True)
class Summary:
    """Aggregates over the wanted documents, by group."""

    wanted: Wanted
    groupings: tuple[Grouping, ...]
    aggregates: tuple[Aggregate, ...]


def wanted_documents(*, model: str = "", ids: Sequence[str] = (), filter_text: str = "") -> Wanted:
    """Which documents, with the filter read; an empty one says nothing."""
    return Wanted(model, tuple(ids), parse(filter_text) if filter_text.strip() else None)


def search_for(
    *, model: str = "", ids: Sequence[str] = (), filter_text: str = "", sort: str = "", cursor: str = "", limit: int
) -> Search:
    """A search from its words; Invalid where one cannot be read or the cursor is another query's."""
    wanted = wanted_documents(model=model, ids=ids, filter_text=filter_text)
    query = fingerprint(model, sorted(ids), filter_text.strip(), sort.strip())
    return Search(wanted, parse_sort(sort), query, cursor, limit)


def summary_of(*, model: str = "", filter_text: str = "", group_by: str = "", aggregate: str = "") -> Summary:
    """A summary from its words; without aggregates it counts."""
    wanted = wanted_documents(model=model, filter_text=filter_text)
    return Summary(wanted, parse_groupings(group_by), parse_aggregates(aggregate if aggregate.strip() else "count"))
