"""How a market's retailers are spread over each measure: the yardstick for every score."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

MEASURES = ("quantity_base", "amount", "regularity", "sku_count", "price_grade", "own_share")
BANDS = 10


@dataclass(frozen=True, slots=True)
class Peers:
    """Sorted values of every measure over the retailers of one market, and the median score per tier band.

    `has_competitors` is true once any retailer of the market reported competitor orders. `score_medians[b]`
    belongs to tier ranks in [b/10, (b+1)/10); NaN where nobody is.
    """

    market: str
    as_of_cycle: int
    retailers: int
    sorted_values: Mapping[str, Floats]
    has_competitors: bool
    has_price_classes: bool
    score_medians: Floats

    def percentiles(self, measure: str, values: Floats) -> Floats:
        """Mid-rank percentile in 0..1 of each value among the peers; nothing bought (0 or less) is 0, NaN
        stays NaN.
        """
        ordered = self.sorted_values[measure]
        if not ordered.size:
            return np.where(np.isnan(values), np.nan, np.where(values > 0, 0.5, 0.0))
        below = np.searchsorted(ordered, values, side="left")
        up_to = np.searchsorted(ordered, values, side="right")
        rank = (below + up_to) / 2 / ordered.size
        return np.where(np.isnan(values), np.nan, np.where(values > 0, rank, 0.0))

    def median_scores(self, tier_rank: Floats) -> Floats:
        """Median score of the peers in the same tenth of tiers."""
        return np.asarray(self.score_medians[band_of(tier_rank)], dtype=np.float64)


def peers_of(market: str, as_of_cycle: int, features: pl.DataFrame) -> Peers:
    """Build the yardstick from the features of one market's retailers; scores are not known yet.

    Peers are those who ordered in the last window: a shop that stopped buying is no yardstick.
    """
    active = features.filter(pl.col("orders") > 0)
    values = {name: _sorted(active[name]) for name in MEASURES}
    own = values["own_share"]
    return Peers(
        market=market,
        as_of_cycle=as_of_cycle,
        retailers=active.height,
        sorted_values=values,
        has_competitors=bool(own.size and own[0] < 1.0),
        has_price_classes=bool(values["price_grade"].size),
        score_medians=np.full(BANDS, np.nan),
    )


def medians_by_band(tier_rank: Floats, score: Floats) -> Floats:
    """Median of the known scores in each tenth of tier ranks; NaN for an empty tenth."""
    bands = np.where(np.isnan(score), -1, band_of(tier_rank))
    medians = np.full(BANDS, np.nan)
    for band in np.unique(bands[bands >= 0]):
        medians[band] = np.median(score[bands == band])
    return medians


def band_of(tier_rank: Floats) -> npt.NDArray[np.int64]:
    """Tenth of a tier rank in 0..1; rank 1.0 belongs to the last tenth."""
    return np.clip((tier_rank * BANDS).astype(np.int64), 0, BANDS - 1)


def _sorted(column: pl.Series) -> Floats:
    return np.sort(column.drop_nulls().drop_nans().cast(pl.Float64).to_numpy())
