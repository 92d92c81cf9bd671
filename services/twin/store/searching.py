"""Searches and sums over twins: RQL as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from chassis.connections import Driver
from chassis.db import Database
from chassis.rql.aggregates import (
    Taken,
    aggregate_expressions,
    group_expressions,
    group_text,
    sorting_of_group,
)
from chassis.rql.ordering import stretch
from chassis.rql.search import Search, Summary, Wanted
from chassis.rql.sql import NOTHING, Indexed, Statement
from chassis.rql.tree import Both, Compare, Either, Exists, Field, Negation, Node, Related, Value, Within
from marketwin.twin.v1 import types_pb2
from services.twin.store.reading import SHOWN, SHOWN_WIDTH, connected, message
from services.twin.store.tables import RELATION, TWIN, shown_columns

COLUMNS = ", ".join(f"t0.{column.name}" for column in shown_columns(TWIN))

NAMED = 2_000
"""So many twins at most are named by their ids where relations are followed; of more the database is told the way."""


async def found(db: Database, search: Search, indexed: Indexed = NOTHING) -> tuple[list[types_pb2.Twin], str]:
    """A page of twins as messages, and the cursor of the next one; empty when this is the last."""
    rows: list[asyncpg.Record] = []
    parts, values = search.parts()
    async with connected(db.asking()) as connection:
        wanted = await _Following(connection, indexed).wanted(search.wanted)
        for part in parts:
            statement = _statement(indexed)
            lies = stretch(part, search.order, values, statement)
            keys = ", ".join(f"{each.expression} AS k{place}" for place, each in enumerate(lies.columns))
            page = (
                f"SELECT {COLUMNS}, {keys} FROM {TWIN.fullname} t0"
                f" WHERE {_condition(wanted, statement)} AND {lies.condition}"
                f" ORDER BY {lies.sorting} LIMIT {search.limit + 1 - len(rows)}"
            )
            # JSON becomes text behind the limit: that costs more than to look at a row.
            shown = ", ".join([SHOWN, *(f"k{place}" for place in range(len(lies.columns)))])
            text = f"SELECT {shown} FROM ({page}) AS page ORDER BY {lies.sorting}"
            rows += await connection.fetch(text, *statement.values)
            if len(rows) > search.limit:
                break
    told = rows[: search.limit]
    following = search.cursor_behind(told[-1][SHOWN_WIDTH:]) if len(rows) > search.limit else ""
    return [message(row[:SHOWN_WIDTH]) for row in told], following


async def grouped(db: Database, summary: Summary, *, limit: int, indexed: Indexed = NOTHING) -> list[str]:
    """Groups as JSON texts, by their key, at most `limit`."""
    async with connected(db.asking()) as connection:
        wanted = await _Following(connection, indexed).wanted(summary.wanted)
        statement = _statement(indexed)
        taken = Taken(statement)
        keys = group_expressions(summary.groupings, taken)
        columns = [*keys, *aggregate_expressions(summary.aggregates, taken)]
        places = ", ".join(f"c{place}" for place in range(len(keys)))
        # OFFSET 0 keeps what is taken out of a row from being taken out again wherever it is mentioned.
        rows_taken = f"SELECT {taken.columns()} FROM {TWIN.fullname} t0 WHERE {_condition(wanted, statement)} OFFSET 0"
        inner = (
            f"SELECT {', '.join(f'{each} AS c{place}' for place, each in enumerate(columns))}"
            f" FROM ({rows_taken}) AS t0{f' GROUP BY {places}' if places else ''}"
        )
        texts = ", ".join(f"CAST(c{place} AS text)" for place in range(len(columns)))
        sorting = ", ".join(sorting_of_group(f"groups.c{place}") for place in range(len(keys)))
        order = f" ORDER BY {sorting}" if keys else ""
        text = f"SELECT {texts} FROM ({inner}) AS groups{order} LIMIT {limit}"
        rows = await connection.fetch(text, *statement.values)
    width = len(summary.groupings)
    return [group_text(summary.groupings, row[:width], summary.aggregates, row[width:]) for row in rows]


async def counted(db: Database) -> dict[str, int]:
    """How many living twins of each model there are."""
    living = _statement(NOTHING).living()
    async with connected(db.asking()) as connection:
        rows = await connection.fetch(
            f"SELECT t0.model, count(*) FROM {TWIN.fullname} t0 WHERE {living} GROUP BY t0.model"
        )
    return {model: number for model, number in rows}


def _statement(indexed: Indexed) -> Statement:
    return Statement(documents=TWIN.fullname, relations=RELATION.fullname, indexed=indexed)


def _condition(wanted: Wanted, statement: Statement) -> str:
    condition = [statement.living()]
    if wanted.model:
        condition.append(f"t0.model = {statement.bind(wanted.model)}")
    if wanted.ids:
        condition.append(f"t0.id = ANY({statement.bind_all(wanted.ids)})")
    if wanted.filter is not None:
        condition.append(statement.where(wanted.filter))
    return " AND ".join(condition)


class _Named(Within):
    """Twins by their ids, all of which live."""


class _Following:
    """Follows relations from their far end, where few twins are, so that the planner knows how many are left.

        related(located_in, related(part_of, Q))
        Q ─▶ ids of provinces ─▶ ids of cities ─▶ ids of shops; where those are many: shops located in these cities

    It cannot tell by itself what a condition on the other end of a relation leaves, and was wrong by a factor of fifty
    thousand.
    """

    def __init__(self, connection: Driver, indexed: Indexed) -> None:
        self._connection = connection
        self._indexed = indexed

    async def wanted(self, wanted: Wanted) -> Wanted:
        """The same twins, said without what lies behind relations as far as few are there."""
        return wanted if wanted.filter is None else replace(wanted, filter=await self._node(wanted.filter))

    async def _node(self, node: Node) -> Node:
        match node:
            case Both(parts):
                return Both(await self._nodes(parts))
            case Either(parts):
                return Either(await self._nodes(parts))
            case Negation(part):
                return Negation(await self._node(part))
            case Related(name, part):
                inner = await self._node(part)
                targets = await self._fulfilling(inner)
                return await self._sources(Related(name, inner) if targets is None else _leads(name, targets))
            case Within(Field("relations")):
                return await self._sources(node)
            case Compare("eq", Field("relations") as field, wanted):
                return await self._sources(Within(field, (wanted,)))
            case _:
                return node

    async def _nodes(self, parts: Sequence[Node]) -> tuple[Node, ...]:
        return tuple([await self._node(each) for each in parts])

    async def _fulfilling(self, node: Node) -> Sequence[Value] | None:
        """The ids of all living twins that fulfil a followed query; None where they are many."""
        match node:
            case _Named():
                return node.values
            case Related() | Within(Field("relations")) | Exists(Field("id")):
                return None
        statement = _statement(self._indexed)
        return await self._ids(
            f"SELECT t0.id FROM {TWIN.fullname} t0 WHERE {_condition(Wanted(filter=node), statement)}", statement
        )

    async def _sources(self, node: Related | Within) -> Node:
        """The twins whose relation leads right, by their ids where they are few."""
        statement = _statement(self._indexed)
        ids = await self._ids(statement.leading(node), statement)
        return node if ids is None else _Named(Field("id"), tuple(ids))

    async def _ids(self, text: str, statement: Statement) -> list[str] | None:
        few = f"CASE WHEN count(*) <= {NAMED} THEN coalesce(array_agg(id), '{{}}') END"
        rows = await self._connection.fetch(
            f"SELECT {few} FROM ({text} LIMIT {NAMED + 1}) AS listed", *statement.values
        )
        ids: list[str] | None = rows[0][0]
        return ids


def _leads(name: str, targets: Sequence[Value]) -> Within:
    return Within(Field("relations", (name,)), tuple(targets))
