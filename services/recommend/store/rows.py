"""Recommendations joined with what a reader wants to see of shop and product, and moving them on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.app import in_thread
from chassis.outbox import tell
from chassis.telemetry import span
from services.recommend.store.tables import OUTBOX, PRODUCT, RECOMMENDATION, SHOP
from services.recommend.usecases.ports import Row
from services.recommend.wire import events_of_frame, made_events

MAX_TRACES = 20

_SEEN = (
    RECOMMENDATION,
    SHOP.c.name.label("retailer_name"),
    SHOP.c.license_status,
    SHOP.c.license_valid_to,
    SHOP.c.school_zone,
    PRODUCT.c.name_zh,
    PRODUCT.c.name_en,
    PRODUCT.c.base_unit,
    PRODUCT.c.licence_required,
)
# What nobody told of yet is taken as the stricter case: a product needs a licence, a licence is unknown.
_UNKNOWN: Mapping[str, Any] = {
    "retailer_name": "",
    "license_status": "",
    "license_valid_to": "",
    "school_zone": False,
    "name_zh": "",
    "name_en": "",
    "base_unit": "",
    "licence_required": True,
}


def seen_query() -> sa.Select[Any]:
    """Recommendations with the names and limits of their shop and product."""
    joined = RECOMMENDATION.join(SHOP, SHOP.c.retailer_code == RECOMMENDATION.c.retailer_code, isouter=True).join(
        PRODUCT, PRODUCT.c.sku_code == RECOMMENDATION.c.sku_code, isouter=True
    )
    return sa.select(*_SEEN).select_from(joined)


def seen(row: sa.Row[Any]) -> Row:
    """A row of `seen_query` without gaps."""
    values = dict(row._mapping)
    return {**values, **{name: value for name, value in _UNKNOWN.items() if values[name] is None}}


async def tell_frame(session: AsyncSession, rows: pl.DataFrame) -> None:
    """Puts the whole new state of the recommendations into the outbox, each in the trace of its `traceparent`.

    A bulk of many traces is told of without. JSON columns are text.
    """
    many = rows["traceparent"].n_unique() > MAX_TRACES
    grouped = rows.with_columns(traceparent=pl.lit("")) if many else rows
    for (traceparent,), members in grouped.group_by("traceparent", maintain_order=True):
        headers = {"traceparent": str(traceparent)} if traceparent else None
        with span("recommend.tells", headers=headers, recommendations=members.height):
            await tell(session, OUTBOX, await in_thread(events_of_frame, members))


async def move(session: AsyncSession, row: Row, state: str, *, at: datetime, trace_id: str) -> None:
    """Gives a recommendation a new state and tells of it in the current trace."""
    table = RECOMMENDATION
    await session.execute(
        sa.update(table)
        .where(table.c.id == row["id"])
        .values(state=state, revision=table.c.revision + 1, changed_at=at, trace_id=trace_id or row["trace_id"])
    )
    found = (await session.execute(seen_query().where(table.c.id == row["id"]))).one()
    await tell(session, OUTBOX, made_events([seen(found)]))
