"""Every number a ranking depends on; all of them come from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Mode = Literal["next_order", "new"]
EVIDENCES = ("repurchase", "peers", "price")


@dataclass(frozen=True, slots=True)
class RankingRules:
    """Weights of the evidences per mode, list lengths, and the constants of each evidence.

    The defaults were chosen on a time-ordered back-test (`bench/recommend_backtest.py`). Weights may have any positive
    scale: those of evidences without data are shared out among the rest.
    """

    weights: Mapping[str, Mapping[str, float]] = field(
        default_factory=lambda: MappingProxyType(
            {
                "next_order": {"repurchase": 0.65, "peers": 0.30, "price": 0.05},
                "new": {"repurchase": 0.0, "peers": 0.90, "price": 0.10},
            }
        )
    )
    lengths: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"next_order": 6, "new": 4}))
    decay_per_cycle: float = 0.99
    """What a purchase is worth a week later."""
    due_share: float = 0.10
    """How much of the repurchase evidence depends on being due."""
    interval_prior: float = 2.0
    """Purchases that the product's usual interval counts for against the retailer's own."""
    shrinkage: float = 1.0
    """Added to the cosine's denominator, in medians of a product's squared norm: rare products look less alike."""
    neighbours: int = 60
    """Similar products kept per product."""
    min_together: int = 2
    """Retailers who must have bought both products before the two count as neighbours."""
    popularity_cycles: int = 8
    """Weeks that count as recent for a product's popularity."""
    popularity_share: float = 0.30
    """Weight of recent popularity beside the neighbours."""
    price_prior: float = 3.0
    """Purchases that the market's price-class mix counts for against the retailer's own."""
    trend_from: float = 0.10
    """Growth of a regional forecast over recent demand that is worth a reason."""
