"""The history of sales and prices, written in one transaction with the inbox mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import mark_new
from services.forecast.domain.lines import LINE, PRICE
from services.forecast.store.columns import fetch, put
from services.forecast.store.tables import INBOX, SCHEMA

SERIES = {
    "series_id": pl.Int64,
    "adcode": pl.String,
    "sku_code": pl.String,
    "measure": pl.String,
    "market": pl.String,
    "pool": pl.String,
}
SKU = {
    "sku_code": pl.String,
    "base_unit": pl.String,
    "price_guide": pl.Float64,
    "sticks_per_pack": pl.Int64,
    "packs_per_carton": pl.Int64,
}
UNIT = {
    "unit_id": pl.Int64,
    "region": pl.String,
    "sku_code": pl.String,
    "base_unit": pl.String,
    "measure": pl.String,
}
_PLACE = ["adcode", "sku_code", "measure"]
_UNIT_PLACE = ["region", "sku_code", "base_unit", "measure"]
_LINE_COLUMNS = [name for name in LINE if name not in ("key", "market", "pool", "trace_id")]


async def lock_history(session: AsyncSession) -> None:
    """One writer at a time until the end of the transaction: sums are moved, and rows marked, in one order."""
    await session.execute(text(f"SELECT pg_advisory_xact_lock(hashtext('{SCHEMA}.history'))"))


@dataclass(slots=True)
class Places:
    """Ids of all series and units: they never change, so they are looked up once in the life of a process."""

    series: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SERIES))
    units: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNIT))

    def add(self, series: pl.DataFrame, units: pl.DataFrame) -> None:
        """Remembers what a transaction has made or found, after it has committed."""
        self.series = pl.concat([self.series, series]).unique(subset="series_id", keep="last")
        self.units = pl.concat([self.units, units]).unique(subset="unit_id", keep="last")


class HistoryUnit:
    """One transaction on the history."""

    def __init__(self, session: AsyncSession, places: Places) -> None:
        self._session = session
        self._places = places
        self._new_series = pl.DataFrame(schema=SERIES)
        self._new_units = pl.DataFrame(schema=UNIT)

    def committed(self) -> None:
        """The transaction is over, and what it made stays."""
        if self._new_series.height or self._new_units.height:
            self._places.add(self._new_series, self._new_units)

    async def new_ones(self, consumer: str, message_ids: Sequence[str]) -> set[str]:
        """Marks messages as handled; answers those that had not been."""
        await lock_history(self._session)
        return await mark_new(self._session, INBOX, consumer, message_ids)

    async def count_change(self) -> None:
        """Counts a batch that changed the history."""
        await self._session.execute(
            text(
                f"INSERT INTO {SCHEMA}.history AS h (id, revision, renewed) VALUES (1, 1, 0) "
                "ON CONFLICT (id) DO UPDATE SET revision = h.revision + 1"
            )
        )

    async def save_skus(self, skus: pl.DataFrame) -> None:
        """Keeps the newest facts of products; `skus` has the columns of SKU and occurred_at."""
        await put(
            self._session,
            f"INSERT INTO {SCHEMA}.sku AS s (sku_code, base_unit, price_guide, sticks_per_pack, packs_per_carton, "
            "occurred_at) SELECT * FROM {given} ON CONFLICT (sku_code) DO UPDATE SET base_unit = excluded.base_unit, "
            "price_guide = excluded.price_guide, sticks_per_pack = excluded.sticks_per_pack, "
            "packs_per_carton = excluded.packs_per_carton, occurred_at = excluded.occurred_at "
            "WHERE excluded.occurred_at >= s.occurred_at",
            skus,
        )

    async def skus(self, codes: pl.Series) -> pl.DataFrame:
        """The columns of SKU of the known ones of these codes."""
        asked = codes.unique().rename("sku_code").to_frame()
        return await fetch(
            self._session,
            f"SELECT sku_code, base_unit, price_guide, sticks_per_pack, packs_per_carton FROM {SCHEMA}.sku "
            "JOIN {given} USING (sku_code)",
            SKU,
            asked,
        )

    async def stored_lines(self, lines: pl.DataFrame) -> pl.DataFrame:
        """What is kept under the keys of `lines`: key and the other stored columns of LINE."""
        return await fetch(
            self._session,
            f"SELECT given.key, {', '.join(f'line.{name}' for name in _LINE_COLUMNS)} FROM {{given}} "
            f"JOIN {SCHEMA}.line ON line.key = md5(given.key)::uuid",
            {"key": pl.String, **{name: LINE[name] for name in _LINE_COLUMNS}},
            lines.select("key"),
        )

    async def save_lines(self, lines: pl.DataFrame) -> None:
        """Replaces the content of the lines' keys."""
        columns = ", ".join(_LINE_COLUMNS)
        updates = ", ".join(f"{name} = excluded.{name}" for name in _LINE_COLUMNS)
        await put(
            self._session,
            f"INSERT INTO {SCHEMA}.line (key, {columns}) SELECT md5(key)::uuid, {columns} FROM {{given}} "
            f"ON CONFLICT (key) DO UPDATE SET {updates}",
            lines.select("key", *_LINE_COLUMNS),
        )

    async def series(self, spans: pl.DataFrame) -> pl.DataFrame:
        """The series (columns of SERIES) of regions, products and measures; new ones are made.

        A series belongs to the market and pool in which it was first seen.
        """
        asked = spans.select(list(SERIES)[1:]).unique(subset=_PLACE, maintain_order=True)
        known = pl.concat([self._places.series, self._new_series])
        unknown = asked.join(known, on=_PLACE, how="anti")
        if unknown.height:
            await self._make_series(unknown)
            known = pl.concat([self._places.series, self._new_series])
        return asked.select(_PLACE).join(known, on=_PLACE).select(SERIES.keys())

    async def _make_series(self, unknown: pl.DataFrame) -> None:
        made = await put(
            self._session,
            f"INSERT INTO {SCHEMA}.series (adcode, sku_code, measure, market, pool, is_shadowed, revision, dirty_rank, "
            "trace_id) SELECT adcode, sku_code, measure, market, pool, false, 0, 0, '' FROM {given} "
            "ON CONFLICT (adcode, sku_code, measure) DO NOTHING",
            unknown,
        )
        columns = ", ".join(f"series.{name}" for name in SERIES)
        found = await fetch(
            self._session,
            f"SELECT {columns} FROM {{given}} JOIN {SCHEMA}.series USING (adcode, sku_code, measure)",
            SERIES,
            unknown.select(_PLACE),
        )
        self._new_series = pl.concat([self._new_series, found])
        known = pl.concat([self._places.series, self._new_series])
        measures = known.join(unknown, on=["adcode", "sku_code"], how="semi")
        both = measures.group_by("adcode", "sku_code").agg(pl.col("measure").n_unique()).filter(pl.col("measure") > 1)
        if made and both.height:
            await self._shadow(both.select("adcode", "sku_code"))

    async def _shadow(self, keys: pl.DataFrame) -> None:
        """Sales of a product in a region, once reported, are forecast instead of its orders."""
        await put(
            self._session,
            f"""
            WITH shadowed AS (
                UPDATE {SCHEMA}.series AS o SET is_shadowed = true, dirty_at = NULL
                FROM {{given}}, {SCHEMA}.series AS s
                WHERE o.measure = 'orders' AND s.measure = 'sales' AND NOT o.is_shadowed
                  AND (o.adcode, o.sku_code) = (given.adcode, given.sku_code)
                  AND (s.adcode, s.sku_code) = (given.adcode, given.sku_code)
                RETURNING o.series_id
            )
            DELETE FROM {SCHEMA}.demand_forecast USING shadowed
            WHERE demand_forecast.series_id = shadowed.series_id
            """,
            keys,
        )

    async def add_weeks(self, cells: pl.DataFrame) -> None:
        """Moves weekly cells: series_id, reported, week, quantity, amount."""
        await put(
            self._session,
            f"INSERT INTO {SCHEMA}.week AS w SELECT * FROM {{given}} ON CONFLICT (series_id, reported, week) "
            "DO UPDATE SET quantity = w.quantity + excluded.quantity, amount = w.amount + excluded.amount",
            cells.select("series_id", "reported", "week", "quantity", "amount"),
        )

    async def add_groups(self, totals: pl.DataFrame) -> None:
        """Moves the totals of groups: kind, pool, member, week, quantity."""
        await put(
            self._session,
            f"INSERT INTO {SCHEMA}.group_week AS g SELECT * FROM {{given}} ON CONFLICT (kind, pool, member, week) "
            "DO UPDATE SET quantity = g.quantity + excluded.quantity",
            totals.select("kind", "pool", "member", "week", "quantity"),
        )

    async def advance_markets(self, spans: pl.DataFrame) -> pl.DataFrame:
        """Widens the covered days of markets; returns market, pool, was (null: new) and covered_through."""
        before = await fetch(
            self._session,
            f"SELECT market, pool, m.covered_through FROM {{given}} JOIN {SCHEMA}.market AS m USING (market, pool)",
            {"market": pl.String, "pool": pl.String, "was": pl.Date},
            spans.select("market", "pool"),
        )
        await put(
            self._session,
            f"INSERT INTO {SCHEMA}.market AS m SELECT * FROM {{given}} ON CONFLICT (market, pool) DO UPDATE SET "
            "covered_from = least(m.covered_from, excluded.covered_from), "
            "covered_through = greatest(m.covered_through, excluded.covered_through)",
            spans.select("market", "pool", "covered_from", "covered_through"),
        )
        return spans.join(before, on=["market", "pool"], how="left").select("market", "pool", "was", "covered_through")

    async def add_unit_cells(self, cells: pl.DataFrame, spans: pl.DataFrame) -> None:
        """Moves months and years of units; makes units, and widens their covered days.

        `cells`: region, sku_code, base_unit, measure, grain, reported, starts_on, quantity. `spans`: region,
        base_unit, measure, covered_from, covered_through.
        """
        known = await self._units(cells.select(_UNIT_PLACE).unique())
        await put(
            self._session,
            f"INSERT INTO {SCHEMA}.unit_cell AS c SELECT * FROM {{given}} ON CONFLICT (unit_id, grain, reported, "
            "starts_on) DO UPDATE SET quantity = c.quantity + excluded.quantity",
            cells.join(known, on=_UNIT_PLACE).select("unit_id", "grain", "reported", "starts_on", "quantity"),
        )
        await put(
            self._session,
            f"UPDATE {SCHEMA}.unit AS u SET covered_from = least(u.covered_from, given.covered_from), "
            "covered_through = greatest(u.covered_through, given.covered_through) FROM {given} "
            "WHERE (u.region, u.base_unit, u.measure) = (given.region, given.base_unit, given.measure) "
            "AND u.sku_code = '' AND (u.covered_from IS NULL OR u.covered_from > given.covered_from "
            "OR u.covered_through < given.covered_through)",
            spans,
        )

    async def _units(self, asked: pl.DataFrame) -> pl.DataFrame:
        known = pl.concat([self._places.units, self._new_units])
        unknown = asked.join(known, on=_UNIT_PLACE, how="anti")
        if unknown.height:
            await put(
                self._session,
                f"INSERT INTO {SCHEMA}.unit (region, sku_code, base_unit, measure, revision, trace_id) "
                "SELECT region, sku_code, base_unit, measure, 0, '' FROM {given} "
                "ON CONFLICT (region, sku_code, base_unit, measure) DO NOTHING",
                unknown,
            )
            found = await fetch(
                self._session,
                f"SELECT u.unit_id, region, sku_code, base_unit, measure FROM {{given}} "
                f"JOIN {SCHEMA}.unit AS u USING (region, sku_code, base_unit, measure)",
                UNIT,
                unknown,
            )
            self._new_units = pl.concat([self._new_units, found])
            known = pl.concat([known, found])
        return asked.join(known, on=_UNIT_PLACE)

    async def save_prices(self, prices: pl.DataFrame) -> None:
        """Replaces the content of price observations; older content than the stored is left."""
        columns = [name for name in PRICE if name not in ("key", "unit", "trace_id")]
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
        await put(
            self._session,
            f"INSERT INTO {SCHEMA}.price AS p (key, {', '.join(columns)}) "
            f"SELECT md5(key)::uuid, {', '.join(columns)} FROM {{given}} "
            f"ON CONFLICT (key) DO UPDATE SET {updates} WHERE excluded.ingested_at >= p.ingested_at",
            prices.select("key", *columns),
        )

    async def mark_series(self, changed: pl.DataFrame) -> None:
        """Series (series_id, trace_id) are to be forecast again, before any others."""
        await put(
            self._session,
            f"UPDATE {SCHEMA}.series AS s SET dirty_at = clock_timestamp(), dirty_rank = 0, trace_id = given.trace_id "
            "FROM {given} WHERE s.series_id = given.series_id AND NOT s.is_shadowed "
            "AND (s.dirty_at IS NULL OR s.dirty_rank > 0)",
            changed,
        )

    async def mark_markets(self, moved: pl.DataFrame) -> None:
        """All series of markets (market, pool, trace_id) are to be forecast again: their week is over."""
        await put(
            self._session,
            f"UPDATE {SCHEMA}.series AS s SET dirty_at = clock_timestamp(), dirty_rank = 1, trace_id = given.trace_id "
            "FROM {given} WHERE (s.market, s.pool) = (given.market, given.pool) AND s.dirty_at IS NULL "
            "AND NOT s.is_shadowed",
            moved,
        )

    async def mark_units(self, changed: pl.DataFrame) -> None:
        """Units (region, sku_code, trace_id) are to be forecast again."""
        known = pl.concat([self._places.units, self._new_units]).select("unit_id", "region", "sku_code")
        marked = changed.join(known, on=["region", "sku_code"]).select("unit_id", "trace_id")
        await put(
            self._session,
            f"UPDATE {SCHEMA}.unit AS u SET dirty_at = clock_timestamp(), trace_id = given.trace_id FROM {{given}} "
            "WHERE u.unit_id = given.unit_id AND u.dirty_at IS NULL",
            marked,
        )

    async def mark_units_of_skus(self, changed: pl.DataFrame) -> None:
        """Units of products (sku_code, trace_id), and of all products where they are sold: their prices changed."""
        await put(
            self._session,
            f"""
            UPDATE {SCHEMA}.unit AS u SET dirty_at = clock_timestamp(), trace_id = priced.trace_id
            FROM (SELECT DISTINCT ON (region, base_unit, sku_code) region, base_unit, sku_code, given.trace_id
                  FROM {{given}} JOIN {SCHEMA}.unit USING (sku_code)) AS priced
            WHERE u.region = priced.region AND u.base_unit = priced.base_unit
              AND (u.sku_code = priced.sku_code OR u.sku_code = '') AND u.dirty_at IS NULL
            """,
            changed,
        )
