"""Ranking anew: what is stale, what lists are made from, what is kept and told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import pull_frame, stage_frame, upsert_frame
from services.recommend.domain.lists import ListInput
from services.recommend.store.rows import tell_frame
from services.recommend.store.tables import CARD, DEMAND, GROWTH, PRODUCT, PURCHASE, RECOMMENDATION, SHOP, STALE
from services.recommend.usecases.ports import Clock

Schema = dict[str, pl.DataType | type[pl.DataType]]
SHOPS: Schema = {
    "retailer_code": pl.String,
    "name": pl.String,
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
    "base_unit": pl.String,
    "licence_required": pl.Boolean,
    "status": pl.String,
    "supply_state": pl.String,
}
TRENDS: Schema = {"region": pl.String, "sku_code": pl.String, "growth": pl.Float64}
AVOIDED: Schema = {"retailer_code": pl.String, "sku_code": pl.String}
KEPT: Schema = {
    "id": pl.String,
    "retailer_code": pl.String,
    "sku_code": pl.String,
    "cycle": pl.Int32,
    "state": pl.String,
    "content": pl.Int64,
    "revision": pl.Int64,
    "created_at": pl.Datetime("us", "UTC"),
}
_KINDS: dict[type, pl.DataType | type[pl.DataType]] = {
    sa.Integer: pl.Int64,
    sa.BigInteger: pl.Int64,
    sa.Float: pl.Float64,
    sa.Boolean: pl.Boolean,
    sa.DateTime: pl.Datetime("us", "UTC"),
}
STALE_COLUMNS: Schema = {
    "id": pl.Int64,
    "retailer_code": pl.String,
    "is_live": pl.Boolean,
    "trace_id": pl.String,
    "traceparent": pl.String,
}
_TOLD: Schema = {column.name: _KINDS.get(type(column.type), pl.String) for column in RECOMMENDATION.columns}
_WRITTEN = [column.name for column in RECOMMENDATION.columns]


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
        return await self._take(STALE.c.is_live if live_only else sa.true())

    async def take_stale_of(self, market: str) -> pl.DataFrame:
        """The same for all stale retailers of one market."""
        inside = sa.select(SHOP.c.retailer_code).where(SHOP.c.market == market)
        return await self._take(STALE.c.retailer_code.in_(inside))

    async def _take(self, which: sa.ColumnElement[bool]) -> pl.DataFrame:
        returned = (
            sa.delete(STALE)
            .where(which)
            .returning(STALE.c.id, STALE.c.retailer_code, STALE.c.is_live, STALE.c.trace_id, STALE.c.traceparent)
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
        """Mean forecast of the next weeks over recent demand, by product and the regions and provinces of shops."""
        return await pull_frame(
            self._session,
            f"""
            SELECT region, sku_code, {GROWTH} AS growth FROM {DEMAND.fullname} WHERE region IN (
                SELECT unnest(ARRAY[s.adcode, left(s.adcode, 2) || '0000']) FROM {SHOP.fullname} s WHERE {clause}
            ) GROUP BY region, sku_code HAVING {GROWTH} IS NOT NULL
            """,
            TRENDS,
            argument,
        )

    async def _avoided(self, clause: str, argument: object, since: int) -> pl.DataFrame:
        """What the shops rejected lately, and what they bought of which no more is known than that."""
        return await pull_frame(
            self._session,
            f"""
            SELECT r.retailer_code, r.sku_code
            FROM {RECOMMENDATION.fullname} r JOIN {SHOP.fullname} s USING (retailer_code)
            WHERE r.state = 'rejected' AND r.cycle > {since} AND {clause}
            UNION SELECT s.retailer_code, jsonb_array_elements_text(s.other_skus) FROM {SHOP.fullname} s WHERE {clause}
            """,
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
        """Keeps new and changed recommendations, ends those left behind, and tells of all of them.

        Both frames have `traceparent`, the trace in which they are told of.
        """
        if not changed.is_empty():
            await self._keep(changed)
        if not ended.is_empty():
            await self._end(ended, at)
        self.told = self.told or changed.height + ended.height > 0

    async def _keep(self, changed: pl.DataFrame) -> None:
        rows = changed.sort("id").select(_WRITTEN)
        await stage_frame(self._session, RECOMMENDATION, rows, name="made")
        columns = ", ".join(_WRITTEN)
        fixed = ("id", "state", "revision", "created_at")
        updates = ", ".join(f"{name} = excluded.{name}" for name in _WRITTEN if name not in fixed)
        # Revision and state of a row move on from what they are now: an answer may have come since the lists were made.
        moved = await self._session.execute(
            sa.text(
                f"INSERT INTO {RECOMMENDATION.fullname} AS r ({columns}) SELECT {columns} FROM made "
                f"ON CONFLICT (id) DO UPDATE SET {updates}, revision = r.revision + 1, "
                "state = CASE WHEN r.state = 'withdrawn' THEN excluded.state ELSE r.state END "
                "RETURNING r.id, r.state, r.revision"
            )
        )
        now = pl.DataFrame(
            [tuple(row) for row in moved],
            schema={"id": pl.String, "state": pl.String, "revision": pl.Int64},
            orient="row",
        )
        told = changed.drop("state", "revision").join(now, on="id", maintain_order="left")
        await tell_frame(self._session, told)

    async def _end(self, ended: pl.DataFrame, at: datetime) -> None:
        await stage_frame(self._session, RECOMMENDATION, ended.select("id", "state", "revision"), name="ended")
        await self._session.execute(
            sa.text(
                f"UPDATE {RECOMMENDATION.fullname} r SET state = e.state, revision = e.revision, changed_at = :at "
                "FROM ended e WHERE r.id = e.id AND r.revision = e.revision - 1"
            ),
            {"at": at},
        )
        await tell_frame(self._session, await self._seen(ended))

    async def _seen(self, ended: pl.DataFrame) -> pl.DataFrame:
        columns = ", ".join(f"r.{name}" for name in _WRITTEN)
        rows = await pull_frame(
            self._session,
            f"""
            SELECT {columns}, coalesce(s.name, ''), coalesce(p.name_zh, ''), coalesce(p.name_en, ''),
                   coalesce(p.base_unit, '')
            FROM {RECOMMENDATION.fullname} r LEFT JOIN {SHOP.fullname} s USING (retailer_code)
            LEFT JOIN {PRODUCT.fullname} p USING (sku_code) WHERE r.id = ANY($1::text[])
            """,
            {**_TOLD, **dict.fromkeys(("retailer_name", "name_zh", "name_en", "base_unit"), pl.String)},
            ended["id"].to_list(),
        )
        return rows.join(ended.select("id", "traceparent"), on="id", maintain_order="left")

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
