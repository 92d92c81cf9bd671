"""Which recommendations become cards: few enough that a manager reads them."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """New cards per account manager and day. Bulk changes may use `bulk_per_day` of them, the rest waits for live ones.

    `least_score` keeps weak suggestions off the phone. A retailer has at most one card per cycle.
    """

    per_day: int = 30
    bulk_per_day: int = 5
    least_score: float = 0.3


def choose_cards(candidates: pl.DataFrame, used: pl.DataFrame, rules: DeliveryRules) -> pl.DataFrame:
    """The candidates that get a card now, best first.

    `candidates` has `id, account_manager, retailer_code, score, is_key, is_live, is_blocked, has_card`; `used` counts
    today's new cards per manager (`account_manager, cards, bulk_cards`). One card per retailer: its best candidate.
    Live changes come before the rest, key customers before others, then by score.
    """
    able = candidates.filter(
        (pl.col("account_manager") != "")
        & ~pl.col("is_blocked")
        & ~pl.col("has_card")
        & (pl.col("score") >= rules.least_score)
    )
    best = able.sort("retailer_code", "score", "id", descending=[False, True, False]).unique(
        "retailer_code", keep="first", maintain_order=True
    )
    counted = best.join(used, on="account_manager", how="left").with_columns(pl.col("cards", "bulk_cards").fill_null(0))
    ordered = counted.sort(
        "account_manager", "is_live", "is_key", "score", "id", descending=[False, True, True, True, False]
    )
    place = pl.int_range(1, pl.len() + 1).over("account_manager")
    bulk_place = (~pl.col("is_live")).cum_sum().over("account_manager")
    fits = pl.col("cards") + place <= rules.per_day
    fits_bulk = pl.col("is_live") | (pl.col("bulk_cards") + bulk_place <= rules.bulk_per_day)
    return ordered.filter(fits & fits_bulk).select("id", "account_manager", "retailer_code", "is_live")
