"""Annual forecasts of units, with the exact inputs that explain them."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from services.forecast.domain.annual.backtest import INTERVAL_LEVEL, TrainedAnnual, TrainedKind
from services.forecast.domain.annual.bands import band_of, bands, limits_of, scale_of
from services.forecast.domain.annual.blend import PATENT_V1, PATENT_V1_SWAPPED, Method, blend, month_correlation
from services.forecast.domain.annual.inner import InnerModel
from services.forecast.domain.annual.panel import AnnualPanel
from services.forecast.domain.annual.prices import USUAL
from services.forecast.domain.market_calendar import Floats

UNTRAINED_SPREAD = (0.5, 2.0)


def untrained() -> TrainedAnnual:
    """What serves until there is a model: drift alone, and an interval from half to double."""
    return TrainedAnnual({}, pl.DataFrame(), 0, 0)


_UNTRAINED = TrainedKind(InnerModel(None), None, {}, {})


def forecast(
    panel: AnnualPanel,
    trained: TrainedAnnual,
    prices: pl.DataFrame,
    *,
    weights: Sequence[Method] = (PATENT_V1, PATENT_V1_SWAPPED),
    reliable_from: float = 0.7,
    stick_limits: Sequence[float] | None = None,
) -> pl.DataFrame:
    """A row per unit and method.

    `prices`: as `prices.coefficients` makes them, for every unit. Values and inputs are in `unit` (10,000 cases for
    sticks, else the base unit); null where unknown. A method that does not apply has a null value and says why in
    `flags`.
    """
    parts = []
    for base_unit in panel.units["base_unit"].unique(maintain_order=True):
        part, kind = panel.of_base_unit(base_unit), trained.kinds.get(base_unit, _UNTRAINED)
        common, inputs = _common(part, kind, prices, reliable_from)
        common = common.with_columns(model_version=pl.lit(trained.version))
        methods = [*weights, *([kind.fitted] if kind.fitted else [])]
        parts += [_by_method(common, inputs, method, kind) for method in methods]
    return _with_bands(pl.concat(parts), stick_limits)


def _common(
    panel: AnnualPanel, kind: TrainedKind, prices: pl.DataFrame, reliable_from: float
) -> tuple[pl.DataFrame, Floats]:
    """What all methods of a unit share, and their inputs a, b and c."""
    scales = [scale_of(unit) for unit in panel.units["base_unit"]]
    divisor = np.array([scale.divisor for scale in scales])
    inner = kind.inner.forecast(panel)
    inputs = np.column_stack([panel.year_at(1), panel.year_at(2), inner]) / divisor[:, None]
    facts = panel.units.select("unit_id", "region", "sku_code", "base_unit").join(
        prices, on="unit_id", how="left", maintain_order="left"
    )
    facts = facts.with_columns(
        coefficient=pl.col("coefficient").fill_null(1.0), price_source=pl.col("price_source").fill_null("none")
    )
    correlation = month_correlation(
        panel.months_at(1), panel.months_at(2), panel.units["pools_spring"].to_numpy(), reliable_from=reliable_from
    )
    common = facts.with_columns(
        year=pl.Series(panel.first_year + panel.column),
        unit=pl.Series([scale.unit for scale in scales], dtype=pl.String),
        **{
            name: _numbers(values) for name, values in zip(("last_year", "year_before", "inner"), inputs.T, strict=True)
        },
        correlation=_numbers(correlation.r),
        reliable=pl.Series(correlation.reliable),
        reliable_reason=pl.Series(correlation.reason, dtype=pl.String),
        level=pl.Series(panel.levels, dtype=pl.String),
    )
    return common, inputs


def _by_method(common: pl.DataFrame, inputs: Floats, method: Method, kind: TrainedKind) -> pl.DataFrame:
    coefficient = common["coefficient"].to_numpy()
    result = blend(inputs, coefficient, method)
    spread = kind.spread.get(method.name, {})
    ends = np.array([spread.get(level, spread.get("all", UNTRAINED_SPREAD)) for level in common["level"]])
    measured = kind.coverage.get(method.name, {})
    coverage = [measured.get(level if level in spread else "all") for level in common["level"]]
    return common.with_columns(
        method=pl.lit(method.name),
        value=_numbers(result.value),
        weights=pl.Series(result.weights.tolist(), dtype=pl.List(pl.Float64)),
        flags=_flags(common, result.missing, result.applies, is_trained=bool(spread)),
        low=_numbers(result.value * ends[:, 0]),
        high=_numbers(result.value * ends[:, 1]),
        interval_level=pl.lit(INTERVAL_LEVEL),
        coverage=pl.Series(coverage, dtype=pl.Float64),
    )


def _flags(
    common: pl.DataFrame, missing: npt.NDArray[np.bool_], applies: npt.NDArray[np.bool_], *, is_trained: bool
) -> pl.Series:
    coefficient = pl.col("coefficient")
    told: dict[str, pl.Expr | pl.Series] = {
        "not_applicable": pl.Series(~applies),
        "missing_last_year": pl.Series(missing[:, 0]),
        "missing_year_before": pl.Series(missing[:, 1]),
        "missing_inner": pl.Series(missing[:, 2]),
        "missing_price": pl.col("price_source") == "none",
        "price_from_parent": pl.col("price_source") == "parent",
        "price_by_proxy": pl.col("price_source") == "proxy",
        "price_out_of_range": ~coefficient.is_between(*USUAL),
        "interval_not_measured": pl.lit(not is_trained),
    }
    listed = [pl.when(is_so).then(pl.lit(name)) for name, is_so in told.items()]
    return common.select(pl.concat_list(listed).list.drop_nulls().alias("flags")).to_series()


def _with_bands(made: pl.DataFrame, stick_limits: Sequence[float] | None) -> pl.DataFrame:
    """Bands of sticks; other units have no agreed limits, the map draws them from the values it shows."""
    scale = scale_of("stick")
    limits = limits_of(np.array([]), scale, stick_limits)
    names = [band.name for band in bands(limits, scale)]
    number = band_of(made["value"].fill_null(0).to_numpy(), limits)
    named = pl.Series([names[each] for each in number], dtype=pl.String)
    shown = (pl.col("unit") == scale.unit) & pl.col("value").is_not_null()
    return made.with_columns(band=pl.when(shown).then(named).otherwise(pl.lit("")))


def to_bytes(trained: TrainedAnnual) -> bytes:
    """A trained model as a file, without its back-tests."""
    kinds = {
        unit: {
            "inner": base64.b64encode(kind.inner.body).decode(),
            "fitted": kind.fitted.weights if kind.fitted else None,
            "spread": kind.spread,
            "coverage": kind.coverage,
        }
        for unit, kind in trained.kinds.items()
    }
    return json.dumps(kinds, sort_keys=True).encode()


def from_bytes(body: bytes) -> TrainedAnnual:
    """The inverse of `to_bytes`."""
    kinds = {unit: _kind(kept) for unit, kept in json.loads(body).items()}
    return TrainedAnnual(kinds, pl.DataFrame(), 0, 0)


def _kind(kept: dict[str, Any]) -> TrainedKind:
    weights = kept["fitted"]
    method = Method("fitted", (weights[0], weights[1], weights[2])) if weights else None
    spread = {
        name: {level: (low, high) for level, (low, high) in by_level.items()}
        for name, by_level in kept["spread"].items()
    }
    return TrainedKind(InnerModel.from_bytes(base64.b64decode(kept["inner"])), method, spread, kept["coverage"])


def _numbers(values: Floats) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64, nan_to_null=True)
