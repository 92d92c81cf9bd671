"""Years and months of every unit: a region with one product, or with all products of one base unit."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from services.forecast.domain.market_calendar import Days, Floats

Ints = npt.NDArray[np.int64]

_MONTHLY_YEARS = 10
_TOLERANCE = np.timedelta64(3, "D")
"""A month is covered when at most so many days at its end (or its start) are not: weeks do not end with months."""


@dataclass(frozen=True, slots=True)
class AnnualPanel:
    """Sales in base units.

    `units`: unit_id, region, sku_code (empty: all), base_unit, top (row of the country's unit), pools_spring.
    `first_year` is the year of column 0; the last column is the newest forecast year. `years` (units, years) is NaN
    where a year is not fully known; `months` (units, last years, 12) where a month is not: column 0 of `months` is the
    year of column `months_from`, because months are kept for the last ten years only. `column` is the forecast year
    of each unit as a column, `elapsed` its complete months so far. `coefficient` (units, years) is what k would have
    been in each year, NaN where there is no price.
    """

    units: pl.DataFrame
    first_year: int
    years: Floats
    months: Floats
    months_from: int
    column: Ints
    elapsed: Ints
    top: Ints
    coefficient: Floats

    def before(self, column: int) -> Self:
        """What was known of the year of `column` when as many of its months were over as now of the forecast year.

        For units told by year, and those at the beginning of a year, that is nothing of it. Later years are forgotten.
        """
        years, months, coefficient = self.years.copy(), self.months.copy(), self.coefficient.copy()
        years[:, column:], coefficient[:, column + 1 :] = np.nan, np.nan
        place = max(column - self.months_from, 0)
        months[:, place + 1 :] = np.nan
        elapsed = np.zeros_like(self.elapsed)
        if column >= self.months_from:
            over = np.arange(12)[None, :] < self.elapsed[:, None]
            shown = np.where(over, months[:, place], np.nan)
            elapsed = np.where((np.isfinite(shown) | ~over).all(axis=1), self.elapsed, 0)
            months[:, place] = np.where(elapsed[:, None] > 0, shown, np.nan)
        else:
            months[:, place] = np.nan
        return replace(
            self,
            years=years,
            months=months,
            column=np.full_like(self.column, column),
            elapsed=elapsed,
            coefficient=coefficient,
        )

    def of_base_unit(self, base_unit: str) -> Self:
        """The units of one base unit; their widest regions are among them."""
        chosen = (self.units["base_unit"] == base_unit).to_numpy()
        place = np.cumsum(chosen) - 1
        return replace(
            self,
            units=self.units.filter(pl.Series(chosen)),
            years=self.years[chosen],
            months=self.months[chosen],
            column=self.column[chosen],
            elapsed=self.elapsed[chosen],
            top=place[self.top[chosen]],
            coefficient=self.coefficient[chosen],
        )

    @property
    def levels(self) -> npt.NDArray[np.str_]:
        """total and sku for the widest regions, region and sku_region for those within."""
        widest = self.top == np.arange(len(self.top))
        all_products = (self.units["sku_code"] == "").to_numpy()
        return np.where(widest, np.where(all_products, "total", "sku"), np.where(all_products, "region", "sku_region"))

    def year_at(self, back: int) -> Floats:
        """Each unit's sales `back` years before its forecast year, NaN when unknown."""
        return _at(self.years, self.column - back)

    def months_at(self, back: int) -> Floats:
        """Each unit's 12 months `back` years before its forecast year."""
        return _at(self.months, self.column - back - self.months_from)

    def months_of(self, unit: Ints, column: Ints) -> Floats:
        """The 12 months (rows, 12) of units in years given as columns; NaN outside the kept years."""
        place = column - self.months_from
        inside = (place >= 0) & (place < self.months.shape[1])
        months = self.months[unit, np.clip(place, 0, self.months.shape[1] - 1)]
        return np.where(inside[:, None], months, np.nan)

    @property
    def monthly(self) -> npt.NDArray[np.bool_]:
        """(units, years): whether all months of a year are known."""
        known = np.zeros(self.years.shape, dtype=bool)
        known[:, self.months_from :] = np.isfinite(self.months).all(axis=2)
        return known


def build_annual_panel(units: pl.DataFrame, cells: pl.DataFrame, coefficients: pl.DataFrame) -> AnnualPanel:
    """Lays units out by year and month.

    `units`: unit_id, region, sku_code, base_unit, top_id, pools_spring, covered_from, covered_through (days between
    which records of its markets exist). `cells`: unit_id, grain (month, year), reported (day, week, month, year),
    starts_on, quantity. Where a unit is reported in several grains, the coarsest report of a year or month counts, so
    that one sale told twice is counted once. `coefficients`: unit_id, year, coefficient.
    """
    units = units.sort("unit_id").with_row_index("row")
    through = units["covered_through"].to_numpy().astype("datetime64[D]")
    year, elapsed = _forecast_year(through)
    first = min([int(year.min(initial=9999)) - 3, *cells["starts_on"].dt.year().drop_nulls().unique().sort().head(1)])
    width = int(year.max(initial=first)) - first + 1
    placed = cells.join(units.select("unit_id", "row"), on="unit_id")
    months_from = max(0, width - _MONTHLY_YEARS)
    months = _months(placed, units, first + months_from, width - months_from)
    # A unit told by year alone shows nothing of a year under way, however far others of its region have come.
    elapsed = np.where(np.isfinite(months).any(axis=(1, 2)), elapsed, 0)
    reported = _years(placed.filter(pl.col("grain") == "year"), units.height, first, width)
    summed = np.full_like(reported, np.nan)
    summed[:, months_from:] = months.sum(axis=2)
    years = np.where(np.isfinite(reported), reported, summed)
    years[years <= 0] = np.nan
    position = dict(zip(units["unit_id"].to_list(), range(units.height), strict=True))
    top = np.array([position.get(top, row) for row, top in enumerate(units["top_id"])], dtype=np.int64)
    rates = coefficients.join(units.select("unit_id", "row"), on="unit_id")
    coefficient = np.full((units.height, width), np.nan)
    inside = rates.filter(pl.col("year").is_between(first, first + width - 1))
    coefficient[inside["row"].to_numpy(), inside["year"].to_numpy() - first] = inside["coefficient"].to_numpy()
    facts = units.select("unit_id", "region", "sku_code", "base_unit", "pools_spring")
    return AnnualPanel(facts, first, years, months, months_from, year - first, elapsed, top, coefficient)


def forecast_years(units: pl.DataFrame) -> pl.DataFrame:
    """unit_id, year: the year after the last complete one of each unit's `covered_through`."""
    year, _ = _forecast_year(units["covered_through"].to_numpy().astype("datetime64[D]"))
    return units.select("unit_id", year=pl.Series(year, dtype=pl.Int32))


def _forecast_year(through: npt.NDArray[np.datetime64]) -> tuple[Ints, Ints]:
    """The year after the last complete one, and how many of its months are complete."""
    month = (through + _TOLERANCE + np.timedelta64(1, "D")).astype("datetime64[M]").astype(np.int64)
    return month // 12 + 1970, month % 12


def _months(placed: pl.DataFrame, units: pl.DataFrame, first: int, width: int) -> Floats:
    """Monthly values; a month without a cell is zero when the unit's markets cover it, else unknown."""
    cells = placed.filter(pl.col("grain") == "month")
    out = np.full((units.height, width * 12), np.nan)
    slack = _TOLERANCE + np.timedelta64(1, "D")
    covered_from: Days = units["covered_from"].to_numpy().astype("datetime64[D]")
    covered_through: Days = units["covered_through"].to_numpy().astype("datetime64[D]")
    start, end = _month_number(covered_from - slack), _month_number(covered_through + slack)
    number = np.arange(width * 12) + (first - 1970) * 12
    has = np.zeros(units.height, dtype=bool)
    has[cells["row"].to_numpy()] = True
    covered = has[:, None] & (number[None, :] > start[:, None]) & (number[None, :] < end[:, None])
    out[covered] = 0.0
    coarsest = _coarsest(cells)
    column = _month_number(coarsest["starts_on"].to_numpy()) - (first - 1970) * 12
    row, inside = coarsest["row"].to_numpy().astype(np.int64), (column >= 0) & (column < width * 12)
    row, column, quantity = row[inside], column[inside], coarsest["quantity"].to_numpy()[inside]
    known = covered[row, column]
    out[row[known], column[known]] = quantity[known]
    return out.reshape(units.height, width, 12)


def _years(cells: pl.DataFrame, height: int, first: int, width: int) -> Floats:
    out = np.full((height, width), np.nan)
    column = cells["starts_on"].dt.year().to_numpy() - first
    inside = (column >= 0) & (column < width)
    out[cells["row"].to_numpy()[inside], column[inside]] = cells["quantity"].to_numpy()[inside]
    return out


def _coarsest(cells: pl.DataFrame) -> pl.DataFrame:
    rank = pl.col("reported").replace_strict({"day": 0, "week": 1, "month": 2}, default=3, return_dtype=pl.Int8)
    ordered = cells.with_columns(rank=rank).sort("rank")
    return ordered.group_by("row", "starts_on", maintain_order=True).last()


def _month_number(days: Days) -> Ints:
    return days.astype("datetime64[M]").astype(np.int64)


def _at(values: Floats, column: Ints) -> Floats:
    inside = (column >= 0) & (column < values.shape[1])
    rows = np.arange(len(column))
    taken = values[rows, np.clip(column, 0, values.shape[1] - 1)]
    keep = inside if taken.ndim == 1 else inside[:, None]
    return np.where(keep, taken, np.nan)
