"""c, the year's sales by our own model: what has been sold so far and a forecast of the rest.

One gradient-boosted model over all units and years. It learns log(rest of the year / the same months a year before)
from growth, prices and what the year has shown so far; for units reported by year the rest is the whole year. It
starts from a drift (half the unit's own five-year growth, half its country's; later in the year what this year has
shown) and learns where that is wrong.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import xgboost as xgb

from services.forecast.domain.annual.panel import AnnualPanel, Ints
from services.forecast.domain.market_calendar import Floats

FEATURES = (
    *("elapsed", "growth_1", "growth_2", "growth_3", "growth_5y", "top_growth_1", "top_growth_5y", "against_top"),
    *("price", "price_before", "so_far", "top_so_far", "share_left", "share_of_top", "unsteady"),
)
_HIGHEST_CHANGE = 1.5
_FEWEST_ROWS = 60
_MOST_ROWS = 40_000
_ROUNDS = 60
_HALF_LIFE_YEARS = 15.0
_PARAMETERS = {
    "objective": "reg:squarederror",
    "tree_method": "hist",
    "max_depth": 3,
    "eta": 0.05,
    "subsample": 0.7,
    "colsample_bytree": 0.6,
    "min_child_weight": 20,
}


@dataclass(frozen=True, slots=True)
class Cases:
    """Rests of years: unit row, column of the year, complete months so far."""

    unit: Ints
    column: Ints
    elapsed: Ints


class InnerModel:
    """Forecasts the rest of a year; without a booster by drift alone."""

    def __init__(self, booster: xgb.Booster | None) -> None:
        self._booster = booster
        body = bytes(booster.save_raw("ubj")) if booster else b"drift"
        self.version = ("annual-" if booster else "drift-") + hashlib.sha256(body).hexdigest()[:12]
        self.body = body

    @classmethod
    def from_bytes(cls, body: bytes) -> "InnerModel":
        """The inverse of `body`."""
        if body == b"drift":
            return cls(None)
        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray(body))
        return cls(booster)

    def forecast(self, panel: AnnualPanel) -> Floats:
        """c of every unit for its forecast year in base units; NaN without a previous year."""
        rows = np.arange(len(panel.column), dtype=np.int64)
        cases = Cases(rows, panel.column, panel.elapsed)
        so_far, rest_before = _so_far(panel, cases), _rest(panel, cases, back=1)
        change = self._change(panel, cases)
        return so_far + rest_before * np.exp(np.clip(change, -_HIGHEST_CHANGE, _HIGHEST_CHANGE))

    def _change(self, panel: AnnualPanel, cases: Cases) -> Floats:
        start = drift(panel, cases)
        if self._booster is None or not len(start):
            return start
        data = xgb.DMatrix(features(panel, cases), base_margin=start, nthread=1)
        return np.asarray(self._booster.predict(data), dtype=np.float64)


def train_inner(panel: AnnualPanel, *, until: int, threads: int, seed: int) -> InnerModel:
    """Learns from years before column `until`; falls back to drift when there are too few."""
    cases = _past_cases(panel, until, seed)
    target = np.log(_rest(panel, cases, back=0) / _rest(panel, cases, back=1))
    usable = np.isfinite(target)
    if usable.sum() < _FEWEST_ROWS:
        return InnerModel(None)
    cases = Cases(cases.unit[usable], cases.column[usable], cases.elapsed[usable])
    data = xgb.QuantileDMatrix(
        features(panel, cases),
        np.clip(target[usable], -_HIGHEST_CHANGE, _HIGHEST_CHANGE),
        base_margin=drift(panel, cases),
        weight=0.5 ** ((until - cases.column) / _HALF_LIFE_YEARS),
        nthread=threads,
    )
    return InnerModel(xgb.train({**_PARAMETERS, "nthread": threads, "seed": seed}, data, _ROUNDS))


def drift(panel: AnnualPanel, cases: Cases) -> Floats:
    """Expected log change without learning: long growth, giving way to this year's growth as the year goes on."""
    own, top = _growth(panel.years, cases, 5), _growth(panel.years, _of_top(panel, cases), 5)
    long = _mean_known(own, top)
    year = _mean_known(_shown(panel, cases), _shown(panel, _of_top(panel, cases)))
    weight = np.where(np.isfinite(year), cases.elapsed / 12.0, 0.0)
    mixed = (1 - weight) * np.nan_to_num(long) + weight * np.nan_to_num(year)
    return np.asarray(np.clip(mixed, -0.5, 0.5), dtype=np.float64)


def features(panel: AnnualPanel, cases: Cases) -> Floats:
    """The feature matrix (rows, len(FEATURES)); a case of year t uses years before t and its elapsed months."""
    top = _of_top(panel, cases)
    one = [_growth(panel.years, Cases(cases.unit, cases.column - back, cases.elapsed), 1) for back in range(4)]
    top_one = _growth(panel.years, top, 1)
    rest, year_before = _rest(panel, cases, back=1), _year(panel, cases, 1)
    rate = panel.coefficient
    columns = {
        "elapsed": cases.elapsed.astype(np.float64),
        "growth_1": one[0],
        "growth_2": one[1],
        "growth_3": one[2],
        "growth_5y": _growth(panel.years, cases, 5),
        "top_growth_1": top_one,
        "top_growth_5y": _growth(panel.years, top, 5),
        "against_top": one[0] - top_one,
        "price": _log(_pick(rate, cases.unit, cases.column)),
        "price_before": _log(_pick(rate, cases.unit, cases.column - 1)),
        "so_far": _shown(panel, cases),
        "top_so_far": _shown(panel, top),
        "share_left": rest / year_before,
        "share_of_top": _log(year_before / _year(panel, top, 1)),
        "unsteady": np.std(np.stack(one), axis=0),
    }
    return np.column_stack([columns[name] for name in FEATURES])


def _past_cases(panel: AnnualPanel, until: int, seed: int) -> Cases:
    """All years before `until` at every month (year-only units: at their beginning), a sample when there are many."""
    monthly = panel.monthly
    yearly = np.isfinite(panel.years)
    now, before = yearly[:, 1:until], yearly[:, : until - 1]
    unit, column = np.nonzero(now & before)
    parts = [(unit, column + 1, np.zeros(len(unit), dtype=np.int64))]
    unit, column = np.nonzero(now & before & monthly[:, 1:until] & monthly[:, : until - 1])
    parts += [(unit, column + 1, np.full(len(unit), month)) for month in range(1, 12)]
    cases = [np.concatenate(values).astype(np.int64) for values in zip(*parts, strict=True)]
    if len(cases[0]) > _MOST_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(cases[0]), _MOST_ROWS, replace=False))
        cases = [values[chosen] for values in cases]
    return Cases(*cases)


def _of_top(panel: AnnualPanel, cases: Cases) -> Cases:
    return Cases(panel.top[cases.unit], cases.column, cases.elapsed)


def _so_far(panel: AnnualPanel, cases: Cases) -> Floats:
    return _sum_months(panel, cases, 0, first=True)


def _rest(panel: AnnualPanel, cases: Cases, *, back: int) -> Floats:
    """Sales of the months after the elapsed ones, `back` years before; NaN unless known and above zero."""
    whole = _year(panel, cases, back)
    later = _sum_months(panel, cases, back, first=False)
    rest = np.where(cases.elapsed == 0, whole, later)
    return np.where(rest > 0, rest, np.nan)


def _shown(panel: AnnualPanel, cases: Cases) -> Floats:
    """Log growth of the elapsed months against the same months a year before; NaN at the beginning of a year."""
    now, then = _sum_months(panel, cases, 0, first=True), _sum_months(panel, cases, 1, first=True)
    return np.where(cases.elapsed > 0, _log(now / np.where(then > 0, then, np.nan)), np.nan)


def _sum_months(panel: AnnualPanel, cases: Cases, back: int, *, first: bool) -> Floats:
    months = panel.months_of(cases.unit, cases.column - back)
    wanted = np.arange(12)[None, :] < cases.elapsed[:, None]
    total: Floats = np.where(wanted if first else ~wanted, months, 0.0).sum(axis=1)
    return total


def _year(panel: AnnualPanel, cases: Cases, back: int) -> Floats:
    return _pick(panel.years, cases.unit, cases.column - back)


def _growth(years: Floats, cases: Cases, span: int) -> Floats:
    """Mean log growth over at most `span` steps that end with the year before; NaN without one step."""
    newest = _log(_pick(years, cases.unit, cases.column - 1))
    growth = np.full(len(cases.unit), np.nan)
    for steps in range(1, span + 1):
        oldest = _log(_pick(years, cases.unit, cases.column - 1 - steps))
        rate = (newest - oldest) / steps
        growth = np.where(np.isfinite(rate), rate, growth)
    return growth


def _pick(values: Floats, row: Ints, column: Ints) -> Floats:
    inside = (column >= 0) & (column < values.shape[1])
    return np.where(inside, values[row, np.clip(column, 0, values.shape[1] - 1)], np.nan)


def _log(values: Floats) -> Floats:
    return np.log(np.where(values > 0, values, np.nan))


def _mean_known(one: Floats, other: Floats) -> Floats:
    both = np.stack([one, other])
    known = np.isfinite(both).sum(axis=0)
    return np.where(known > 0, np.nansum(both, axis=0) / np.maximum(known, 1), np.nan)
