"""Searches and sums over twins: RQL as SQL."""

from __future__ import annotations

import sqlalchemy as sa

from chassis.db import Database
from chassis.rql.aggregates import aggregate_expressions, group_expressions, group_text
from chassis.rql.search import Search, Summary, Wanted
from chassis.rql.sql import Statement
from services.twin.domain.twins import Twin
from services.twin.store.tables import RELATION, TWIN, is_one_of, shown_columns, twin_of

SEARCHED = TWIN.alias("t0")
"""The twins that a search goes through, under the name that `Statement` gives them."""


async def found(db: Database, search: Search) -> tuple[list[Twin], str]:
    """A page of twins, and the cursor of the next one; empty when this is the last."""
    statement = _statement()
    order, on_page = search.ordered(statement)
    condition = _condition(search.wanted, statement)
    places = [sa.text(f"{each.expression} AS k{place}") for place, each in enumerate(order)]
    sorting = [
        sa.text(f"k{place}{' DESC' if each.descends else ''}{' NULLS LAST' if each.may_be_null else ''}")
        for place, each in enumerate(order)
    ]
    query = (
        sa.select(*shown_columns(SEARCHED), *places)
        .where(*condition, sa.text(on_page))
        .order_by(*sorting)
        .limit(search.limit + 1)
    )
    async with db.transaction() as session:
        rows = (await session.execute(query, statement.parameters)).all()
    if len(rows) <= search.limit:
        return [twin_of(row) for row in rows], ""
    page = rows[: search.limit]
    return [twin_of(row) for row in page], search.cursor_behind(page[-1][-len(order) :])


async def grouped(db: Database, summary: Summary, *, limit: int) -> list[str]:
    """Groups as JSON texts, by their key, at most `limit`."""
    statement = _statement()
    keys = group_expressions(summary.groupings, statement)
    values = aggregate_expressions(summary.aggregates, statement)
    condition = _condition(summary.wanted, statement)
    columns = [sa.text(f"{each} AS c{place}") for place, each in enumerate((*keys, *values))]
    places = [sa.text(f"c{place}") for place in range(len(keys))]
    inner = sa.select(*columns).select_from(SEARCHED).where(*condition).group_by(*places)
    texts = [sa.text(f"CAST(c{place} AS text)") for place in range(len(columns))]
    grouped = sa.select(*texts).select_from(inner.subquery()).order_by(*places).limit(limit)
    async with db.transaction() as session:
        rows = (await session.execute(grouped, statement.parameters)).all()
    return [group_text(summary.groupings, row[: len(keys)], summary.aggregates, row[len(keys) :]) for row in rows]


def _statement() -> Statement:
    return Statement(documents=TWIN.fullname, relations=RELATION.fullname)


def _condition(wanted: Wanted, statement: Statement) -> list[sa.ColumnElement[bool] | sa.TextClause]:
    condition: list[sa.ColumnElement[bool] | sa.TextClause] = [sa.text(statement.living())]
    if wanted.model:
        condition.append(SEARCHED.c.model == wanted.model)
    if wanted.ids:
        condition.append(is_one_of(SEARCHED.c.id, wanted.ids))
    if wanted.filter is not None:
        condition.append(sa.text(statement.where(wanted.filter)))
    return condition
