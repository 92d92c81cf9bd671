"""Forecasts of a panel's series for the next weeks: by the model where it can, else by the pooled mean."""

import numpy as np
import polars as pl

from services.forecast.domain.demand.fallback import METHOD as POOLED
from services.forecast.domain.demand.fallback import pooled_forecast
from services.forecast.domain.demand.features import Signals
from services.forecast.domain.demand.intervals import PROBABILITIES
from services.forecast.domain.demand.model import DemandModel, Rows
from services.forecast.domain.demand.panel import Panel
from services.forecast.domain.market_calendar import Floats

LEARNT = "xgboost"
QUANTILES = tuple(f"q{probability}" for probability in PROBABILITIES)
_RECENT_WEEKS = 4


def forecast(panel: Panel, model: DemandModel | None, members: dict[str, Floats], *, horizon: int) -> pl.DataFrame:
    """A row per series and week ahead: series_id, period, horizon, value, the QUANTILES, method, model_version,
    recent_mean; base units a week.

    Horizon 1 is the week after the last complete one. What that week has brought so far is a floor of its forecast.
    `members`: for `sku` and `region`, how many series share each row's product or region.
    """
    signals = Signals.of(panel)
    count = len(panel.last)
    learnt = np.isfinite(signals.level(np.arange(count), panel.last))
    started = signals.track.count_known(np.arange(count), panel.last, panel.weeks) > 0
    learnt = learnt & started & (model is not None)
    mean, quantiles = _pooled(signals, members, horizon)
    if model is not None and learnt.any():
        chosen = np.flatnonzero(learnt)
        rows = Rows(
            np.tile(chosen, horizon),
            np.tile(panel.last[chosen], horizon),
            np.repeat(np.arange(1, horizon + 1), len(chosen)),
        )
        place = (rows.horizon - 1) * count + rows.series
        mean[place], quantiles[place] = model.forecast(signals, rows)
    mean, quantiles = _at_least(panel.to_date.astype(np.float64), mean, quantiles)
    return _frame(signals, mean, quantiles, np.tile(learnt, horizon), model.version if model else "")


def _pooled(signals: Signals, members: dict[str, Floats], horizon: int) -> tuple[Floats, Floats]:
    series = np.arange(len(signals.panel.last))
    mean, quantiles = pooled_forecast(signals, series, members)
    return np.tile(mean, horizon), np.tile(quantiles, (horizon, 1))


def _at_least(to_date: Floats, mean: Floats, quantiles: Floats) -> tuple[Floats, Floats]:
    floor = np.zeros(len(mean))
    floor[: len(to_date)] = to_date
    return np.maximum(mean, floor), np.maximum(quantiles, floor[:, None])


def _frame(signals: Signals, mean: Floats, quantiles: Floats, learnt: np.ndarray, version: str) -> pl.DataFrame:
    panel, count = signals.panel, len(signals.panel.last)
    horizon = np.repeat(np.arange(1, len(mean) // max(count, 1) + 1), count)
    series = np.tile(np.arange(count), len(mean) // max(count, 1))
    recent = signals.track.mean(series, panel.last[series], _RECENT_WEEKS) * signals.unit[series]
    made = pl.Series(learnt)
    return panel.series.select("series_id")[series].with_columns(
        period=pl.Series(panel.monday(series, panel.last[series] + horizon)).cast(pl.Date),
        horizon=pl.Series(horizon),
        value=pl.Series(mean),
        **{name: pl.Series(column) for name, column in zip(QUANTILES, quantiles.T, strict=True)},
        method=pl.when(made).then(pl.lit(LEARNT)).otherwise(pl.lit(POOLED)),
        model_version=pl.when(made).then(pl.lit(version)).otherwise(pl.lit(POOLED)),
        recent_mean=pl.Series(np.nan_to_num(recent)),
    )
