"""How forecasts did on weeks that the model had not seen, beside what anybody could have guessed.

Baselines: `naive` (the last known week), `seasonal_naive` (the same week a year ago; where there was none, the last
known week) and `mean_13` (the mean of the last quarter). Metrics: `wape` = sum |error| / sum actual; `bias` = sum
forecast / sum actual - 1; `mase` = mean |error| / mean |change from week to week| in each series' past; `pinball` =
mean pinball loss of the quantiles / mean actual; `coverage_80`, `coverage_95` = share of weeks
inside the interval; `..._steady` = the same where the interval does not begin at zero (where weeks without demand are
likely, an interval that begins at zero holds them all, so it covers more than its nominal share); `skill_vs_*` =
1 - wape / wape of the baseline: below zero the baseline was better.
"""

import numpy as np
import polars as pl

from services.forecast.domain.demand.features import Signals
from services.forecast.domain.demand.intervals import LEVELS, PROBABILITIES
from services.forecast.domain.demand.model import Rows
from services.forecast.domain.market_calendar import WEEKS_A_YEAR, Floats

METHODS = ("xgboost", "naive", "seasonal_naive", "mean_13")
LEAF = "sku_region"
_LEVELS = {LEAF: ["sku_code", "adcode"], "sku": ["sku_code"], "region": ["adcode"], "total": []}
_QUARTER = 13


def baselines(signals: Signals, rows: Rows) -> dict[str, Floats]:
    """What each baseline forecasts for the rows, base units a week."""
    unit = signals.unit[rows.series].astype(np.float64)
    mean = np.nan_to_num(signals.track.mean(rows.series, rows.origin, _QUARTER)) * unit
    naive = signals.value(rows.series, rows.origin)
    naive = np.where(np.isfinite(naive), naive, mean)
    year_ago = signals.value(rows.series, rows.origin + rows.horizon - WEEKS_A_YEAR)
    return {"naive": naive, "seasonal_naive": np.where(np.isfinite(year_ago), year_ago, naive), "mean_13": mean}


def measure(signals: Signals, rows: Rows, actual: Floats, forecast: Floats, quantiles: Floats) -> pl.DataFrame:
    """Metrics by level, horizon (0: all), method: columns level, horizon, method, metric, value, observations."""
    cells = _cells(signals, rows, actual, {"xgboost": forecast, **baselines(signals, rows)})
    parts = [_errors(cells, level, columns) for level, columns in _LEVELS.items()]
    parts.append(_scaled(signals, rows, cells))
    parts.append(_interval(cells, quantiles))
    table = pl.concat(parts)
    period = cells["week"].min(), cells["week"].max()
    known = pl.concat([table, _skill(table)]).filter(pl.col("value").is_finite())
    return known.with_columns(period_from=pl.lit(str(period[0])), period_to=pl.lit(str(period[1])))


def _cells(signals: Signals, rows: Rows, actual: Floats, forecasts: dict[str, Floats]) -> pl.DataFrame:
    facts = signals.panel.series.select("pool", "sku_code", "adcode")[rows.series]
    cells = facts.with_columns(
        origin=pl.Series(rows.origin),
        horizon=pl.Series(rows.horizon, dtype=pl.Int64),
        week=pl.Series(signals.panel.monday(rows.series, rows.origin + rows.horizon)).cast(pl.Date),
        actual=pl.Series(actual),
        **{name: pl.Series(values) for name, values in forecasts.items()},
    )
    # Bottles and sticks do not add up: each pool counts in multiples of its own mean week.
    mean = pl.col("actual").mean().over("pool")
    return cells.with_columns(pl.col("actual", *forecasts) / pl.when(mean > 0).then(mean).otherwise(1.0), unit=mean)


def _by_horizon(frame: pl.DataFrame, values: list[pl.Expr]) -> pl.DataFrame:
    each = frame.group_by("horizon").agg(*values, observations=pl.len())
    whole = frame.select(pl.lit(0, dtype=pl.Int64).alias("horizon"), *values, observations=pl.len())
    return pl.concat([each, whole])


def _long(frame: pl.DataFrame, level: str, metric: str) -> pl.DataFrame:
    methods = [name for name in METHODS if name in frame.columns]
    return frame.unpivot(methods, index=["horizon", "observations"], variable_name="method").select(
        level=pl.lit(level),
        horizon=pl.col("horizon").cast(pl.Int64),
        method="method",
        metric=pl.lit(metric),
        value=pl.col("value").cast(pl.Float64),
        observations=pl.col("observations").cast(pl.Int64),
    )


def _errors(cells: pl.DataFrame, level: str, columns: list[str]) -> pl.DataFrame:
    sums = cells.group_by("pool", *columns, "origin", "horizon").agg(pl.col("actual", *METHODS).sum())
    total = pl.col("actual").sum()
    wape = [((pl.col(name) - pl.col("actual")).abs().sum() / total).alias(name) for name in METHODS]
    bias = [(pl.col(name).sum() / total - 1).alias(name) for name in METHODS]
    return pl.concat([_long(_by_horizon(sums, wape), level, "wape"), _long(_by_horizon(sums, bias), level, "bias")])


def _scaled(signals: Signals, rows: Rows, cells: pl.DataFrame) -> pl.DataFrame:
    """MASE of the leaves, the mean over series that moved at all."""
    change = np.abs(np.diff(signals.panel.quantity, axis=1))
    past = int(rows.origin.min()) if len(rows) else 0
    known = np.isfinite(change[:, :past])
    steps = np.where(known, change[:, :past], 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    scale = pl.Series(steps[rows.series].astype(np.float64)) / pl.col("unit")
    scaled = cells.with_columns(scale=scale).filter(pl.col("scale") > 0)
    mase = [((pl.col(name) - pl.col("actual")).abs() / pl.col("scale")).mean().alias(name) for name in METHODS]
    return _long(_by_horizon(scaled, mase), LEAF, "mase")


def _interval(cells: pl.DataFrame, quantiles: Floats) -> pl.DataFrame:
    actual = cells["actual"].to_numpy()
    quantiles = quantiles / np.maximum(cells["unit"].to_numpy(), 1e-12)[:, None]
    error = actual[:, None] - quantiles
    weight = np.array(PROBABILITIES)
    loss = 2 * np.maximum(weight * error, (weight - 1) * error).mean(axis=1)
    measured = {"pinball": loss / max(float(actual.mean()), 1e-12)}
    for nominal, (low, high) in LEVELS.items():
        inside = (actual >= quantiles[:, low]) & (actual <= quantiles[:, high])
        name = f"coverage_{round(100 * nominal)}"
        measured[name] = inside.astype(np.float64)
        measured[f"{name}_steady"] = np.where(quantiles[:, low] > 0, inside, np.nan)
    parts = []
    for metric, values in measured.items():
        frame = cells.select("horizon", xgboost=pl.Series(values, nan_to_null=True)).drop_nulls()
        parts.append(_long(_by_horizon(frame, [pl.col("xgboost").mean()]), LEAF, metric))
    return pl.concat(parts)


def _skill(table: pl.DataFrame) -> pl.DataFrame:
    wape = table.filter(pl.col("metric") == "wape")
    mine = wape.filter(pl.col("method") == "xgboost")
    parts = []
    for name in METHODS[1:]:
        other = wape.filter(pl.col("method") == name).select("level", "horizon", other="value")
        joined = mine.join(other, on=["level", "horizon"])
        parts.append(
            joined.with_columns(metric=pl.lit(f"skill_vs_{name}"), value=1 - pl.col("value") / pl.col("other"))
        )
    return pl.concat(parts).select(table.columns)
