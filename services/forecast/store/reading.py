"""What forecasts are made from, as frames."""

from __future__ import annotations

import polars as pl
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import pull_frame
from services.forecast.store.columns import Schema, fetch
from services.forecast.store.tables import SCHEMA

DIRTY: Schema = {
    "series_id": pl.Int64,
    "trace_id": pl.String,
    "revision": pl.Int64,
}
UNITS: Schema = {
    "unit_id": pl.Int64,
    "region": pl.String,
    "sku_code": pl.String,
    "base_unit": pl.String,
    "measure": pl.String,
    "covered_from": pl.Date,
    "covered_through": pl.Date,
}
_SERIES: Schema = {
    "series_id": pl.Int64,
    "adcode": pl.String,
    "sku_code": pl.String,
    "market": pl.String,
    "pool": pl.String,
    "base_unit": pl.String,
    "market_series": pl.Int64,
    "sku_series": pl.Int64,
    "region_series": pl.Int64,
}
_WEEKS: Schema = {"series_id": pl.Int64, "week": pl.Date, "quantity": pl.Float64, "amount": pl.Float64}
_TOTALS: Schema = {
    "kind": pl.String,
    "pool": pl.String,
    "member": pl.String,
    "week": pl.Date,
    "quantity": pl.Float64,
}
_CELLS: Schema = {
    "unit_id": pl.Int64,
    "grain": pl.String,
    "reported": pl.String,
    "starts_on": pl.Date,
    "quantity": pl.Float64,
}
_MUCH = 1_000
_DIGITS = 4
"""Money, and weeks divided between months, are added up as they come: the last digits of a sum tell in which order."""
_COUNTED = f"""
    SELECT series_id, adcode, sku_code, market, pool, is_shadowed,
           coalesce((SELECT base_unit FROM {SCHEMA}.sku AS k WHERE k.sku_code = series.sku_code), 'stick') AS base_unit,
           count(*) OVER (PARTITION BY pool, market) AS market_series,
           count(*) OVER (PARTITION BY pool, sku_code) AS sku_series,
           count(*) OVER (PARTITION BY pool, adcode) AS region_series
"""


async def claim_series(session: AsyncSession, limit: int) -> pl.DataFrame:
    """Series to forecast again (columns of DIRTY): changed ones before those of a new week, the newest first.

    From now on a change marks them anew; what is claimed counts as waiting until its forecast is saved.
    """
    return await fetch(session, _claim("series", "dirty_rank, dirty_at DESC"), DIRTY, limit=limit)


def _claim(name: str, order: str) -> str:
    key = f"{name}_id"
    return f"""
        WITH chosen AS (
            SELECT {key} FROM {SCHEMA}.{name} WHERE dirty_at IS NOT NULL ORDER BY {order} LIMIT :limit
            FOR UPDATE SKIP LOCKED
        )
        UPDATE {SCHEMA}.{name} AS t SET dirty_at = NULL, claimed_at = clock_timestamp() FROM chosen
        WHERE t.{key} = chosen.{key} RETURNING t.{key}, t.trace_id, t.revision
    """


async def series_facts(session: AsyncSession, series_ids: pl.Series | None) -> pl.DataFrame:
    """The named series, or all that are not shadowed, with how many share their market, product and region."""
    columns = ", ".join(_SERIES)
    if series_ids is None:
        statement = f"SELECT {columns} FROM ({_COUNTED} FROM {SCHEMA}.series) AS s WHERE NOT is_shadowed"
        return await pull_frame(session, statement, _SERIES)
    # Counting is limited to the pools in question; in all of them it would read every series for one.
    statement = (
        f"SELECT {columns} FROM ({_COUNTED} FROM {SCHEMA}.series WHERE pool IN (SELECT DISTINCT pool FROM "
        f"{SCHEMA}.series JOIN {{given}} USING (series_id))) AS s JOIN {{given}} USING (series_id)"
    )
    return await fetch(session, statement, _SERIES, series_ids.rename("series_id").to_frame())


async def clocks(session: AsyncSession) -> pl.DataFrame:
    """market, pool, covered_through of every market."""
    schema: Schema = {"market": pl.String, "pool": pl.String, "covered_through": pl.Date}
    return await fetch(session, f"SELECT market, pool, covered_through FROM {SCHEMA}.market", schema)


async def weeks(session: AsyncSession, series_ids: pl.Series | None) -> pl.DataFrame:
    """Weekly cells; a series told by day and by week counts by week."""
    chosen = "" if series_ids is None else "WHERE series_id = ANY($1::bigint[])"
    statement = (
        f"SELECT DISTINCT ON (series_id, week) series_id, week, quantity, amount FROM {SCHEMA}.week {chosen} "
        "ORDER BY series_id, week, reported DESC"
    )
    arguments = [] if series_ids is None else [series_ids.to_list()]
    found = await pull_frame(session, statement, _WEEKS, *arguments)
    return found.with_columns(pl.col("amount").round(_DIGITS))


async def totals(session: AsyncSession, members: pl.DataFrame | None) -> pl.DataFrame:
    """Weekly totals of the named groups (kind, pool, member), or of all."""
    columns = ", ".join(_TOTALS)
    if members is None:
        return await pull_frame(session, f"SELECT {columns} FROM {SCHEMA}.group_week", _TOTALS)
    statement = (
        f"SELECT {columns} FROM {SCHEMA}.group_week JOIN unnest($1::text[], $2::text[], $3::text[]) "
        "AS given(kind, pool, member) USING (kind, pool, member)"
    )
    return await pull_frame(session, statement, _TOTALS, *(members[name].to_list() for name in members.columns))


async def claim_units(session: AsyncSession, limit: int) -> pl.DataFrame:
    """Units to forecast again: unit_id, trace_id, revision; claimed as series are."""
    schema: Schema = {"unit_id": pl.Int64, **{name: kind for name, kind in DIRTY.items() if name != "series_id"}}
    return await fetch(session, _claim("unit", "dirty_at DESC"), schema, limit=limit)


async def unit_facts(session: AsyncSession, where: str, frame: pl.DataFrame | None) -> pl.DataFrame:
    """Units with the covered days of all products of their region and base unit.

    A unit of orders is left out where sales of the same are reported.
    """
    statement = f"""
        SELECT u.unit_id, u.region, u.sku_code, u.base_unit, u.measure, whole.covered_from, whole.covered_through
        FROM {SCHEMA}.unit AS u
        JOIN {SCHEMA}.unit AS whole ON (whole.region, whole.base_unit, whole.measure) =
             (u.region, u.base_unit, u.measure) AND whole.sku_code = '' AND whole.covered_from IS NOT NULL
        {where}
    """
    found = await fetch(session, statement, UNITS, frame)
    sold = await fetch(
        session,
        f"SELECT DISTINCT region, sku_code, base_unit FROM {SCHEMA}.unit JOIN {{given}} "
        "USING (region, sku_code, base_unit) WHERE measure = 'sales'",
        {"region": pl.String, "sku_code": pl.String, "base_unit": pl.String},
        found.filter(pl.col("measure") == "orders").select("region", "sku_code", "base_unit").unique(),
    )
    orders = found.filter(pl.col("measure") == "orders")
    kept = orders.join(sold, on=["region", "sku_code", "base_unit"], how="anti")
    return pl.concat([found.filter(pl.col("measure") != "orders"), kept])


async def units_by_id(session: AsyncSession, unit_ids: pl.Series) -> pl.DataFrame:
    """The named units (columns of UNITS)."""
    asked = unit_ids.rename("unit_id").to_frame()
    return await unit_facts(session, "JOIN {given} ON u.unit_id = given.unit_id", asked)


async def units_by_place(session: AsyncSession, places: pl.DataFrame) -> pl.DataFrame:
    """Units by region, sku_code, base_unit, measure."""
    condition = (
        "JOIN {given} ON (u.region, u.sku_code, u.base_unit, u.measure) = "
        "(given.region, given.sku_code, given.base_unit, given.measure)"
    )
    return await unit_facts(session, condition, places)


async def all_units(session: AsyncSession) -> pl.DataFrame:
    """Every unit (columns of UNITS)."""
    return await unit_facts(session, "", None)


async def unit_cells(session: AsyncSession, unit_ids: pl.Series) -> pl.DataFrame:
    """Months and years of units: unit_id, grain, reported, starts_on, quantity."""
    statement = f"SELECT {', '.join(_CELLS)} FROM {SCHEMA}.unit_cell WHERE unit_id = ANY($1::bigint[])"
    found = await pull_frame(session, statement, _CELLS, unit_ids.to_list())
    return found.with_columns(pl.col("quantity").round(_DIGITS))


async def prices(session: AsyncSession, regions: pl.Series, skus: pl.Series) -> pl.DataFrame:
    """Observations (adcode, sku_code, observed_on, price, weight) of products, and of all products in regions."""
    schema: Schema = {
        "adcode": pl.String,
        "sku_code": pl.String,
        "observed_on": pl.Date,
        "price": pl.Float64,
        "weight": pl.Float64,
    }
    return await fetch(
        session,
        f"SELECT adcode, sku_code, observed_on, avg(price), count(*)::double precision FROM {SCHEMA}.price "
        "WHERE price IS NOT NULL AND (sku_code = ANY(:skus) OR adcode = ANY(:regions)) GROUP BY 1, 2, 3",
        schema,
        skus=skus.unique().to_list(),
        regions=regions.unique().to_list(),
    )


async def guides(session: AsyncSession, skus: pl.Series) -> pl.DataFrame:
    """sku_code, price_guide (null: none) of products."""
    return await fetch(
        session,
        f"SELECT sku_code, price_guide FROM {SCHEMA}.sku JOIN {{given}} USING (sku_code)",
        {"sku_code": pl.String, "price_guide": pl.Float64},
        skus.unique().rename("sku_code").to_frame(),
    )


async def volumes(session: AsyncSession, skus: pl.Series) -> pl.DataFrame:
    """Yearly sales of products by region: adcode, sku_code, year, quantity; the largest of its reports."""
    schema: Schema = {"adcode": pl.String, "sku_code": pl.String, "year": pl.Int32, "quantity": pl.Float64}
    return await fetch(
        session,
        f"""
        SELECT region, sku_code, year, max(quantity) FROM (
            SELECT region, sku_code, extract(year FROM starts_on)::int AS year, reported, sum(quantity) AS quantity
            FROM {SCHEMA}.unit JOIN {SCHEMA}.unit_cell USING (unit_id)
            WHERE sku_code = ANY(:skus) GROUP BY region, sku_code, year, reported, measure
        ) AS reports WHERE quantity > 0 GROUP BY 1, 2, 3
        """,
        schema,
        skus=skus.unique().to_list(),
    )


async def history_revision(session: AsyncSession) -> int:
    """How many batches have changed the history."""
    return int(await session.scalar(text(f"SELECT revision FROM {SCHEMA}.history")) or 0)


async def has_much_history(session: AsyncSession) -> bool:
    """Whether there are so many weeks or years that training may be worth while."""
    for name in ("week", "unit_cell"):
        statement = f"SELECT count(*) FROM (SELECT FROM {SCHEMA}.{name} LIMIT {_MUCH}) AS first_rows"
        if int((await session.execute(text(statement))).scalar_one()) >= _MUCH:
            return True
    return False
