"""Writing down what records say: order lines, retailer cards, SKU facts, clocks, and who must be profiled anew."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import copy_frame, stage_frame, upsert_frame
from chassis.outbox import mark_new
from services.profile.domain.lines import KEY
from services.profile.domain.masters import causes as causes_of
from services.profile.store.tables import INBOX, MARKET, ORDER_LINE, RETAILER, SCHEMA, SKU
from services.profile.usecases import Cause

_CLOCKS = f"""
INSERT INTO {MARKET.fullname} AS market (market, cycle, biz_date, changes)
SELECT r.market, max(l.cycle), max(l.biz_date), 1 FROM lines_in l JOIN {RETAILER.fullname} r USING (retailer_code)
WHERE l.is_counted GROUP BY r.market ORDER BY r.market
ON CONFLICT (market) DO UPDATE SET
    changes = market.changes + (excluded.cycle > market.cycle)::int,
    cycle = greatest(market.cycle, excluded.cycle), biz_date = greatest(market.biz_date, excluded.biz_date)
"""
_MOVED = f"""
SELECT DISTINCT old.retailer_code FROM {ORDER_LINE.fullname} old JOIN lines_in l USING (order_no, line_no)
WHERE old.retailer_code <> l.retailer_code AND l.record_id > old.record_id
"""

_DROP = f"""
UPDATE {ORDER_LINE.fullname} kept SET is_counted = false, record_id = gone.record_id FROM lines_gone gone
WHERE (kept.order_no, kept.line_no) = (gone.order_no, gone.line_no) AND gone.record_id > kept.record_id
RETURNING kept.retailer_code
"""


class Intake:
    """One transaction that takes in messages."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.changed = False

    async def new_ones(self, consumer: str, message_ids: Sequence[str]) -> set[str]:
        return await mark_new(self._session, INBOX, consumer, message_ids)

    async def take_lines(self, lines: pl.DataFrame, cards: pl.DataFrame, causes: pl.DataFrame) -> None:
        """Keeps the newest content per line; a retailer that a corrected line has left is profiled anew too."""
        if lines.is_empty():
            return
        await upsert_frame(
            self._session,
            RETAILER,
            cards.sort("retailer_code"),
            key=["retailer_code"],
            where="retailer.record_id = '' AND (retailer.market, retailer.adcode, retailer.account_manager) "
            "IS DISTINCT FROM (excluded.market, excluded.adcode, excluded.account_manager)",
        )
        await stage_frame(self._session, ORDER_LINE, lines.sort("order_no", "line_no"), name="lines_in")
        moved = (await self._session.execute(sa.text(_MOVED))).scalars().all()
        await self._session.execute(sa.text(_keep(lines.columns)))
        await self._session.execute(sa.text(_CLOCKS))
        left = (
            causes.head(1)
            .drop("retailer_code")
            .join(pl.DataFrame({"retailer_code": list(moved)}, schema={"retailer_code": pl.String}), how="cross")
        )
        await self._mark_stale(pl.concat([causes, left.select(causes.columns)]))

    async def drop_lines(self, keys: pl.DataFrame, cause: Cause) -> None:
        """Counts the lines of these keys no more; their retailers are profiled anew."""
        await stage_frame(self._session, ORDER_LINE, keys, name="lines_gone")
        found = (await self._session.execute(sa.text(_DROP))).scalars().all()
        gone = pl.DataFrame({"retailer_code": sorted(set(found))}, schema={"retailer_code": pl.String})
        if not gone.is_empty():
            await self._mark_stale(causes_of(gone, trace_id=cause.trace_id, traceparent=cause.traceparent))

    async def take_cards(self, cards: pl.DataFrame, causes: pl.DataFrame) -> None:
        written = await upsert_frame(
            self._session,
            RETAILER,
            cards.sort("retailer_code"),
            key=["retailer_code"],
            where="excluded.record_id > retailer.record_id",
        )
        if written.inserted + written.updated:
            await self._mark_stale(causes)

    async def take_skus(self, facts: pl.DataFrame) -> None:
        """A changed price class or owner moves the yardstick of every market."""
        written = await upsert_frame(
            self._session,
            SKU,
            facts.sort("sku_code"),
            key=["sku_code"],
            where="excluded.record_id > sku.record_id",
        )
        if written.inserted + written.updated:
            await self._session.execute(sa.update(MARKET).values(changes=MARKET.c.changes + 1))
            self.changed = True

    async def _mark_stale(self, causes: pl.DataFrame) -> None:
        await copy_frame(self._session, "stale", causes, schema=SCHEMA)
        self.changed = True


def _keep(columns: Sequence[str]) -> str:
    """Inserts the staged lines, or replaces the content of those that are kept in an older form."""
    names = ", ".join(columns)
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in KEY)
    return (
        f"INSERT INTO {ORDER_LINE.fullname} AS kept ({names}) SELECT {names} FROM lines_in "
        f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {changes} WHERE excluded.record_id > kept.record_id"
    )
