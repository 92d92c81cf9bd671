"""From order lines to profiles: the whole calculation for one market."""

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from services.profile.domain.features import FeatureRules, bought, retailer_features
from services.profile.domain.growth import GrowthRules, growth_types, score_gaps, tier_ranks
from services.profile.domain.key_customer import KeyRules, key_scores, score_parts
from services.profile.domain.peers import Floats, Peers, medians_by_band, peers_of


@dataclass(frozen=True, slots=True)
class Rules:
    """Every number the profile depends on; all of them come from the settings."""

    features: FeatureRules = field(default_factory=FeatureRules)
    growth: GrowthRules = field(default_factory=GrowthRules)
    key: KeyRules = field(default_factory=KeyRules)


def market_features(lines: pl.DataFrame, skus: pl.DataFrame, clocks: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Features of the retailers that the lines belong to, as of the clocks of their markets."""
    return retailer_features(bought(lines, skus), clocks, rules.features)


def yardstick(features: pl.DataFrame, recorded_rank: pl.Series, rules: Rules) -> Peers:
    """Peers of one market from the features of all its retailers, with the median scores that the gap
    needs.
    """
    market, cycle = features.select(pl.col("market").first(), pl.col("as_of_cycle").max()).row(0)
    peers = peers_of(market, cycle, features)
    ranks = tier_ranks(features, recorded_rank, peers, measure=_measure(rules))
    scores = key_scores(score_parts(features, peers), rules.key)
    medians = medians_by_band(_floats(ranks["tier_rank"]), _active(features, _floats(scores["score"])))
    return replace(peers, score_medians=medians)


def profiles_of(features: pl.DataFrame, recorded_rank: pl.Series, peers: Peers, rules: Rules) -> pl.DataFrame:
    """Score and label the given retailers of one market against their peers.

    `recorded_rank` is aligned with `features` and null where the source gives no tier.
    """
    ranks = tier_ranks(features, recorded_rank, peers, measure=_measure(rules))
    scores = key_scores(score_parts(features, peers), rules.key)
    rank, score = _floats(ranks["tier_rank"]), _floats(scores["score"])
    gap = score_gaps(_active(features, score), peers.median_scores(rank))
    joined = pl.concat([features, ranks, scores], how="horizontal").with_columns(
        score_gap=pl.Series(gap, dtype=pl.Float64).fill_nan(None),
        peer_retailers=pl.lit(peers.retailers),
    )
    return growth_types(joined, rules.growth)


def _active(features: pl.DataFrame, score: Floats) -> Floats:
    """Scores of those who ordered in the window; a shop that stopped buying has no gap to close."""
    return np.where(features["orders"].to_numpy() > 0, score, np.nan)


def _measure(rules: Rules) -> str:
    return "amount" if rules.features.growth_measure == "amount" else "quantity_base"


def _floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
