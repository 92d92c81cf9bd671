"""Writing down what others tell: shops and their purchases, products, demand, and who must be ranked anew."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import copy_frame, stage_frame, upsert_frame
from chassis.outbox import is_new
from services.recommend.store.tables import DEMAND, GROWTH, INBOX, PRODUCT, PURCHASE, RECOMMENDATION, SCHEMA, SHOP
from services.recommend.usecases.ports import Cause

_NEWER = f"""
SELECT s.retailer_code, kept.content IS NOT DISTINCT FROM s.content
FROM shops_in s LEFT JOIN {SHOP.fullname} kept USING (retailer_code)
WHERE kept.revision IS NULL OR s.revision > kept.revision
"""
_CONCERNED = f"""
SELECT DISTINCT r.retailer_code FROM {RECOMMENDATION.fullname} r JOIN products_in p USING (sku_code)
LEFT JOIN {PRODUCT.fullname} kept USING (sku_code)
WHERE r.state IN ('open', 'shown') AND (kept.revision IS NULL OR p.revision > kept.revision AND
    (p.status, p.licence_required, p.supply_state) IS DISTINCT FROM
    (kept.status, kept.licence_required, kept.supply_state))
"""
_GROWING = f"""
SELECT region, sku_code FROM {DEMAND.fullname} JOIN forecast_in USING (region, sku_code)
GROUP BY region, sku_code HAVING {GROWTH} >= :growth
"""
_TURNED = f"""
SELECT DISTINCT r.retailer_code FROM {RECOMMENDATION.fullname} r JOIN {SHOP.fullname} s USING (retailer_code)
JOIN unnest(CAST(:regions AS text[]), CAST(:skus AS text[])) AS t(region, sku_code)
  ON t.sku_code = r.sku_code AND t.region IN (s.adcode, left(s.adcode, 2) || '0000')
WHERE r.state IN ('open', 'shown')
"""


class Intake:
    """One transaction that takes in one message."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.changed = False

    async def is_new(self, consumer: str, message_id: str) -> bool:
        return await is_new(self._session, INBOX, consumer, message_id)

    async def take_shops(self, shops: pl.DataFrame, purchases: pl.DataFrame, cause: Cause) -> None:
        """Keeps newer revisions; their purchases replace the earlier ones as a whole.

        A shop for which only the clock moved on is not ranked anew.
        """
        newest = shops.sort("revision").unique("retailer_code", keep="last", maintain_order=True)
        await stage_frame(self._session, SHOP, newest, name="shops_in")
        newer = {code: is_same for code, is_same in await self._session.execute(sa.text(_NEWER))}
        if not newer:
            return
        codes = pl.DataFrame({"retailer_code": list(newer)}, schema={"retailer_code": pl.String})
        await upsert_frame(
            self._session,
            SHOP,
            newest.join(codes, on="retailer_code", how="semi").sort("retailer_code"),
            key=["retailer_code"],
            where="excluded.revision > shop.revision",
        )
        changed = [code for code, is_same in newer.items() if not is_same]
        if changed:
            await self._replace_purchases(purchases, newest, changed)
            await self._mark_stale(pl.DataFrame({"retailer_code": changed}), cause)

    async def _replace_purchases(self, purchases: pl.DataFrame, shops: pl.DataFrame, codes: list[str]) -> None:
        gone = PURCHASE.c.retailer_code == sa.any_(sa.cast(codes, sa.ARRAY(sa.Text)))
        await self._session.execute(sa.delete(PURCHASE).where(gone))
        told = shops.filter(pl.col("retailer_code").is_in(codes)).select("retailer_code", "revision")
        rows = purchases.join(told, on=["retailer_code", "revision"], how="semi").drop("revision")
        await copy_frame(self._session, "purchase", rows, schema=SCHEMA)

    async def take_products(self, products: pl.DataFrame, cause: Cause) -> None:
        newest = products.sort("revision").unique("sku_code", keep="last", maintain_order=True)
        await stage_frame(self._session, PRODUCT, newest, name="products_in")
        concerned = (await self._session.execute(sa.text(_CONCERNED))).scalars().all()
        await upsert_frame(
            self._session,
            PRODUCT,
            newest.sort("sku_code"),
            key=["sku_code"],
            where="excluded.revision > product.revision",
        )
        if concerned:
            codes = pl.DataFrame({"retailer_code": list(concerned)}, schema={"retailer_code": pl.String})
            await self._mark_stale(codes, cause)

    async def take_demand(self, demand: pl.DataFrame, cause: Cause, *, growth: float) -> None:
        """Keeps newer revisions; shops to which a product is recommended that now grows so much, or no longer does, in
        their region are ranked anew."""
        key = ["region", "sku_code", "horizon"]
        newest = demand.sort("revision").unique(key, keep="last", maintain_order=True)
        await stage_frame(self._session, DEMAND, newest.select("region", "sku_code").unique(), name="forecast_in")
        before = await self._growing(growth)
        await upsert_frame(
            self._session, DEMAND, newest.sort(key), key=key, where="excluded.revision > demand.revision"
        )
        turned = sorted(before ^ await self._growing(growth))
        if not turned:
            return
        regions, skus = [region for region, _ in turned], [sku for _, sku in turned]
        concerned = (await self._session.execute(sa.text(_TURNED), {"regions": regions, "skus": skus})).scalars().all()
        if concerned:
            codes = pl.DataFrame({"retailer_code": list(concerned)}, schema={"retailer_code": pl.String})
            await self._mark_stale(codes, cause)

    async def _growing(self, growth: float) -> set[tuple[str, str]]:
        rows = await self._session.execute(sa.text(_GROWING), {"growth": growth})
        return {(region, sku) for region, sku in rows}

    async def _mark_stale(self, codes: pl.DataFrame, cause: Cause) -> None:
        rows = codes.with_columns(
            is_live=pl.lit(cause.is_live), trace_id=pl.lit(cause.trace_id), traceparent=pl.lit(cause.traceparent)
        )
        await copy_frame(self._session, "stale", rows, schema=SCHEMA)
        self.changed = True
