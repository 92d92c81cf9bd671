"""Profiling anew: what is stale, what it is made from, what is kept and told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.app import in_thread
from chassis.db import pull_frame, upsert_frame
from chassis.outbox import tell
from chassis.telemetry import span
from services.profile.domain.outcome import MarketInput
from services.profile.store.tables import (
    LABEL,
    MARKET,
    ORDER_LINE,
    OUTBOX,
    OVERRIDE,
    PROFILE,
    RETAILER,
    SKU,
    STALE,
)
from services.profile.usecases import Clock
from services.profile.wire import ProfileWriter

MAX_TRACES = 20

LINES: dict[str, pl.DataType | type[pl.DataType]] = {
    "order_no": pl.String,
    "retailer_code": pl.String,
    "sku_code": pl.String,
    "cycle": pl.Int32,
    "quantity_base": pl.Int64,
    "demand_base": pl.Int64,
    "amount": pl.Float64,
    "currency": pl.String,
}
_CARD_COLUMNS = (
    "r.retailer_code, r.name, r.market, r.adcode, r.account_manager, r.license_status, r.license_valid_to, "
    "r.school_zone, r.store_format, r.market_type, r.tier_rank, "
    "o.is_key AS set_key, o.reason AS set_reason, o.set_by"
)
CARDS: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(
        (
            "retailer_code",
            "name",
            "market",
            "adcode",
            "account_manager",
            "license_status",
            "license_valid_to",
        ),
        pl.String,
    ),
    "school_zone": pl.Boolean,
    "store_format": pl.String,
    "market_type": pl.String,
    "tier_rank": pl.Float64,
    "set_key": pl.Boolean,
    "set_reason": pl.String,
    "set_by": pl.String,
}
_SKUS: dict[str, pl.DataType | type[pl.DataType]] = {
    "sku_code": pl.String,
    "price_class": pl.Int32,
    "is_own": pl.Boolean,
}
_KEPT: dict[str, pl.DataType | type[pl.DataType]] = {
    "retailer_code": pl.String,
    "revision": pl.Int64,
    "kept_content": pl.Int64,
    "kept_trace_id": pl.String,
    "kept_occurred_at": pl.Datetime("us", "UTC"),
}
_STALE: dict[str, pl.DataType | type[pl.DataType]] = {
    "retailer_code": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "trace_id": pl.String,
    "traceparent": pl.String,
}


class Renewal:
    """One transaction that profiles anew; only one runs at a time, whatever the number of replicas."""

    def __init__(self, session: AsyncSession, writer: ProfileWriter) -> None:
        self._session = session
        self._writer = writer
        self.told = False

    async def try_lock(self, *, wait: bool = False) -> bool:
        name = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
        taken = await self._session.scalar(sa.text(f"SELECT {name}(hashtext('profile.renewal'))::text"))
        return bool(taken != "false")

    async def take_stale(self, *, at_most: int | None) -> pl.DataFrame:
        """Empties the list of stale retailers and returns it, the newest cause per retailer.

        A list of more than `at_most` retailers is left as it is.
        """
        taken = sa.delete(STALE)
        if at_most is not None:
            listed = sa.select(sa.func.count(sa.distinct(STALE.c.retailer_code))).scalar_subquery()
            taken = taken.where(listed <= at_most)
        query = taken.returning(
            STALE.c.id, STALE.c.retailer_code, STALE.c.occurred_at, STALE.c.trace_id, STALE.c.traceparent
        )
        rows = (await self._session.execute(query)).all()
        frame = pl.DataFrame([tuple(row) for row in rows], schema={"id": pl.Int64, **_STALE}, orient="row")
        return frame.sort("id").unique("retailer_code", keep="last", maintain_order=True).drop("id")

    async def markets_of(self, retailers: Sequence[str]) -> pl.DataFrame:
        """`retailer_code, market` of known retailers."""
        return await pull_frame(
            self._session,
            f"SELECT retailer_code, market FROM {RETAILER.fullname} WHERE retailer_code = ANY($1::text[])",
            {"retailer_code": pl.String, "market": pl.String},
            list(retailers),
        )

    async def clocks(self) -> dict[str, Clock]:
        query = (
            sa.select(RETAILER.c.market, MARKET.c.cycle, MARKET.c.changes, sa.func.count())
            .join(MARKET, MARKET.c.market == RETAILER.c.market, isouter=True)
            .group_by(RETAILER.c.market, MARKET.c.cycle, MARKET.c.changes)
        )
        rows = (await self._session.execute(query)).all()
        return {
            market: Clock(cycle if cycle is not None else -1, changes or 0, retailers)
            for market, cycle, changes, retailers in rows
        }

    async def market_input(self, market: str, cycle: int, retailers: Sequence[str] | None) -> MarketInput:
        """What the profiles of the market's retailers, or of the given ones, are made from."""
        clause = "r.market = $1" if retailers is None else "r.retailer_code = ANY($1::text[])"
        argument: object = market if retailers is None else list(retailers)
        cards = await pull_frame(
            self._session,
            f"SELECT {_CARD_COLUMNS} FROM {RETAILER.fullname} r "
            f"LEFT JOIN {OVERRIDE.fullname} o USING (retailer_code) WHERE {clause}",
            CARDS,
            argument,
        )
        columns = ", ".join(f"l.{name}" for name in LINES)
        lines = await pull_frame(
            self._session,
            f"SELECT {columns} FROM {ORDER_LINE.fullname} l JOIN {RETAILER.fullname} r USING (retailer_code) "
            f"WHERE l.is_counted AND {clause}",
            LINES,
            argument,
        )
        skus = await pull_frame(self._session, f"SELECT sku_code, price_class, is_own FROM {SKU.fullname}", _SKUS)
        return MarketInput(
            market=market,
            cycle=cycle,
            cards=cards,
            lines=lines.with_columns(is_counted=pl.lit(True)),
            skus=skus,
            is_whole=retailers is None,
        )

    async def kept(self, retailers: Sequence[str]) -> pl.DataFrame:
        """Revision, content and cause of the profiles that are kept."""
        return await pull_frame(
            self._session,
            f"SELECT retailer_code, revision, content, trace_id, occurred_at FROM {PROFILE.fullname} "
            "WHERE retailer_code = ANY($1::text[])",
            _KEPT,
            list(retailers),
        )

    async def save(self, profiles: pl.DataFrame, purchases: pl.DataFrame) -> None:
        """Keeps changed profiles and their labels, and tells of them.

        `profiles` has the columns of the table and `traceparent`: those that share one are told of in that trace,
        unless the change is a bulk of many traces.
        """
        rows = profiles.drop("traceparent").sort("retailer_code")
        await upsert_frame(self._session, PROFILE, rows, key=["retailer_code"])
        labels = rows.filter(pl.col("cycle") >= 0).select("retailer_code", "cycle", "growth_type", "is_key", "score")
        await upsert_frame(self._session, LABEL, labels, key=["retailer_code", "cycle"])
        many = profiles["traceparent"].n_unique() > MAX_TRACES
        grouped = profiles.with_columns(traceparent=pl.lit("")) if many else profiles
        for (traceparent,), group in grouped.group_by("traceparent", maintain_order=True):
            headers = {"traceparent": str(traceparent)} if traceparent else None
            with span("profile.tells", headers=headers, profiles=group.height):
                events = await in_thread(self._writer.events, group, purchases)
                await tell(self._session, OUTBOX, events)
        self.told = True

    async def override(self, retailer: str, *, is_key: bool | None, reason: str, set_by: str, at: datetime) -> None:
        if is_key is None:
            await self._session.execute(sa.delete(OVERRIDE).where(OVERRIDE.c.retailer_code == retailer))
            return
        row = pl.DataFrame({"retailer_code": [retailer], "is_key": [is_key], "reason": [reason], "set_by": [set_by]})
        await upsert_frame(self._session, OVERRIDE, row.with_columns(set_at=pl.lit(at)), key=["retailer_code"])
