"""Writing down what others tell: shops and their purchases, products, demand, and who must be ranked anew."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import copy_frame, stage_frame, upsert_frame
from chassis.outbox import is_new
from services.recommend.store.tables import DEMAND, INBOX, PRODUCT, PURCHASE, RECOMMENDATION, SCHEMA, SHOP
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
            await self._mark_stale(codes, Cause(cause.trace_id, cause.traceparent, is_live=False))

    async def take_demand(self, demand: pl.DataFrame) -> None:
        key = ["region", "sku_code", "horizon"]
        newest = demand.sort("revision").unique(key, keep="last", maintain_order=True)
        await upsert_frame(
            self._session, DEMAND, newest.sort(key), key=key, where="excluded.revision > demand.revision"
        )

    async def _mark_stale(self, codes: pl.DataFrame, cause: Cause) -> None:
        rows = codes.with_columns(
            is_live=pl.lit(cause.is_live), trace_id=pl.lit(cause.trace_id), traceparent=pl.lit(cause.traceparent)
        )
        await copy_frame(self._session, "stale", rows, schema=SCHEMA)
        self.changed = True
