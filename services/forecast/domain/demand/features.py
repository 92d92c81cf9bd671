"""What the demand model looks at, computed for many (series, origin, horizon) at once.

Every feature is a ratio, a share or a calendar fact, so that bottles, sticks and pieces, villages and provinces can
be learnt together. A feature of origin t uses columns up to t only; what happens afterwards cannot change it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from services.forecast.domain.demand.panel import Ints, Matrix, Panel
from services.forecast.domain.market_calendar import (
    WEEKS_A_YEAR,
    Floats,
    days_to_spring_festival,
    week_of_year,
)

NAMES = (
    *("horizon", "age", "log_orders", "since_sale", "sold_share_4", "sold_share_13", "sold_share_52"),
    *("lag_0", "lag_1", "lag_2", "lag_3", "mean_4", "mean_8", "mean_13", "mean_52", "spread"),
    *("year_ago", "around_year_ago", "quarter_after_year_ago", "two_years_ago"),
    *("price_change", "price_against_year", "share_of_sku", "share_of_region"),
    *("sku_4_to_26", "sku_season", "region_4_to_26", "region_season", "pool_4_to_26", "pool_season", "pool_last"),
    *("year_sin", "year_cos", "half_sin", "half_cos", "to_spring_festival"),
)
_LEVEL_WEEKS = 26
_PRIOR_WEEKS = 2.0
_NEIGHBOURS = ("sku", "region", "pool")


@dataclass(frozen=True, slots=True)
class Track:
    """Running totals over a matrix with unknown cells, so that any window is two look-ups."""

    total: npt.NDArray[np.float64] | Matrix
    known: npt.NDArray[np.int16]
    sold: npt.NDArray[np.int16]

    @classmethod
    def of(cls, matrix: Matrix | Floats) -> Self:
        """Totals of `matrix` (rows, weeks); NaN is unknown. Column 0 of each total is zero."""
        seen = ~np.isnan(matrix)

        def running(values: npt.NDArray[np.generic], kind: npt.DTypeLike) -> npt.NDArray[np.generic]:
            out = np.zeros((matrix.shape[0], matrix.shape[1] + 1), dtype=kind)
            np.cumsum(values, axis=1, dtype=kind, out=out[:, 1:])
            return out

        total = running(np.where(seen, matrix, 0), matrix.dtype)
        return cls(total, running(seen, np.int16), running(matrix > 0, np.int16))  # type: ignore[arg-type]  # dtype given

    def sum(self, row: Ints, end: Ints, weeks: int) -> Floats:
        """Sum of the `weeks` columns that end with column `end`; unknown cells count as nothing."""
        stop, start = self._edges(end, weeks)
        return (self.total[row, stop] - self.total[row, start]).astype(np.float64)

    def mean(self, row: Ints, end: Ints, weeks: int) -> Floats:
        """Mean of the known cells of the window, NaN when none is known."""
        stop, start = self._edges(end, weeks)
        return ratio(self.sum(row, end, weeks), (self.known[row, stop] - self.known[row, start]).astype(np.float64))

    def count_known(self, row: Ints, end: Ints, weeks: int) -> Floats:
        """How many cells of the window are known."""
        stop, start = self._edges(end, weeks)
        return (self.known[row, stop] - self.known[row, start]).astype(np.float64)

    def count_sold(self, row: Ints, end: Ints, weeks: int) -> Floats:
        """How many cells of the window are above zero."""
        stop, start = self._edges(end, weeks)
        return (self.sold[row, stop] - self.sold[row, start]).astype(np.float64)

    def _edges(self, end: Ints, weeks: int) -> tuple[Ints, Ints]:
        width = self.total.shape[1] - 1
        return np.clip(end + 1, 0, width), np.clip(end + 1 - weeks, 0, width)


@dataclass(frozen=True, slots=True)
class Groups:
    """One number a week for each group of series (a product, a region, a pool)."""

    of_series: Ints
    track: Track

    def momentum(self, series: Ints, origin: Ints, weeks: int = 4) -> Floats:
        """Mean of the last weeks against the last half year."""
        group = self.of_series[series]
        return ratio(self.track.mean(group, origin, weeks), self.track.mean(group, origin, _LEVEL_WEEKS))

    def season(self, series: Ints, origin: Ints, target: Ints) -> Floats:
        """The target's place in last year's season: that week a year ago against the year's mean then."""
        group = self.of_series[series]
        year_ago = np.where(target - WEEKS_A_YEAR >= 0, target - WEEKS_A_YEAR, -9)
        window = self.track.mean(group, np.minimum(year_ago + 1, origin), 3)
        known = self.track.count_known(group, year_ago, 1) > 0
        base = self.track.mean(group, origin - _LEVEL_WEEKS, WEEKS_A_YEAR)
        return np.where(known & (year_ago >= 0), ratio(window, base), np.nan)


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything computed once for a panel before features are asked for."""

    panel: Panel
    unit: Matrix
    track: Track
    paid: Track
    last_sale: npt.NDArray[np.int16]
    sku: Groups
    region: Groups
    pool: Groups

    @classmethod
    def of(cls, panel: Panel) -> Self:
        """Running totals of each series in its own unit, of its product, its region and its pool."""
        # A power of two keeps single precision exact, whatever the size of the base unit.
        peak = np.nan_to_num(panel.quantity).max(axis=1, initial=0)
        unit = np.exp2(np.floor(np.log2(np.maximum(peak, 1)))).astype(np.float32)
        own = panel.quantity / unit[:, None]
        columns = np.arange(panel.weeks, dtype=np.int16)[None, :]
        last_sale = np.maximum.accumulate(np.where(own > 0, columns, np.int16(-1)), axis=1)
        return cls(
            panel=panel,
            unit=unit,
            track=Track.of(own),
            paid=Track.of(panel.amount),
            last_sale=last_sale,
            **{name: Groups(panel.groups[name].row, Track.of(panel.groups[name].total)) for name in _NEIGHBOURS},
        )

    def level(self, series: Ints, origin: Ints) -> Floats:
        """The size a forecast is expressed in, base units a week: the mean of the last half year, drawn a little
        towards the mean of the whole history so that it is never zero."""
        recent, known = (
            self.track.sum(series, origin, _LEVEL_WEEKS),
            self.track.count_known(series, origin, _LEVEL_WEEKS),
        )
        ever = np.nan_to_num(self.track.mean(series, origin, self.panel.weeks))
        mean = (recent + _PRIOR_WEEKS * ever) / (known + _PRIOR_WEEKS)
        return np.asarray(mean * self.unit[series], dtype=np.float64)

    def value(self, series: Ints, column: Ints) -> Floats:
        """Known quantity in base units, NaN where unknown or outside the panel."""
        inside = (column >= 0) & (column < self.panel.weeks)
        cells = self.panel.quantity[series, np.clip(column, 0, self.panel.weeks - 1)].astype(np.float64)
        return np.where(inside, cells, np.nan)


def ratio(above: Floats, below: Floats) -> Floats:
    """`above / below`, NaN where the denominator is zero or unknown."""
    out = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=out, where=np.nan_to_num(below) > 0)
    return out


def compute(signals: Signals, series: Ints, origin: Ints, horizon: Ints) -> Matrix:
    """The feature matrix, float32 (rows, len(NAMES)), NaN where history does not reach."""
    level = signals.level(series, origin)
    columns = {
        **_activity(signals, series, origin, level),
        **_recent(signals, series, origin, level),
        **_year_ago(signals, series, origin, origin + horizon, level),
        **_prices(signals, series, origin),
        **_neighbours(signals, series, origin, origin + horizon, level),
        **_calendar(signals.panel, series, origin + horizon),
        "horizon": horizon.astype(np.float64),
    }
    return np.column_stack([columns[name].astype(np.float32) for name in NAMES])


def _activity(signals: Signals, series: Ints, origin: Ints, level: Floats) -> dict[str, Floats]:
    track = signals.track
    age = track.count_known(series, origin, signals.panel.weeks)
    sold = track.count_sold(series, origin, signals.panel.weeks)
    size = ratio(track.sum(series, origin, signals.panel.weeks) * signals.unit[series], sold)
    columns = {
        "age": np.minimum(age, 2.0 * WEEKS_A_YEAR),
        # How many usual orders a week: says how intermittent the series is, whatever its unit.
        "log_orders": np.log(np.maximum(ratio(level, size), 1e-3)),
        "since_sale": (origin - signals.last_sale[series, origin]).astype(np.float64),
    }
    for weeks in (4, 13, 52):
        share = ratio(track.count_sold(series, origin, weeks), track.count_known(series, origin, weeks))
        columns[f"sold_share_{weeks}"] = share
    return columns


def _recent(signals: Signals, series: Ints, origin: Ints, level: Floats) -> dict[str, Floats]:
    unit = signals.unit[series]
    columns = {f"lag_{back}": ratio(signals.value(series, origin - back), level) for back in range(4)}
    for weeks in (4, 8, 13, 52):
        columns[f"mean_{weeks}"] = ratio(signals.track.mean(series, origin, weeks) * unit, level)
    lags = np.stack([signals.value(series, origin - back) for back in range(8)])
    known = (~np.isnan(lags)).sum(axis=0)
    mean = np.nansum(lags, axis=0) / np.maximum(known, 1)
    variance = np.nansum((lags - mean) ** 2, axis=0) / np.maximum(known - 1, 1)
    columns["spread"] = np.where(known > 1, ratio(np.sqrt(variance), level), np.nan)
    return columns


def _year_ago(signals: Signals, series: Ints, origin: Ints, target: Ints, level: Floats) -> dict[str, Floats]:
    then, unit = target - WEEKS_A_YEAR, signals.unit[series]

    def mean(end: Ints, weeks: int) -> Floats:
        reaches_back = end - weeks + 1 >= 0
        return np.where(reaches_back, signals.track.mean(series, np.minimum(end, origin), weeks) * unit, np.nan)

    return {
        "year_ago": ratio(signals.value(series, then), level),
        "around_year_ago": ratio(mean(then + 2, 5), level),
        "quarter_after_year_ago": ratio(mean(then + 6, 13), level),
        "two_years_ago": ratio(mean(then - WEEKS_A_YEAR + 2, 5), level),
    }


def _prices(signals: Signals, series: Ints, origin: Ints) -> dict[str, Floats]:
    unit = signals.unit[series]

    def price(weeks: int) -> Floats:
        return ratio(signals.paid.sum(series, origin, weeks), signals.track.sum(series, origin, weeks) * unit)

    half_year = price(_LEVEL_WEEKS)
    return {
        "price_change": ratio(price(4), half_year),
        "price_against_year": ratio(half_year, price(WEEKS_A_YEAR)),
    }


def _neighbours(signals: Signals, series: Ints, origin: Ints, target: Ints, level: Floats) -> dict[str, Floats]:
    columns = {}
    for name, groups in (("sku", signals.sku), ("region", signals.region), ("pool", signals.pool)):
        columns[f"{name}_4_to_26"] = groups.momentum(series, origin)
        columns[f"{name}_season"] = groups.season(series, origin, target)
    columns["pool_last"] = signals.pool.momentum(series, origin, 1)
    for name, groups in (("share_of_sku", signals.sku), ("share_of_region", signals.region)):
        total = groups.track.mean(groups.of_series[series], origin, _LEVEL_WEEKS)
        columns[name] = np.log(np.maximum(ratio(level, total), 1e-6))
    return columns


def _calendar(panel: Panel, series: Ints, target: Ints) -> dict[str, Floats]:
    monday = panel.monday(series, target)
    turn = 2 * np.pi * week_of_year(monday)
    moves = panel.series["has_spring_festival"].to_numpy()
    return {
        "year_sin": np.sin(turn),
        "year_cos": np.cos(turn),
        "half_sin": np.sin(2 * turn),
        "half_cos": np.cos(2 * turn),
        "to_spring_festival": np.where(moves[series], days_to_spring_festival(monday), np.nan),
    }
