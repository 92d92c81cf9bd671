"""Growth type: mature, potential or ordinary, read from tier and growth (R-14)."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from services.profile.domain.peers import Floats, Peers


@dataclass(frozen=True, slots=True)
class GrowthRules:
    """Limits of the reading "potential or mature by tier"; ranks are 0..1, growth and gap are fractions."""

    mature_rank: float = 0.70
    mature_growth: float = 0.05
    potential_rank: float = 0.25
    potential_growth: float = 0.05
    potential_gap: float = 0.20


def tier_ranks(features: pl.DataFrame, recorded: pl.Series, peers: Peers, *, measure: str = "amount") -> pl.DataFrame:
    """Rank 0..1 of each retailer: the recorded one, else the percentile of its trailing purchases in the
    market.
    """
    values = features[measure].cast(pl.Float64).fill_null(0.0).to_numpy().astype(np.float64)
    percentile = pl.Series("percentile", peers.percentiles(measure, values))
    return pl.DataFrame({"recorded": recorded.cast(pl.Float64), "percentile": percentile}).select(
        tier_rank=pl.coalesce("recorded", "percentile").clip(0.0, 1.0),
        tier_basis=pl.when(pl.col("recorded").is_not_null()).then(pl.lit("recorded")).otherwise(pl.lit("percentile")),
    )


def score_gaps(score: Floats, peer_median: Floats) -> Floats:
    """How far a score lies below the median of its peers, as a fraction of that median; NaN without peers.

    Positive means that similar shops do better: there is something left to win.
    """
    known = ~np.isnan(peer_median) & (peer_median > 0) & ~np.isnan(score)
    gap: Floats = np.divide(peer_median - score, peer_median, out=np.full(len(score), np.nan), where=known)
    return gap


def growth_types(frame: pl.DataFrame, rules: GrowthRules) -> pl.DataFrame:
    """Add `growth_type` and `growth_rule` from `tier_rank`, `growth` and `score_gap` (null where unknown).

    The rules are read in the order of the text: mature first, then potential by growth, then potential by
    the gap to peers whatever the tier, else ordinary. An unknown growth satisfies none of the rules that
    ask for it.
    """
    rank, growth, gap = pl.col("tier_rank"), pl.col("growth"), pl.col("score_gap")
    is_mature = (rank >= rules.mature_rank) & (growth.abs() <= rules.mature_growth)
    is_growing = (rank >= rules.potential_rank) & (rank < rules.mature_rank) & (growth > rules.potential_growth)
    has_gap = gap > rules.potential_gap
    rule = (
        pl.when(is_mature.fill_null(False))
        .then(pl.lit("steady_high_tier"))
        .when(is_growing.fill_null(False))
        .then(pl.lit("growing_middle_tier"))
        .when(has_gap.fill_null(False))
        .then(pl.lit("below_peers"))
        .otherwise(pl.lit("none"))
    )
    kinds = {
        "steady_high_tier": "mature",
        "growing_middle_tier": "potential",
        "below_peers": "potential",
        "none": "ordinary",
    }
    return frame.with_columns(growth_rule=rule).with_columns(
        growth_type=pl.col("growth_rule").replace_strict(kinds, return_dtype=pl.String)
    )
