"""The annual methods on years they had not seen: a rolling origin, trained again for each year."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from services.forecast.domain.annual.blend import PATENT_V1, PATENT_V1_SWAPPED, Method, blend, fitted
from services.forecast.domain.annual.inner import Cases, InnerModel, drift, train_inner
from services.forecast.domain.annual.panel import AnnualPanel
from services.forecast.domain.market_calendar import Floats

T = TypeVar("T")

INTERVAL_LEVEL = 0.8
LEVELS = ("total", "sku", "region", "sku_region")
_ORIGINS = 8
_SMALLEST_SAMPLE = 30


Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TrainedKind:
    """What was learnt from the units of one base unit.

    `spread` is {method: {level: (low, high)}}: quantiles of actual / forecast on years not seen; `coverage`
    {method: {level: share}}: how many of the later years fell into intervals made from the earlier ones.
    """

    inner: InnerModel
    fitted: Method | None
    spread: dict[str, dict[str, Ends]]
    coverage: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class TrainedAnnual:
    """What was learnt, by base unit (markets of cigarettes and of spirits do not miss alike), and how all did."""

    kinds: dict[str, TrainedKind]
    backtests: pl.DataFrame
    first_year: int
    last_year: int

    @property
    def version(self) -> str:
        """Derived from the content of all kinds."""
        if not self.kinds:
            return "drift"
        parts = "".join(f"{unit}:{kind.inner.version};" for unit, kind in sorted(self.kinds.items()))
        return f"annual-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


def train(panel: AnnualPanel, *, threads: int = 1, seed: int = 7) -> TrainedAnnual:
    """Trains an inner model per base unit on all years, and measures every method on at most 8 past years."""
    kinds, tables, rows = {}, [], []
    for base_unit in panel.units["base_unit"].unique().sort():
        part = panel.of_base_unit(base_unit)
        kind, table = _train_kind(part, threads, seed)
        kinds[base_unit] = kind
        tables.append(table)
        rows += [
            (f"{base_unit}/{level}", method, f"coverage_{round(100 * INTERVAL_LEVEL)}", share, table.height)
            for method, by_level in kind.coverage.items()
            for level, share in by_level.items()
        ]
    outcomes = pl.concat([*tables, _NOTHING], how="diagonal")
    last_year = panel.first_year + int(panel.column.max(initial=0)) - 1
    return TrainedAnnual(kinds, _metrics(outcomes, rows), panel.first_year, last_year)


def _train_kind(panel: AnnualPanel, threads: int, seed: int) -> tuple[TrainedKind, pl.DataFrame]:
    newest = int(panel.column.max(initial=0))
    outcomes = [_one_year(panel, column, threads, seed) for column in _origins(panel, newest)]
    table = pl.concat([outcome for outcome in outcomes if outcome.height] or [_NOTHING])
    method = fitted(*_inputs(table), table["actual"].to_numpy()) if table.height else None
    if method is not None:
        table = table.with_columns(fitted=pl.Series(_fitted_on_the_past(table)))
    names = [name for name in _MEASURED if name in table.columns]
    inner = train_inner(panel, until=newest, threads=threads, seed=seed)
    spread = {name: _by_level(table, name, _range_of) for name in names}
    coverage = {name: _by_level(table, name, _measured_coverage) for name in names}
    return TrainedKind(inner, method, spread, coverage), table


_MEASURED = ("patent_v1", "patent_v1_swapped", "fitted", "xgboost")
_NOTHING = pl.DataFrame(
    schema={
        **dict.fromkeys(("level", "base_unit"), pl.String),
        "year": pl.Int64,
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
    table = panel.units.select("base_unit").with_columns(
        level=pl.Series(panel.levels, dtype=pl.String),
        year=pl.lit(panel.first_year + column, dtype=pl.Int64),
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


def _by_level(table: pl.DataFrame, name: str, of: Callable[[pl.DataFrame, str], T | None]) -> dict[str, T]:
    """A figure of a method for each level, and for `all`, where there are enough years."""
    parts = {"all": table, **{level: table.filter(pl.col("level") == level) for level in LEVELS}}
    found = {level: of(part, name) for level, part in parts.items()}
    return {level: value for level, value in found.items() if value is not None}


def _range_of(table: pl.DataFrame, name: str) -> Ends | None:
    """Conservative empirical quantiles of actual / forecast; None without a sample."""
    ratio = _ratio(table, name)
    return _range(ratio) if len(ratio) >= _SMALLEST_SAMPLE else None


def _range(ratio: Floats) -> Ends:
    n, ordered, tail = len(ratio), np.sort(ratio), (1 - INTERVAL_LEVEL) / 2
    low, high = int(np.floor(tail * (n + 1))), int(np.ceil((1 - tail) * (n + 1)))
    return float(ordered[max(low, 1) - 1]), float(ordered[min(high, n) - 1])


def _measured_coverage(table: pl.DataFrame, name: str) -> float | None:
    """Coverage of the later half of the years by intervals learnt from the earlier half; None without enough."""
    if not table.height:
        return None
    middle = pl.lit(table["year"].median())
    earlier, later = _ratio(table, name, pl.col("year") < middle), _ratio(table, name, pl.col("year") >= middle)
    if min(len(earlier), len(later)) < _SMALLEST_SAMPLE:
        return None
    low, high = _range(earlier)
    return float(((later >= low) & (later <= high)).mean())


Score = tuple[str, str, str, float, int]


def _metrics(table: pl.DataFrame, coverage: list[Score]) -> pl.DataFrame:
    """Columns level, horizon (years), method, metric, value, observations, period_from, period_to."""
    names = [name for name in table.columns if name in _METHODS]
    # Sticks and bottles do not add up: every base unit counts by its own total.
    table = table.with_columns(share=pl.col("actual") / pl.col("actual").sum().over("base_unit", "level"))
    rows = list(coverage)
    for level in LEVELS:
        cells = table.filter(pl.col("level") == level)
        for name in names:
            scored = cells.filter(pl.col(name).is_finite())
            rows += [(level, name, *row) for row in _scores(scored, name)]
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


_METHODS = ("patent_v1", "patent_v1_swapped", "fitted", "xgboost", "naive", "drift")


def _scores(scored: pl.DataFrame, name: str) -> list[tuple[str, float, int]]:
    if not scored.height:
        return []
    relative = (pl.col(name) / pl.col("actual") - 1) * pl.col("share")
    wape, bias = scored.select(relative.abs().sum(), relative.sum().alias("bias")).row(0)
    shares = float(scored["share"].sum())
    return [("wape", float(wape) / shares, scored.height), ("bias", float(bias) / shares, scored.height)]
