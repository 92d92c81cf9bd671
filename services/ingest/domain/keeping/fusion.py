"""What several sources say of one fact becomes one value, with its inputs, weights and spread (DQ-26)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl

MAX_SPREAD = 0.2
HALF_LIFE_H = 24.0
FUSED = {
    "finished_stock": ("on_hand_base", ("wh_code", "sku_code", "batch_no", "biz_date")),
    "commercial_stock": ("stock_base", ("org_code", "sku_code", "biz_date")),
}
"""Kinds of which several sources may be right in part: what they measure, and their business key, the place first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionRule:
    """How inputs are weighed: `mean` treats them alike, `weighted` by reliability x recency."""

    form: str = "weighted"
    reliability: tuple[tuple[str, float], ...] = ()
    """Reliability of a source, 0 to 1; 1 where it is not named."""
    half_life_h: float = HALF_LIFE_H
    max_spread: float = MAX_SPREAD
    """Greatest distance of an input from the fused value, as a share of it, before a person must decide."""


@dataclass(frozen=True, slots=True)
class Fused:
    """Facts fused, and those on which the inputs differ too much."""

    values: pl.DataFrame
    """`record_key`, `value`, `spread`, `inputs` (JSON text: source, value, weight of each)."""
    disputed: pl.DataFrame
    """The same columns, for facts whose spread exceeds the limit; their records belong into the quarantine."""


def fuse(inputs: pl.DataFrame, rule: FusionRule) -> Fused:
    """Fuses inputs (`record_key`, `source`, `occurred_at`, `value`) of at least one source a key.

    Of one source the newest input counts. A weight halves with every `half_life_h` by which an input is older than the
    newest of its key; weights add up to 1. Spread = greatest |input - fused| / |fused|; null for a fused value of 0.
    """
    named = dict(rule.reliability)
    newest = inputs.sort("occurred_at", maintain_order=True).unique(
        ["record_key", "source"], keep="last", maintain_order=True
    )
    age_h = (pl.col("occurred_at").max().over("record_key") - pl.col("occurred_at")).dt.total_seconds() / 3600
    reliability = pl.col("source").replace_strict(named, default=1.0, return_dtype=pl.Float64) if named else pl.lit(1.0)
    raw = pl.lit(1.0) if rule.form == "mean" else reliability * (0.5 ** (age_h / rule.half_life_h))
    weighed = newest.with_columns(raw=raw).with_columns(weight=pl.col("raw") / pl.col("raw").sum().over("record_key"))
    value = pl.col("value").cast(pl.Float64)
    said = pl.struct("source", value.alias("value"), pl.col("weight").round(6))
    fused = weighed.group_by("record_key", maintain_order=True).agg(
        value=(value * pl.col("weight")).sum(),
        low=value.min(),
        high=value.max(),
        inputs=said.sort_by("source"),
    )
    farthest = pl.max_horizontal(pl.col("high") - pl.col("value"), pl.col("value") - pl.col("low"))
    told = fused.with_columns(
        spread=pl.when(pl.col("value") != 0).then(farthest / pl.col("value").abs()),
        inputs=pl.Series("inputs", [_printed(each) for each in fused.get_column("inputs").to_list()], dtype=pl.String),
    ).select("record_key", "value", "spread", "inputs")
    agreed = pl.col("spread") <= rule.max_spread
    # Inputs that are all zero agree; a sum of zero from inputs that are not, does not.
    both_zero = fused.select((pl.col("low") == 0) & (pl.col("high") == 0)).to_series()
    fits = told.select(agreed.fill_null(value=False)).to_series() | both_zero
    return Fused(told.filter(fits), told.filter(~fits))


def _printed(inputs: list[dict[str, object]]) -> str:
    return json.dumps(inputs, ensure_ascii=False)
