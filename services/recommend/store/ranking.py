"""Ranking anew: what is stale, what lists are made from, what is kept and told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import pull_frame, stage_frame, upsert_frame
from services.recommend.domain.lists import ListInput
from services.recommend.store.rows import tell_of
from services.recommend.store.tables import CARD, DEMAND, PRODUCT, PURCHASE, RECOMMENDATION, SHOP, STALE
from services.recommend.usecases.ports import Clock

Schema = dict[str, pl.DataType | type[pl.DataType]]
SHOPS: Schema = {
    "retailer_code": pl.String,
    "adcode": pl.String,
    "account_manager": pl.String,
    "license_status": pl.String,
    "license_valid_to": pl.String,
    "school_zone": pl.Boolean,
    "is_key": pl.Boolean,
}
PURCHASES: Schema = {
    "retailer_code": pl.String,
    "sku_code": pl.String,
    "cycles": pl.Int32,
    "last_cycle": pl.Int32,
    "interval_mean": pl.Float64,
    "quantity_mean": pl.Float64,
    "amount": pl.Float64,
}
PRODUCTS: Schema = {
    "sku_code": pl.String,
    "name_zh": pl.String,
    "name_en": pl.String,
    "licence_required": pl.Boolean,
    "status": pl.String,
    "supply_state": pl.String,
}
TRENDS: Schema = {"retailer_code": pl.String, "sku_code": pl.String, "growth": pl.Float64}
AVOIDED: Schema = {"retailer_code": pl.String, "sku_code": pl.String}
KEPT: Schema = {
    "id": pl.String,
    "retailer_code": pl.String,
    "sku_code": pl.String,
    "cycle": pl.Int32,
    "state": pl.String,
    "content": pl.Int64,
    "revision": pl.Int64,
}
STALE_COLUMNS: Schema = {
    "id": pl.Int64,
    "retailer_code": pl.String,
    "is_live": pl.Boolean,
    "trace_id": pl.String,
    "traceparent": pl.String,
}
HORIZONS = 4
_WRITTEN = [column.name for column in RECOMMENDATION.columns if column.name != "created_at"]


class Ranking:
    """One transaction that ranks anew; only one runs at a time, whatever the number of replicas."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.told = False
        self.queued = False

    async def try_lock(self) -> bool:
        return bool(
            await self._session.scalar(sa.text("SELECT pg_try_advisory_xact_lock(hashtext('recommend.ranking'))"))
        )

    async def take_stale(self, *, live_only: bool) -> pl.DataFrame:
        """Takes the stale retailers off the list, the newest cause each; one live cause makes a retailer live."""
        query = sa.delete(STALE)
        if live_only:
            query = query.where(STALE.c.is_live)
        returned = query.returning(
            STALE.c.id, STALE.c.retailer_code, STALE.c.is_live, STALE.c.trace_id, STALE.c.traceparent
        )
        rows = (await self._session.execute(returned)).all()
        frame = pl.DataFrame([tuple(row) for row in rows], schema=STALE_COLUMNS, orient="row")
        return frame.sort("is_live", "id").unique("retailer_code", keep="last", maintain_order=True).drop("id")

    async def markets_of(self, retailers: Sequence[str]) -> pl.DataFrame:
        return await pull_frame(
            self._session,
            f"SELECT retailer_code, market FROM {SHOP.fullname} WHERE retailer_code = ANY($1::text[])",
            {"retailer_code": pl.String, "market": pl.String},
            list(retailers),
        )

    async def clocks(self) -> dict[str, Clock]:
        query = sa.select(SHOP.c.market, sa.func.max(SHOP.c.cycle), sa.func.count()).group_by(SHOP.c.market)
        rows = (await self._session.execute(query)).all()
        return {market: Clock(cycle, shops) for market, cycle, shops in rows}

    async def market_purchases(self, market: str) -> pl.DataFrame:
        return await self._purchases("s.market = $1", market)

    async def price_classes(self) -> pl.DataFrame:
        return await pull_frame(
            self._session,
            f"SELECT sku_code, price_class FROM {PRODUCT.fullname} WHERE price_class IS NOT NULL",
            {"sku_code": pl.String, "price_class": pl.Int32},
        )

    async def list_input(
        self, market: str, cycle: int, retailers: Sequence[str] | None, *, today: str, reject_cycles: int
    ) -> ListInput:
        """What the lists of the market's retailers, or of the given ones, are made from."""
        clause = "s.market = $1" if retailers is None else "s.retailer_code = ANY($1::text[])"
        argument: object = market if retailers is None else list(retailers)
        columns = ", ".join(f"s.{name}" for name in SHOPS)
        shops = await pull_frame(
            self._session,
            f"SELECT {columns} FROM {SHOP.fullname} s WHERE {clause} ORDER BY s.retailer_code",
            SHOPS,
            argument,
        )
        return ListInput(
            cycle=cycle,
            today=today,
            shops=shops,
            purchases=await self._purchases(clause, argument),
            products=await pull_frame(self._session, f"SELECT {', '.join(PRODUCTS)} FROM {PRODUCT.fullname}", PRODUCTS),
            trends=await self._trends(clause, argument),
            avoided=await self._avoided(clause, argument, cycle - reject_cycles),
        )

    async def _purchases(self, clause: str, argument: object) -> pl.DataFrame:
        columns = ", ".join(f"p.{name}" for name in PURCHASES)
        return await pull_frame(
            self._session,
            f"SELECT {columns} FROM {PURCHASE.fullname} p JOIN {SHOP.fullname} s USING (retailer_code) "
            f"WHERE {clause} ORDER BY p.retailer_code, p.sku_code",
            PURCHASES,
            argument,
        )

    async def _trends(self, clause: str, argument: object) -> pl.DataFrame:
        """Mean forecast of the next weeks over recent demand, in the shop's own region or else its province."""
        return await pull_frame(
            self._session,
            f"""
            SELECT DISTINCT ON (s.retailer_code, d.sku_code) s.retailer_code, d.sku_code, d.growth
            FROM {SHOP.fullname} s
            JOIN (
                SELECT region, sku_code, avg(value) / avg(recent_mean) - 1 AS growth FROM {DEMAND.fullname}
                WHERE horizon <= {HORIZONS} GROUP BY region, sku_code HAVING avg(recent_mean) > 0
            ) d ON d.region IN (s.adcode, left(s.adcode, 2) || '0000')
            WHERE {clause} ORDER BY s.retailer_code, d.sku_code, d.region = s.adcode DESC
            """,
            TRENDS,
            argument,
        )

    async def _avoided(self, clause: str, argument: object, since: int) -> pl.DataFrame:
        return await pull_frame(
            self._session,
            f"SELECT DISTINCT r.retailer_code, r.sku_code FROM {RECOMMENDATION.fullname} r "
            f"JOIN {SHOP.fullname} s USING (retailer_code) "
            f"WHERE r.state = 'rejected' AND r.cycle > {since} AND {clause}",
            AVOIDED,
            argument,
        )

    async def kept(self, retailers: Sequence[str], cycle: int) -> pl.DataFrame:
        """Kept recommendations of the retailers, from the given cycle on."""
        return await pull_frame(
            self._session,
            f"SELECT {', '.join(KEPT)} FROM {RECOMMENDATION.fullname} "
            "WHERE retailer_code = ANY($1::text[]) AND cycle >= $2",
            KEPT,
            list(retailers),
            cycle,
        )

    async def save(self, changed: pl.DataFrame, ended: pl.DataFrame, at: datetime) -> None:
        """Keeps new and changed recommendations, ends those left behind, and tells of all of them."""
        if not changed.is_empty():
            await self._keep(changed.with_columns(changed_at=pl.lit(at)), at)
        if not ended.is_empty():
            await stage_frame(self._session, RECOMMENDATION, ended, name="ended")
            await self._session.execute(
                sa.text(
                    f"UPDATE {RECOMMENDATION.fullname} r SET state = e.state, revision = e.revision, changed_at = :at "
                    "FROM ended e WHERE r.id = e.id AND r.revision = e.revision - 1"
                ),
                {"at": at},
            )
        ids = [*changed["id"], *ended["id"]]
        if ids:
            await tell_of(self._session, ids, dict(changed.select("id", "traceparent").iter_rows()))
            self.told = True

    async def _keep(self, changed: pl.DataFrame, at: datetime) -> None:
        rows = changed.sort("id").select(_WRITTEN)
        await stage_frame(self._session, RECOMMENDATION, rows, name="made")
        columns = ", ".join(_WRITTEN)
        updates = ", ".join(f"{name} = excluded.{name}" for name in _WRITTEN if name not in ("id", "state", "revision"))
        # The state is not overwritten: an answer may have come since the lists were made.
        await self._session.execute(
            sa.text(
                f"INSERT INTO {RECOMMENDATION.fullname} AS r ({columns}, created_at) SELECT {columns}, :at FROM made "
                f"ON CONFLICT (id) DO UPDATE SET {updates}, "
                "state = CASE WHEN r.state = 'withdrawn' THEN excluded.state ELSE r.state END, "
                "revision = r.revision + 1"
            ).bindparams(sa.bindparam("at", at, sa.DateTime(timezone=True)))
        )

    async def cards_of(self, retailers: Sequence[str]) -> pl.DataFrame:
        """Recommendation, retailer and cycle of every card of the retailers."""
        return await pull_frame(
            self._session,
            f"SELECT recommendation_id, retailer_code, cycle FROM {CARD.fullname} "
            "WHERE retailer_code = ANY($1::text[])",
            {"id": pl.String, "retailer_code": pl.String, "cycle": pl.Int32},
            list(retailers),
        )

    async def cards_today(self, since: datetime) -> pl.DataFrame:
        """New cards per account manager, and how many of them bulk changes used."""
        return await pull_frame(
            self._session,
            f"SELECT account_manager, count(*), count(*) FILTER (WHERE NOT is_live) FROM {CARD.fullname} "
            "WHERE queued_at >= $1 GROUP BY 1",
            {"account_manager": pl.String, "cards": pl.Int64, "bulk_cards": pl.Int64},
            since,
        )

    async def queue_cards(self, cards: pl.DataFrame, at: datetime) -> None:
        rows = cards.select(
            "retailer_code",
            "account_manager",
            "cycle",
            "is_live",
            "traceparent",
            task_id=pl.format("rec-{}", "id"),
            recommendation_id="id",
            state=pl.lit("queued"),
            queued_at=pl.lit(at),
            due_at=pl.lit(at),
            attempts=pl.lit(0),
            note=pl.lit(""),
            response_code=pl.lit(""),
            update_text=pl.lit(""),
        )
        await upsert_frame(self._session, CARD, rows.sort("task_id"), key=["task_id"], where="false")
        self.queued = True
