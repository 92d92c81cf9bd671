"""What a mapping file says: of which twins the records of a kind tell, and what.

Feed ── FeedRule ┬ Value      a property and the column that it comes from
                 ├ Link       a relation and the columns that name its targets
                 └ Condition  which records it holds for
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from services.twin.domain.dtdl import Schema
from services.twin.domain.feeding.columns import Column

Plain: TypeAlias = str | int | bool | None
ENVELOPE = ("source", "trace_id", "quality_status", "op")
"""What every rule looks at, where it is there."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds where the column has one of the values (null is one), or none of them, or ends in a text."""

    column: Column
    values: tuple[Plain, ...] = ()
    is_negated: bool = False
    ending: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A property, and the column that it comes from; `otherwise` stands for null, which says nothing."""

    name: str
    schema: Schema
    column: Column
    where: tuple[Condition, ...] = ()
    otherwise: str | None = None
    codes: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A relation to twins of a model; the columns are one id, or one column lists the ids of several."""

    name: str
    model: str
    columns: tuple[Column, ...]
    is_list: bool = False
    where: tuple[Condition, ...] = ()
    clears: bool = False
    """Whether null says that there is no such relation any more."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How far a source trusts what it says: a number from 0 to 1 for each value of a column."""

    column: Column
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRule:
    """What records say of the twins of one model."""

    model: str
    id: tuple[Column, ...]
    at: tuple[Column, ...]
    """When it was true: the first of these that is there."""
    takes_every: bool = True
    """Whether each record of a batch is a statement, or only the newest that says something of a twin."""
    at_most_s: int = 0
    """Of a twin and source at most one statement in so many seconds; 0: all."""
    deletes: bool = False
    """Whether a record that takes back ends the twin."""
    totals: str = ""
    """The sums it reads in place of the records."""
    where: tuple[Condition, ...] = ()
    source: Column | None = None
    """What tells the sources of a record's source apart, such as a sensor."""
    trust: Trust | None = None
    values: tuple[Value, ...] = ()
    links: tuple[Link, ...] = ()
    place: str = ""
    """FILE:LINE."""

    @property
    def reads(self) -> frozenset[str]:
        """The columns that it looks at."""
        conditions = [*self.where]
        columns = [*self.id, *self.at]
        for value in self.values:
            columns.append(value.column)
            conditions += value.where
        for link in self.links:
            columns += link.columns
            conditions += link.where
        columns += [each.column for each in conditions]
        columns += [self.source] if self.source else []
        columns += [self.trust.column] if self.trust else []
        return frozenset([*(column.name for column in columns), *ENVELOPE])


@dataclass(frozen=True, slots=True)
class Feed:
    """What the records of a kind say; no rules where they say nothing of twins, and then why."""

    kind: str
    rules: tuple[FeedRule, ...]
    because: str = ""
    is_added: bool = False
    """Whether it stands beside the rules that are shipped, or in their place."""
