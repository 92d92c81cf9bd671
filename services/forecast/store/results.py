"""Forecasts: written with their events in one transaction, and listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import upsert_frame
from services.forecast.domain.demand.forecasts import QUANTILES
from services.forecast.store.columns import fetch, put
from services.forecast.store.tables import SCHEMA, AnnualForecastRow, DemandForecastRow, table

ANNUAL_FACTS = (
    *("region", "sku_code", "base_unit", "unit", "band", "last_year", "year_before", "inner", "coefficient"),
    *("price_source", "observed", "guide", "weights", "correlation", "reliable", "reliable_reason", "flags"),
    *("low", "high", "interval_level", "coverage", "model_version"),
)
# A model of weeks names the Monday of the last one.
DEMAND_SELECT = f"""
    SELECT s.adcode, s.sku_code, s.measure, coalesce(k.base_unit, 'stick') AS unit, f.*,
           coalesce((m.data_to::date + 6)::text, '') AS trained_through
    FROM {SCHEMA}.demand_forecast AS f JOIN {SCHEMA}.series AS s USING (series_id)
    LEFT JOIN {SCHEMA}.sku AS k USING (sku_code) LEFT JOIN {SCHEMA}.model AS m ON m.version = f.model_version
"""
ANNUAL_SELECT = f"""
    SELECT u.region, u.sku_code, u.base_unit, u.measure, f.*
    FROM {SCHEMA}.annual_forecast AS f JOIN {SCHEMA}.unit AS u USING (unit_id)
"""
_WAITS = "dirty_at IS NOT NULL OR claimed_at IS NOT NULL"
Row = dict[str, Any]


async def save_demand(session: AsyncSession, made: pl.DataFrame, made_at: datetime) -> None:
    """Replaces the forecasts of series; `made` also has revision and trace_id."""
    listed = pl.concat_str(pl.lit("{"), pl.concat_str(pl.col(QUANTILES).cast(pl.String), separator=","), pl.lit("}"))
    frame = made.select(
        *("series_id", "horizon", "period", "value", "method", "model_version", "recent_mean", "revision", "trace_id"),
        quantiles=listed,
        made_at=pl.lit(made_at),
    )
    await upsert_frame(session, table(DemandForecastRow), frame, key=["series_id", "horizon"])


async def save_annual(session: AsyncSession, made: pl.DataFrame, made_at: datetime) -> None:
    """Replaces the forecasts of units; `made` also has revision and trace_id."""
    frame = made.select(
        *("unit_id", "year", "method", "value", "revision", "trace_id"),
        facts=pl.struct(ANNUAL_FACTS).struct.json_encode(),
        made_at=pl.lit(made_at),
    )
    await upsert_frame(session, table(AnnualForecastRow), frame, key=["unit_id", "year", "method"])


async def drop_annual(session: AsyncSession, done: pl.DataFrame) -> None:
    """Forgets what a pass over units (unit_id, revision before it) has not made again: other years, other methods.

    A year that is over by what is known now was forecast because less was known then: how many such there are would
    depend on when each record came.
    """
    await put(
        session,
        f"DELETE FROM {SCHEMA}.annual_forecast AS f USING {{given}} WHERE f.unit_id = given.unit_id "
        "AND f.revision <= given.revision",
        done.select("unit_id", "revision"),
    )


async def without_shadowed(session: AsyncSession, made: pl.DataFrame) -> pl.DataFrame:
    """Forecasts of series that have not been shadowed since they were claimed."""
    shadowed = await fetch(
        session,
        f"SELECT series_id FROM {SCHEMA}.series JOIN {{given}} USING (series_id) WHERE is_shadowed",
        {"series_id": pl.Int64},
        made.select("series_id").unique(),
    )
    return made.join(shadowed, on="series_id", how="anti")


async def finish_series(session: AsyncSession, done: pl.DataFrame) -> None:
    """Claimed series (series_id) are forecast; their revision moves on."""
    await put(
        session,
        f"UPDATE {SCHEMA}.series AS s SET revision = s.revision + 1, claimed_at = NULL FROM {{given}} "
        "WHERE s.series_id = given.series_id",
        done.select("series_id"),
    )


async def finish_units(session: AsyncSession, done: pl.DataFrame) -> None:
    """Claimed units (unit_id) are forecast; their revision moves on."""
    await put(
        session,
        f"UPDATE {SCHEMA}.unit AS u SET revision = u.revision + 1, claimed_at = NULL FROM {{given}} "
        "WHERE u.unit_id = given.unit_id",
        done.select("unit_id"),
    )


async def unclaim(session: AsyncSession) -> None:
    """What was claimed and not saved is to be forecast again."""
    for name in ("series", "unit"):
        await session.execute(
            text(
                f"UPDATE {SCHEMA}.{name} SET dirty_at = coalesce(dirty_at, claimed_at), claimed_at = NULL "
                "WHERE claimed_at IS NOT NULL"
            )
        )


async def mark_everything(session: AsyncSession, *, trace_id: str | None) -> None:
    """All series and units are to be forecast again: by a new model, or as their neighbours have changed.

    Without a trace each keeps that of its own last change.
    """
    mark = "dirty_at = clock_timestamp(), trace_id = coalesce(:trace, trace_id)"
    for statement in (
        f"UPDATE {SCHEMA}.series SET {mark}, dirty_rank = 1 WHERE dirty_at IS NULL AND NOT is_shadowed",
        f"UPDATE {SCHEMA}.unit SET {mark} WHERE dirty_at IS NULL",
    ):
        await session.execute(text(statement), {"trace": trace_id})
    await session.execute(text(f"UPDATE {SCHEMA}.history SET renewed = revision"))


async def is_renewed(session: AsyncSession) -> bool:
    """Whether the history is what it was when everything was last to be forecast again."""
    changed = await session.scalar(text(f"SELECT 1 FROM {SCHEMA}.history WHERE renewed < revision"))
    return changed is None


async def list_demand(
    session: AsyncSession, *, region: str, sku: str, horizon: int, after: Sequence[str], limit: int
) -> list[Row]:
    """Demand forecasts by region, sku, measure and horizon, after the place `after`."""
    return await _list(
        session,
        DEMAND_SELECT,
        {"s.adcode": region, "s.sku_code": sku, "f.horizon": horizon or ""},
        ("s.adcode", "s.sku_code", "s.measure", "f.horizon"),
        after=after,
        limit=limit,
    )


async def list_annual(
    session: AsyncSession, *, region: str, sku: str, year: int, method: str, after: Sequence[str], limit: int
) -> list[Row]:
    """Annual forecasts by region, sku, base unit, measure and year; without a year the newest of each unit."""
    newest = f"f.year = (SELECT max(year) FROM {SCHEMA}.annual_forecast AS n WHERE n.unit_id = f.unit_id)"
    return await _list(
        session,
        ANNUAL_SELECT,
        {"u.region": region, "u.sku_code": sku, "f.year": year or "", "f.method": method},
        ("u.region", "u.sku_code", "u.base_unit", "u.measure", "f.year"),
        after=after,
        limit=limit,
        extra="" if year else newest,
    )


async def _list(
    session: AsyncSession,
    select: str,
    wanted: dict[str, str | int],
    order: Sequence[str],
    *,
    after: Sequence[str],
    limit: int,
    extra: str = "",
) -> list[Row]:
    given = {column: value for column, value in wanted.items() if value != ""}
    conditions = [f"{column} = :wanted{number}" for number, column in enumerate(given)]
    parameters: Row = {f"wanted{number}": value for number, value in enumerate(given.values())}
    if after:
        place = ", ".join(f":after{number}" for number in range(len(order)))
        conditions.append(f"({', '.join(order)}) > ({place})")
        last = len(order) - 1
        parameters |= {f"after{n}": int(value) if n == last else value for n, value in enumerate(after)}
    if extra:
        conditions.append(extra)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    statement = f"{select} {where} ORDER BY {', '.join(order)} LIMIT :limit"
    found = await session.execute(text(statement), {**parameters, "limit": limit})
    return [dict(row) for row in found.mappings()]


async def map_values(session: AsyncSession, *, method: str, sku: str) -> list[Row]:
    """Every annual forecast with a value of a method: region, base_unit, measure, year, value, facts."""
    found = await session.execute(
        text(
            f"SELECT DISTINCT ON (region, base_unit, year) * FROM ({ANNUAL_SELECT} WHERE f.method = :method "
            "AND u.sku_code = :sku AND f.value IS NOT NULL) AS told ORDER BY region, base_unit, year, measure DESC"
        ),
        {"method": method, "sku": sku},
    )
    return [dict(row) for row in found.mappings()]


async def count(session: AsyncSession) -> tuple[int, int, int]:
    """Annual forecasts with a value (newest year, first method), demand forecasts, and what waits."""
    numbers = []
    for statement in (
        f"SELECT count(*) FROM {SCHEMA}.annual_forecast WHERE value IS NOT NULL AND method = 'patent_v1'",
        f"SELECT count(*) FROM {SCHEMA}.demand_forecast",
        f"SELECT (SELECT count(*) FROM {SCHEMA}.series WHERE {_WAITS}) + "
        f"(SELECT count(*) FROM {SCHEMA}.unit WHERE {_WAITS})",
    ):
        numbers.append(int((await session.execute(text(statement))).scalar_one()))
    return numbers[0], numbers[1], numbers[2]
