"""One gradient-boosted model for all series and all horizons, and what it forecasts.

The target is next weeks' demand divided by the series' own level. The loss is the Tweedie deviance (power 1.5, a
compound Poisson-gamma: many zeros, then amounts), so that the forecast is a mean and means can be added up
(Jorgensen 1987; used for intermittent retail demand in Makridakis et al., M5, 2022).
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from services.forecast.domain.demand.features import NAMES, Signals, compute
from services.forecast.domain.demand.intervals import Spread
from services.forecast.domain.demand.panel import Ints, Matrix
from services.forecast.domain.market_calendar import Floats

_CHUNK = 50_000
_HIGHEST_RATIO = 100.0


@dataclass(frozen=True, slots=True)
class DemandOptions:
    """How the demand model is trained."""

    horizon: int = 4
    """Weeks ahead."""
    origin_weeks: int = 104
    """How many weeks back forecasts are learnt from."""
    rows: int = 200_000
    """At most so many training rows; a sample is drawn from more."""
    check_rows: int = 200_000
    """At most so many rows to calibrate and to measure with, each."""
    calibration_weeks: int = 8
    holdout_weeks: int = 8
    rounds: int = 150
    threads: int = 1
    seed: int = 7
    parameters: dict[str, Any] = field(
        default_factory=lambda: {
            "objective": "reg:tweedie",
            "tweedie_variance_power": 1.5,
            "tree_method": "hist",
            "max_bin": 128,
            "max_depth": 6,
            "eta": 0.08,
            "min_child_weight": 50,
            "lambda": 30,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
        }
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """Forecasts to make or to learn from: series row, origin column and weeks ahead of each."""

    series: Ints
    origin: Ints
    horizon: Ints

    def __len__(self) -> int:
        return len(self.series)

    def take(self, places: npt.NDArray[Any]) -> Self:
        """Some of the rows."""
        return type(self)(self.series[places], self.origin[places], self.horizon[places])


class DemandModel:
    """A trained model with its spread; `version` is derived from its content."""

    def __init__(self, booster: xgb.Booster, spread: Spread) -> None:
        self._booster = booster
        self.spread = spread
        body = bytes(booster.save_raw("ubj"))
        self.version = "demand-" + hashlib.sha256(body + _json(spread.as_dict())).hexdigest()[:12]

    def forecast(self, signals: Signals, rows: Rows) -> tuple[Floats, Floats]:
        """Means (rows,) and quantiles (rows, probabilities), base units a week, never negative."""
        mean, orders = predict(self._booster, signals, rows)
        pool = signals.panel.series["pool"].to_numpy().astype(np.str_)[rows.series]
        return mean, self.spread.quantiles(pool, orders, rows.horizon, mean)

    def to_bytes(self) -> bytes:
        """The model as a file: a JSON header line, then the trees as UBJSON."""
        header = _json({"features": list(NAMES), "spread": self.spread.as_dict()})
        return header + b"\n" + bytes(self._booster.save_raw("ubj"))

    @classmethod
    def from_bytes(cls, content: bytes, *, threads: int = 1) -> Self:
        """The inverse of `to_bytes`; raises ValueError when it was trained with other features."""
        header, body = content.split(b"\n", 1)
        facts = json.loads(header)
        if facts["features"] != list(NAMES):
            raise ValueError("the model was trained with other features; train again")
        booster = xgb.Booster({"nthread": threads})
        booster.load_model(bytearray(body))
        return cls(booster, Spread.from_dict(facts["spread"]))


def fit(signals: Signals, rows: Rows, options: DemandOptions) -> xgb.Booster:
    """Trains on rows whose target week is known."""
    level = signals.level(rows.series, rows.origin)
    target = actual(signals, rows) / level
    usable = np.isfinite(target)
    rows, level, target = rows.take(usable), level[usable], target[usable]
    data = xgb.QuantileDMatrix(
        compute(signals, rows.series, rows.origin, rows.horizon),
        np.minimum(target, _HIGHEST_RATIO),
        weight=_weights(signals, rows, level),
        max_bin=options.parameters["max_bin"],
        nthread=options.threads,
    )
    given = {"nthread": options.threads, "seed": options.seed, **options.parameters}
    return xgb.train(given, data, options.rounds)


def predict(booster: xgb.Booster, signals: Signals, rows: Rows) -> tuple[Floats, Floats]:
    """Mean demand, and the same expressed in usual orders a week; in chunks, to keep memory flat."""
    mean, orders = np.zeros(len(rows)), np.zeros(len(rows))
    for start in range(0, len(rows), _CHUNK):
        part = rows.take(np.arange(start, min(start + _CHUNK, len(rows))))
        features: Matrix = compute(signals, part.series, part.origin, part.horizon)
        ratio = booster.inplace_predict(features).astype(np.float64)
        where = slice(start, start + len(part))
        mean[where] = np.maximum(ratio, 0) * signals.level(part.series, part.origin)
        orders[where] = ratio * np.exp(features[:, NAMES.index("log_orders")])
    return mean, orders


def actual(signals: Signals, rows: Rows) -> Floats:
    """What was sold in the target weeks, base units; NaN where unknown."""
    return signals.value(rows.series, rows.origin + rows.horizon)


def _weights(signals: Signals, rows: Rows, level: Floats) -> Floats:
    """Larger series count more (square root of the level), the pools alike per row whatever their base units."""
    weight = np.sqrt(level)
    pool = signals.pool.of_series[rows.series]
    mean = np.bincount(pool, weight) / np.maximum(np.bincount(pool), 1)
    return np.asarray(weight / np.maximum(mean[pool], 1e-12), dtype=np.float64)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
