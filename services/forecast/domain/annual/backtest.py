"""The annual methods on years they had not seen: a rolling origin, trained again for each year."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from services.forecast.domain.annual.blend import PATENT_V1, PATENT_V1_SWAPPED, Method, blend, fitted
from services.forecast.domain.annual.inner import Cases, InnerModel, drift, train_inner
from services.forecast.domain.annual.panel import AnnualPanel
from services.forecast.domain.market_calendar import Floats

INTERVAL_LEVEL = 0.8
_ORIGINS = 8
_SMALLEST_SAMPLE = 30


@dataclass(frozen=True, slots=True)
class TrainedAnnual:
    """The inner model, fitted weights, how wide to make intervals, and how all methods did.

    `spread` is {method: (low, high)}: quantiles of actual / forecast on years not seen.
    """

    inner: InnerModel
    fitted: Method | None
    spread: dict[str, tuple[float, float]]
    coverage: dict[str, float]
    backtests: pl.DataFrame
    first_year: int
    last_year: int


def train(panel: AnnualPanel, *, threads: int = 1, seed: int = 7) -> TrainedAnnual:
    """Trains the inner model on all years, and measures every method on at most 8 past years."""
    newest = int(panel.column.max(initial=0))
    outcomes = [_one_year(panel, column, threads, seed) for column in _origins(panel, newest)]
    table = pl.concat([outcome for outcome in outcomes if outcome.height] or [_NOTHING])
    method = fitted(*_inputs(table), table["actual"].to_numpy()) if table.height else None
    if method is not None:
        table = table.with_columns(fitted=pl.Series(_fitted_on_the_past(table)))
    inner = train_inner(panel, until=newest, threads=threads, seed=seed)
    names: list[str] = [
        name for name in ("patent_v1", "patent_v1_swapped", "fitted", "xgboost") if name in table.columns
    ]
    spread = {name: _range(_ratio(table, name)) for name in names}
    coverage = {name: value for name in names if (value := _measured_coverage(table, name)) is not None}
    last_year = panel.first_year + newest - 1
    return TrainedAnnual(inner, method, spread, coverage, _metrics(table, coverage), panel.first_year, last_year)


_NOTHING = pl.DataFrame(
    schema={
        "year": pl.Int64,
        "sku_code": pl.String,
        "base_unit": pl.String,
        "holds_others": pl.Boolean,
        **dict.fromkeys(
            ("actual", "a", "b", "c", "k", "patent_v1", "patent_v1_swapped", "xgboost", "naive", "drift"), pl.Float64
        ),
    }
)


def _origins(panel: AnnualPanel, newest: int) -> list[int]:
    """Columns of the latest years that are known and have two years before them."""
    known = np.isfinite(panel.years)
    usable = [c for c in range(2, newest) if (known[:, c] & known[:, c - 1]).sum() > 0]
    return usable[-_ORIGINS:]


def _one_year(panel: AnnualPanel, column: int, threads: int, seed: int) -> pl.DataFrame:
    past = panel.before(column)
    model = train_inner(past, until=column, threads=threads, seed=seed)
    inner = model.forecast(past)
    inputs = np.column_stack([past.year_at(1), past.year_at(2), inner])
    k = np.nan_to_num(panel.coefficient[:, column], nan=1.0)
    rows = np.arange(len(inner), dtype=np.int64)
    cases = Cases(rows, past.column, past.elapsed)
    table = panel.units.select("sku_code", "base_unit").with_columns(
        year=pl.lit(panel.first_year + column, dtype=pl.Int64),
        holds_others=pl.Series(np.bincount(panel.top, minlength=len(rows)) > 1),
        actual=pl.Series(panel.years[:, column]),
        **{name: pl.Series(values) for name, values in zip("abc", inputs.T, strict=True)},
        k=pl.Series(k),
        **{method.name: pl.Series(blend(inputs, k, method).value) for method in (PATENT_V1, PATENT_V1_SWAPPED)},
        xgboost=pl.Series(inner),
        naive=pl.Series(inputs[:, 0]),
        drift=pl.Series(inputs[:, 0] * np.exp(drift(past, cases))),
    )
    complete = pl.all_horizontal(pl.col("actual", "a", "b", "c").is_finite())
    return table.filter(complete).select(_NOTHING.columns)


def _inputs(table: pl.DataFrame) -> tuple[Floats, Floats]:
    return table.select("a", "b", "c").to_numpy(), table["k"].to_numpy()


def _fitted_on_the_past(table: pl.DataFrame) -> Floats:
    """What weights fitted to earlier years only would have forecast; NaN for the first years."""
    year, out = table["year"].to_numpy(), np.full(table.height, np.nan)
    for each in np.unique(year):
        past, now = table.filter(pl.col("year") < each), year == each
        method = fitted(*_inputs(past), past["actual"].to_numpy())
        if method is not None:
            inputs, k = _inputs(table.filter(pl.col("year") == each))
            out[now] = blend(inputs, k, method).value
    return out


def _ratio(table: pl.DataFrame, name: str, keep: pl.Expr | None = None) -> Floats:
    rows = table.filter(keep) if keep is not None else table
    return _finite((rows["actual"] / rows[name]).to_numpy())


def _finite(values: npt.NDArray[np.float64]) -> Floats:
    return np.asarray(values[np.isfinite(values)], dtype=np.float64)


def _range(ratio: Floats) -> tuple[float, float]:
    """Conservative empirical quantiles; without a sample half to double."""
    n = len(ratio)
    if n < _SMALLEST_SAMPLE:
        return 0.5, 2.0
    tail, ordered = (1 - INTERVAL_LEVEL) / 2, np.sort(ratio)
    low, high = int(np.floor(tail * (n + 1))), int(np.ceil((1 - tail) * (n + 1)))
    return float(ordered[max(low, 1) - 1]), float(ordered[min(high, n) - 1])


def _measured_coverage(table: pl.DataFrame, name: str) -> float | None:
    """Coverage of the later half of the years by intervals learnt from the earlier half; None without enough."""
    if not table.height:
        return None
    middle = table["year"].median()
    earlier, later = _ratio(table, name, pl.col("year") < middle), _ratio(table, name, pl.col("year") >= middle)
    if min(len(earlier), len(later)) < _SMALLEST_SAMPLE:
        return None
    low, high = _range(earlier)
    return float(((later >= low) & (later <= high)).mean())


def _metrics(table: pl.DataFrame, coverage: dict[str, float]) -> pl.DataFrame:
    """Columns level, horizon (years), method, metric, value, observations, period_from, period_to."""
    names = [name for name in table.columns if name in _METHODS]
    # Sticks and bottles do not add up: every base unit counts by its own total.
    total = pl.col("actual").sum().over("base_unit")
    rows = []
    for level, part in _LEVELS.items():
        cells = table.filter(part)
        for name in names:
            scored = cells.filter(pl.col(name).is_finite()).with_columns(share=pl.col("actual") / total)
            rows += [(level, name, *row) for row in _scores(scored, name)]
    rows += [("all", name, "coverage_80", value, table.height) for name, value in coverage.items()]
    schema = {
        "level": pl.String,
        "method": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "observations": pl.Int64,
    }
    out = pl.DataFrame(rows, schema=schema, orient="row")
    first, last = table.select(pl.col("year").min(), last=pl.col("year").max()).row(0)
    return out.select(
        "level",
        pl.lit(1, dtype=pl.Int64).alias("horizon"),
        *("method", "metric", "value", "observations"),
        period_from=pl.lit(f"{first}-01-01" if first else ""),
        period_to=pl.lit(f"{last}-12-31" if last else ""),
    )


_WIDEST, _ALL_SKUS = pl.col("holds_others"), pl.col("sku_code") == ""
_LEVELS = {
    "total": _WIDEST & _ALL_SKUS,
    "region": ~_WIDEST & _ALL_SKUS,
    "sku": _WIDEST & ~_ALL_SKUS,
    "sku_region": ~_WIDEST & ~_ALL_SKUS,
}
_METHODS = ("patent_v1", "patent_v1_swapped", "fitted", "xgboost", "naive", "drift")


def _scores(scored: pl.DataFrame, name: str) -> list[tuple[str, float, int]]:
    if not scored.height:
        return []
    relative = (pl.col(name) / pl.col("actual") - 1) * pl.col("share")
    wape, bias = scored.select(relative.abs().sum(), relative.sum().alias("bias")).row(0)
    shares = float(scored["share"].sum())
    return [("wape", float(wape) / shares, scored.height), ("bias", float(bias) / shares, scored.height)]
