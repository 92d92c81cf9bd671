"""Key customers: a score of five parts within the market (R-15)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import polars as pl

from services.profile.domain.peers import Floats, Peers

PARTS = ("quantity", "cycle", "structure", "amount", "competitor")


@dataclass(frozen=True, slots=True)
class KeyRules:
    """Weights of the five parts (any positive scale) and the score that makes a key customer."""

    weights: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "quantity": 0.25,
                "cycle": 0.20,
                "structure": 0.15,
                "amount": 0.30,
                "competitor": 0.10,
            }
        )
    )
    threshold: float = 0.80


def score_parts(features: pl.DataFrame, peers: Peers) -> pl.DataFrame:
    """The five parts, each 0..1 or null where the market has no data for it.

    Quantity, amount and regularity are percentiles within the market. SKU structure is the mean of the
    percentiles of breadth and of price grade (breadth alone while no price class is known). Competitor
    orders is the percentile of the own share: who gives us more of the purse scores higher; unknown while
    nobody reported a competitor's order.
    """
    breadth = peers.percentiles("sku_count", _floats(features["sku_count"]))
    grade = peers.percentiles("price_grade", _floats(features["price_grade"]))
    own = peers.percentiles("own_share", _floats(features["own_share"]))
    if not peers.has_competitors:
        own = np.full(features.height, np.nan)
    columns = {
        "quantity": peers.percentiles("quantity_base", _floats(features["quantity_base"])),
        "cycle": peers.percentiles("regularity", _floats(features["regularity"])),
        "structure": np.where(np.isnan(grade), breadth, (breadth + grade) / 2),
        "amount": peers.percentiles("amount", _floats(features["amount"])),
        "competitor": own,
    }
    return pl.DataFrame({f"part_{name}": columns[name] for name in PARTS}).fill_nan(None)


def key_scores(parts: pl.DataFrame, rules: KeyRules) -> pl.DataFrame:
    """Weighted mean of the parts that are known, in 0..1; the weights of missing parts are shared out among
    the rest.

    Adds `score` (null without any part), `is_key_by_score`, and `missing_parts`, a list of names.
    """
    values = parts.select([f"part_{name}" for name in PARTS]).cast(pl.Float64).to_numpy().astype(np.float64)
    known = ~np.isnan(values)
    weights = np.array([rules.weights.get(name, 0.0) for name in PARTS]) * known
    total = weights.sum(axis=1)
    weighted = (np.nan_to_num(values) * weights).sum(axis=1)
    score = np.clip(np.divide(weighted, total, out=np.full(len(total), np.nan), where=total > 0), 0.0, 1.0)
    is_missing = [pl.when(pl.col(f"part_{name}").is_null()).then(pl.lit(name)) for name in PARTS]
    return parts.with_columns(
        score=pl.Series(score, dtype=pl.Float64).fill_nan(None),
        missing_parts=pl.concat_list(is_missing).list.drop_nulls(),
    ).with_columns(is_key_by_score=(pl.col("score") >= rules.threshold).fill_null(False))


def used_weights(missing: tuple[str, ...], rules: KeyRules) -> dict[str, float]:
    """The weights after renormalisation, which sum to 1; empty when no part is known."""
    known = {name: rules.weights.get(name, 0.0) for name in PARTS if name not in missing}
    total = sum(known.values())
    return {name: weight / total for name, weight in known.items()} if total > 0 else {}


def _floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
