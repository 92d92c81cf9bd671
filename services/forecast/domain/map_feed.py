"""One value per region for the map, with bands (requirement R-21)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from services.forecast.domain.annual.bands import Band, band_of, bands, limits_of, scale_of
from services.forecast.domain.annual.panel import AnnualPanel
from services.forecast.domain.regions import LEVELS, Regions

MEASURES = ("annual_forecast", "average_sales")
VALUES = {
    "region": pl.String,
    "base_unit": pl.String,
    "year": pl.Int64,
    "value": pl.Float64,
    "reliable": pl.Boolean,
    "model_version": pl.String,
}


@dataclass(frozen=True, slots=True)
class MapFeed:
    """`regions`: region, value, band, color_key, reliable, model_version; `bands` highest first."""

    regions: pl.DataFrame
    bands: list[Band]
    year: int
    years: list[int]
    level: str
    levels: list[str]
    unit: str


def sales_values(panel: AnnualPanel) -> pl.DataFrame:
    """Known sales of every year as VALUES, in the units that are shown."""
    divisor = np.array([[scale_of(unit).divisor] for unit in panel.units["base_unit"]])
    wide = panel.units.select("region", "base_unit").with_columns(
        pl.Series(str(panel.first_year + number), column) for number, column in enumerate((panel.years / divisor).T)
    )
    long = wide.unpivot(index=["region", "base_unit"], variable_name="year", value_name="value")
    known = long.filter(pl.col("value").is_finite())
    return known.with_columns(pl.col("year").cast(pl.Int64), reliable=pl.lit(True), model_version=pl.lit("")).select(
        VALUES.keys()
    )


def map_feed(
    values: pl.DataFrame,
    regions: Regions,
    *,
    year: int = 0,
    level: str = "",
    stick_limits: Sequence[float],
    unit_limits: Mapping[str, Sequence[float]],
) -> MapFeed:
    """The feed of a year (0: the newest) and level (empty: the highest below country that has values).

    Values of one base unit are shown: of sticks where there are any, else of the unit that most regions have.
    """
    base_unit = _unit_to_show(values)
    shown = values.filter(pl.col("base_unit") == base_unit).with_columns(
        level=pl.col("region").replace_strict(regions.level_of, default="", return_dtype=pl.String)
    )
    levels = [name for name in (*LEVELS, "") if name in set(shown["level"])]
    level = level or next((name for name in (*LEVELS[1:], LEVELS[0]) if name in levels), "")
    at_level = shown.filter(pl.col("level") == level)
    years = sorted(set(at_level["year"].to_list()))
    year = year or (years[-1] if years else 0)
    chosen = at_level.filter(pl.col("year") == year).sort("region")
    scale = scale_of(base_unit)
    configured = stick_limits if base_unit == "stick" else unit_limits.get(base_unit)
    limits = limits_of(chosen["value"].to_numpy(), scale, configured)
    scheme = bands(limits, scale)
    key = pl.Series("color_key", band_of(chosen["value"].to_numpy(), limits))
    named = chosen.with_columns(key, band=pl.Series([scheme[number].name for number in key], dtype=pl.String))
    return MapFeed(
        regions=named.select("region", "value", "band", "color_key", "reliable", "model_version"),
        bands=scheme[::-1],
        year=year,
        years=years,
        level=level,
        levels=[name for name in levels if name],
        unit=scale.unit,
    )


def _unit_to_show(values: pl.DataFrame) -> str:
    units = values.group_by("base_unit").agg(regions=pl.col("region").n_unique()).sort("regions", "base_unit")
    found = units["base_unit"].to_list()
    return "stick" if "stick" in found or not found else str(found[-1])
