"""Train, calibrate, measure, then train again on everything.

known weeks   ├──────── learn ────────┤─ calibrate ─┤── measure ──┤
                                        spread        back-test, coverage
final model   ├───────────────────── learn ───────────────────────┤   spread from both later blocks
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import xgboost as xgb

from services.forecast.domain.demand.backtest import measure
from services.forecast.domain.demand.features import Signals
from services.forecast.domain.demand.intervals import Spread
from services.forecast.domain.demand.model import DemandModel, DemandOptions, Rows, actual, fit, predict
from services.forecast.domain.demand.panel import Ints, Panel
from services.forecast.domain.market_calendar import Floats, week_start

SHORTEST_HISTORY = 26
"""Weeks that a pool must have before a model is trained."""

_FEWEST_ROWS = 500


@dataclass(frozen=True, slots=True)
class TrainedDemand:
    """A model, how it did, and from which data."""

    model: DemandModel
    backtests: pl.DataFrame
    rows: int
    data_from: str
    data_to: str


@dataclass(frozen=True, slots=True)
class _Missed:
    """Held-out forecasts and what came."""

    rows: Rows
    pool: npt.NDArray[np.str_]
    orders: Floats
    forecast: Floats
    actual: Floats

    def spread(self) -> Spread:
        ratio = self.actual / np.maximum(self.forecast, 1e-9)
        return Spread.learn(self.pool, self.orders, self.rows.horizon, ratio)


def can_train(panel: Panel) -> bool:
    """Whether there is enough history for learning, calibrating and measuring."""
    return bool(len(panel.last)) and panel.weeks >= SHORTEST_HISTORY and _blocks(panel, DemandOptions())[2] > 0


def train(panel: Panel, options: DemandOptions) -> TrainedDemand:
    """Trains the demand model; the seed alone decides what is sampled. Raises ValueError for too little history."""
    signals = Signals.of(panel)
    rng = np.random.default_rng(options.seed)
    calibration, holdout, rows_to_learn = _blocks(panel, options)
    if rows_to_learn <= 0:
        raise ValueError("there are too few weeks of history to train on")
    cut = panel.last - holdout - calibration
    booster = fit(signals, _sample(signals, cut, options, rng), options)
    calibrated = _hold_out(booster, signals, _block(signals, cut, calibration, options))
    measured = _hold_out(booster, signals, _block(signals, cut + calibration, holdout, options))
    backtests = _measure(signals, calibrated.spread(), measured)
    both = _Missed(
        rows=Rows(*(np.concatenate(pair) for pair in zip(_tuple(calibrated.rows), _tuple(measured.rows), strict=True))),
        pool=np.concatenate([calibrated.pool, measured.pool]),
        orders=np.concatenate([calibrated.orders, measured.orders]),
        forecast=np.concatenate([calibrated.forecast, measured.forecast]),
        actual=np.concatenate([calibrated.actual, measured.actual]),
    )
    learnt = _sample(signals, panel.last, options, rng)
    model = DemandModel(fit(signals, learnt, options), both.spread())
    first = (panel.first_week + _first_sale(panel)).min()
    last = (panel.first_week + panel.last).max()
    return TrainedDemand(
        model, backtests, len(learnt), week_start(int(first)).isoformat(), week_start(int(last)).isoformat()
    )


def _blocks(panel: Panel, options: DemandOptions) -> tuple[int, int, int]:
    """Weeks to calibrate on, weeks to measure on, and training forecasts that remain possible; shrunk for the young."""
    calibration = min(options.calibration_weeks, max(options.horizon, panel.weeks // 5))
    holdout = min(options.holdout_weeks, max(options.horizon, panel.weeks // 5))
    started = _first_sale(panel)
    left = panel.last - holdout - calibration - started
    rows = int(np.maximum(left, 0).sum())
    return calibration, holdout, rows if rows >= _FEWEST_ROWS else 0


def _first_sale(panel: Panel) -> Ints:
    known = panel.quantity > 0
    return np.where(known.any(axis=1), known.argmax(axis=1), panel.weeks).astype(np.int64)


def _sample(signals: Signals, end: Ints, options: DemandOptions, rng: np.random.Generator) -> Rows:
    """Random (series, origin, horizon) with targets up to column `end`, each pool by its number of series weeks."""
    panel, started = signals.panel, _first_sale(signals.panel)
    possible = np.clip(np.minimum(end - started, options.origin_weeks), 0, None)
    count = min(options.rows, int(possible.sum()) * options.horizon)
    series = rng.choice(len(possible), size=count, p=possible / possible.sum())
    origin = end[series] - 1 - np.floor(rng.random(count) * possible[series]).astype(np.int64)
    horizon = rng.integers(1, options.horizon + 1, size=count)
    inside = origin + horizon <= np.minimum(end, panel.last)[series]
    return Rows(series[inside], origin[inside], horizon[inside])


def _block(signals: Signals, start: Ints, weeks: int, options: DemandOptions) -> Rows:
    """Rolling origins from column `start`, with targets within the next `weeks`; fewer origins when rows are many."""
    panel = signals.panel
    alive = np.flatnonzero(start >= _first_sale(panel))
    origins = max(1, min(weeks, options.check_rows // max(1, len(alive) * options.horizon)))
    parts = []
    for back in np.unique(np.linspace(0, weeks - 1, origins).astype(np.int64)):
        for horizon in range(1, min(options.horizon, weeks - int(back)) + 1):
            parts.append((alive, start[alive] + back, np.full(len(alive), horizon)))
    return Rows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _hold_out(booster: xgb.Booster, signals: Signals, rows: Rows) -> _Missed:
    truth = actual(signals, rows)
    known = np.isfinite(truth)
    rows, truth = rows.take(known), truth[known]
    forecast, orders = predict(booster, signals, rows)
    pool = signals.panel.series["pool"].to_numpy().astype(np.str_)[rows.series]
    return _Missed(rows, pool, orders, forecast, truth)


def _measure(signals: Signals, spread: Spread, missed: _Missed) -> pl.DataFrame:
    quantiles = spread.quantiles(missed.pool, missed.orders, missed.rows.horizon, missed.forecast)
    return measure(signals, missed.rows, missed.actual, missed.forecast, quantiles)


def _tuple(rows: Rows) -> tuple[Ints, Ints, Ints]:
    return rows.series, rows.origin, rows.horizon
