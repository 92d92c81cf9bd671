"""Searches and sums over twins: RQL as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Database, fetched
from chassis.rql.aggregates import aggregate_expressions, group_expressions, group_text
from chassis.rql.ordering import stretch
from chassis.rql.search import Search, Summary, Wanted
from chassis.rql.sql import NOTHING, Indexed, Statement
from chassis.rql.tree import Both, Either, Negation, Node, Related, Within
from chassis.rql.tree import Field as Place
from services.twin.domain.twins import Twin
from services.twin.store.tables import RELATION, TWIN, row_of, shown_columns, twin_of

COLUMNS = ", ".join(f"t0.{column.name}" for column in shown_columns(TWIN))
LED_TO = 2_000
"""Relations that lead to at most so many twins are followed from these; others are left to the database as a whole."""


async def found(db: Database, search: Search, indexed: Indexed = NOTHING) -> tuple[list[Twin], str]:
    """A page of twins, and the cursor of the next one; empty when this is the last."""
    rows: list[asyncpg.Record] = []
    parts, values = search.parts()
    width = 0
    async with db.transaction() as session:
        wanted = await _with_relations_followed(session, search.wanted, indexed)
        for part in parts:
            statement = _statement(indexed)
            lies = stretch(part, search.order, values, statement)
            width = len(lies.columns)
            text = (
                f"SELECT {COLUMNS}, {', '.join(f'{each.expression} AS k{n}' for n, each in enumerate(lies.columns))}"
                f" FROM {TWIN.fullname} t0 WHERE {_condition(wanted, statement)} AND {lies.condition}"
                f" ORDER BY {lies.sorting} LIMIT {search.limit + 1 - len(rows)}"
            )
            rows += await fetched(session, text, *statement.values)
            if len(rows) > search.limit:
                page = rows[: search.limit]
                return [twin_of(row_of(row)) for row in page], search.cursor_behind(list(page[-1].values())[-width:])
    return [twin_of(row_of(row)) for row in rows], ""


async def grouped(db: Database, summary: Summary, *, limit: int, indexed: Indexed = NOTHING) -> list[str]:
    """Groups as JSON texts, by their key, at most `limit`."""
    async with db.transaction() as session:
        wanted = await _with_relations_followed(session, summary.wanted, indexed)
        statement = _statement(indexed)
        keys = group_expressions(summary.groupings, statement)
        columns = [*keys, *aggregate_expressions(summary.aggregates, statement)]
        places = ", ".join(f"c{place}" for place in range(len(keys)))
        inner = (
            f"SELECT {', '.join(f'{each} AS c{place}' for place, each in enumerate(columns))}"
            f" FROM {TWIN.fullname} t0 WHERE {_condition(wanted, statement)}{f' GROUP BY {places}' if places else ''}"
        )
        texts = ", ".join(f"CAST(c{place} AS text)" for place in range(len(columns)))
        order = f" ORDER BY {places}" if places else ""
        rows = await fetched(
            session, f"SELECT {texts} FROM ({inner}) AS groups{order} LIMIT {limit}", *statement.values
        )
    return [_group_text(summary, list(row.values())) for row in rows]


def _group_text(summary: Summary, texts: list[Any]) -> str:
    width = len(summary.groupings)
    return group_text(summary.groupings, texts[:width], summary.aggregates, texts[width:])


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


async def _with_relations_followed(session: AsyncSession, wanted: Wanted, indexed: Indexed) -> Wanted:
    if wanted.filter is None:
        return wanted
    return Wanted(wanted.model, wanted.ids, await _followed(session, wanted.filter, indexed))


async def _followed(session: AsyncSession, node: Node, indexed: Indexed) -> Node:
    """The query with its relations followed from the far end, where few twins are: the planner then knows how many.

    It cannot tell by itself how many twins a condition on the other end of a relation leaves, and was wrong by a
    factor of fifty thousand.
    """
    match node:
        case Both(parts):
            return Both(await _all_followed(session, parts, indexed))
        case Either(parts):
            return Either(await _all_followed(session, parts, indexed))
        case Negation(part):
            return Negation(await _followed(session, part, indexed))
        case Related(name, part):
            inner = await _followed(session, part, indexed)
            ids = await _fulfilling(session, inner, indexed)
            return Related(name, inner) if ids is None else Within(Place("relations", (name,)), ids)
        case _:
            return node


async def _all_followed(session: AsyncSession, parts: Sequence[Node], indexed: Indexed) -> tuple[Node, ...]:
    return tuple([await _followed(session, each, indexed) for each in parts])


async def _fulfilling(session: AsyncSession, node: Node, indexed: Indexed) -> tuple[str, ...] | None:
    """The ids of all that fulfil a query, None where they are many."""
    statement = _statement(indexed)
    condition = _condition(Wanted(filter=node), statement)
    text = f"SELECT t0.id FROM {TWIN.fullname} t0 WHERE {condition} LIMIT {LED_TO + 1}"
    rows = await fetched(session, text, *statement.values)
    return tuple(row["id"] for row in rows) if len(rows) <= LED_TO else None
