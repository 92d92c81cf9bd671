"""Lists forecasts, back-tests and the values of the map."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from chassis.errors import Invalid, Problem
from services.forecast.domain.annual.panel import build_annual_panel
from services.forecast.domain.map_feed import MEASURES, VALUES, MapFeed, map_feed, sales_values
from services.forecast.domain.regions import LEVELS, Regions
from services.forecast.usecases.ports import Row, Store

PATENT = "patent_v1"
METHODS = (PATENT, "patent_v1_swapped", "fitted")
_DEMAND_PLACE = ("adcode", "sku_code", "measure", "horizon")
_ANNUAL_PLACE = ("region", "sku_code", "base_unit", "measure", "year")


@dataclass(frozen=True, slots=True)
class MapAsked:
    """What a map is asked for; empty and 0 choose."""

    measure: str = ""
    year: int = 0
    level: str = ""
    sku: str = ""


async def list_demand(
    store: Store, *, region: str, sku: str, horizon: int, cursor: str, limit: int
) -> tuple[list[Row], str]:
    """A page of demand forecasts, and the cursor of the next page."""
    after = _place(cursor, len(_DEMAND_PLACE))
    rows = await store.list_demand(region=region, sku=sku, horizon=horizon, after=after, limit=limit + 1)
    return rows[:limit], _cursor(rows, limit, _DEMAND_PLACE)


async def list_annual(
    store: Store, *, region: str, sku: str, year: int, method: str, cursor: str, limit: int
) -> tuple[list[Row], str]:
    """A page of annual forecasts, and the cursor of the next page."""
    _refuse_unknown("/method", method or PATENT, METHODS)
    after = _place(cursor, len(_ANNUAL_PLACE))
    rows = await store.list_annual(
        region=region, sku=sku, year=year, method=method or PATENT, after=after, limit=limit + 1
    )
    return rows[:limit], _cursor(rows, limit, _ANNUAL_PLACE)


async def get_map(
    store: Store,
    regions: Regions,
    asked: MapAsked,
    *,
    stick_limits: Sequence[float],
    unit_limits: Mapping[str, Sequence[float]],
) -> MapFeed:
    """The values of a map with bands. Invalid for an unknown measure, level or year."""
    measure = asked.measure or MEASURES[0]
    _refuse_unknown("/measure", measure, MEASURES)
    if asked.level:
        _refuse_unknown("/level", asked.level, LEVELS)
    values = await (_forecast_values if measure == MEASURES[0] else _sales_values)(store, asked.sku)
    feed = map_feed(
        values, regions, year=asked.year, level=asked.level, stick_limits=stick_limits, unit_limits=unit_limits
    )
    if asked.year and asked.year not in feed.years:
        known = ", ".join(str(year) for year in feed.years) or "none yet"
        problem = Problem("/year", "unknown_year", f"years with values: {known}")
        raise Invalid(f"there are no values for {asked.year}", errors=[problem])
    return feed


async def _forecast_values(store: Store, sku: str) -> pl.DataFrame:
    rows = await store.map_values(method=PATENT, sku=sku)
    columns = {
        "region": [row["region"] for row in rows],
        "base_unit": [row["base_unit"] for row in rows],
        "year": [row["year"] for row in rows],
        "value": [row["value"] for row in rows],
        "reliable": [row["facts"]["reliable"] for row in rows],
        "model_version": [row["facts"]["model_version"] for row in rows],
    }
    return pl.DataFrame(columns, schema=VALUES)


async def _sales_values(store: Store, sku: str) -> pl.DataFrame:
    work = await store.sales_of(sku)
    if work.units.is_empty():
        return pl.DataFrame(schema=VALUES)
    units = work.units.with_columns(top_id=pl.col("unit_id"), pools_spring=pl.lit(False))
    none = pl.DataFrame(schema={"unit_id": pl.Int64, "year": pl.Int32, "coefficient": pl.Float64})
    return sales_values(build_annual_panel(units, work.cells, none))


def _refuse_unknown(pointer: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        problem = Problem(pointer, "unknown_value", f"must be one of {', '.join(allowed)}")
        raise Invalid(f"{value} is not known here", errors=[problem])


def _cursor(rows: list[Row], limit: int, place: Sequence[str]) -> str:
    if len(rows) <= limit:
        return ""
    values = [str(rows[limit - 1][name]) for name in place]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _place(cursor: str, length: int) -> list[str]:
    if not cursor:
        return []
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    if not isinstance(values, list) or len(values) != length or not str(values[-1]).isdigit():
        raise _bad_cursor()
    return [str(value) for value in values]


def _bad_cursor() -> Invalid:
    problem = Problem("/cursor", "bad_cursor", "use the next_cursor of the previous page as it is")
    return Invalid("the cursor cannot be read", errors=[problem])
