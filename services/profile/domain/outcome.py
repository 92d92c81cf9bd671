"""A profile as it is kept and told: identity, labels, score and features of one retailer at one cycle."""

import hashlib
from dataclasses import dataclass

import polars as pl

from services.profile.domain.features import PRICE_CLASSES, bought
from services.profile.domain.key_customer import PARTS
from services.profile.domain.peers import Peers
from services.profile.domain.profiles import Rules, market_features, profiles_of, yardstick
from services.profile.domain.purchases import purchase_summary

LABELS = (
    "growth_type",
    "growth_rule",
    "growth_reason",
    "tier_rank",
    "tier_basis",
    "score",
    "score_gap",
    "peer_retailers",
    *(f"part_{name}" for name in PARTS),
)
CARD = (
    "retailer_code",
    "name",
    "market",
    "adcode",
    "account_manager",
    "license_status",
    "license_valid_to",
    "school_zone",
    "store_format",
    "market_type",
)
DIGITS = 6


@dataclass(frozen=True, slots=True)
class FeatureName:
    """A feature as it is told: its name, the column it comes from, its unit, and why it may be absent."""

    name: str
    column: str
    unit: str
    absent: str = "no_purchase"


def feature_names(rules: Rules) -> tuple[FeatureName, ...]:
    """All features; names carry the window they were computed over."""
    window = f"{rules.features.window_cycles}w"
    classes = [
        FeatureName(f"share_class_{k}_{window}", f"share_class_{k}", "ratio", "no_price_class") for k in PRICE_CLASSES
    ]
    return (
        FeatureName(f"quantity_{window}", "quantity_base", "base_unit"),
        FeatureName(f"quantity_before_{window}", "quantity_base_before", "base_unit"),
        FeatureName(f"amount_{window}", "amount", "currency"),
        FeatureName(f"amount_before_{window}", "amount_before", "currency"),
        FeatureName("amount_total", "amount_total", "currency"),
        FeatureName(f"growth_{window}", "growth", "ratio", "short_history"),
        FeatureName(f"trend_{window}", "trend", "ratio_per_week", "short_history"),
        FeatureName(f"orders_{window}", "orders", "order"),
        FeatureName("order_amount", "order_amount", "currency"),
        FeatureName(f"sku_count_{window}", "sku_count", "sku"),
        FeatureName("sku_count_ever", "sku_count_ever", "sku"),
        FeatureName("recency", "recency_cycles", "week"),
        FeatureName("tenure", "tenure_cycles", "week"),
        FeatureName("frequency", "frequency", "ratio"),
        FeatureName("interval_mean", "interval_mean", "week", "one_purchase"),
        FeatureName("interval_cv", "interval_cv", "ratio", "few_purchases"),
        FeatureName("regularity", "regularity", "ratio"),
        FeatureName("fill_rate", "fill_rate", "ratio", "no_demand"),
        FeatureName("own_share", "own_share", "ratio"),
        FeatureName("price_grade", "price_grade", "ratio", "no_price_class"),
        *classes,
    )


def model_version(rules: Rules) -> str:
    """Version of rules and weights: the same numbers give the same version."""
    return f"rules-{hashlib.blake2s(repr(rules).encode(), digest_size=4).hexdigest()}"


@dataclass(frozen=True, slots=True)
class MarketInput:
    """What one market's profiles are made from.

    `cards` are the retailers to profile, with `tier_rank` as recorded and the override (`set_key, set_reason, set_by`).
    `is_whole` says that they are all retailers of the market, so that a new yardstick can be taken.
    """

    market: str
    cycle: int
    cards: pl.DataFrame
    lines: pl.DataFrame
    skus: pl.DataFrame
    is_whole: bool


@dataclass(frozen=True, slots=True)
class MarketOutcome:
    """Profiles (one row per card), their purchase summaries and the yardstick they were measured with."""

    profiles: pl.DataFrame
    purchases: pl.DataFrame
    peers: Peers | None


def profile_market(given: MarketInput, peers: Peers | None, rules: Rules) -> MarketOutcome:
    """Profile the given retailers of one market; without peers, or for a whole market, the yardstick is new."""
    clocks = pl.DataFrame(
        {"market": [given.market], "cycle": [given.cycle]}, schema={"market": pl.String, "cycle": pl.Int32}
    )
    lines = given.lines.with_columns(market=pl.lit(given.market))
    purchases = bought(lines, given.skus)
    features = market_features(lines, given.skus, clocks, rules)
    recorded = features.join(
        given.cards.select("retailer_code", recorded="tier_rank"), on="retailer_code", how="left", maintain_order="left"
    )["recorded"]
    if not features.is_empty() and (peers is None or given.is_whole):
        peers = yardstick(features, recorded, rules)
    labelled = profiles_of(features, recorded, peers, rules) if peers is not None else None
    summary = purchase_summary(purchases, clocks)
    return MarketOutcome(_told(given, labelled, summary, rules), summary, peers)


def _told(given: MarketInput, labelled: pl.DataFrame | None, summary: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Card, labels and features in one row per retailer, with `content`, a hash that changes when any of them does."""
    names = feature_names(rules)
    cards = given.cards.drop("market", "tier_rank").with_columns(
        market=pl.lit(given.market), cycle=pl.lit(given.cycle, dtype=pl.Int32)
    )
    rows = (
        cards
        if labelled is None
        else cards.join(labelled.drop("market"), on="retailer_code", how="left", maintain_order="left")
    )
    wanted = {"currency", "is_key_by_score", *LABELS, *(each.column for each in names)}
    rows = rows.with_columns(pl.lit(None).alias(name) for name in sorted(wanted - set(rows.columns)))
    rounded = rows.with_columns(
        pl.col(each.column).cast(pl.Float64).round(DIGITS).alias(each.column) for each in names
    ).with_columns(pl.col(name).cast(pl.Float64).round(DIGITS) for name in LABELS if name in FLOAT_LABELS)
    told = rounded.select(
        *CARD,
        "cycle",
        *LABELS,
        pl.col("currency").cast(pl.String).fill_null(""),
        is_key=pl.coalesce("set_key", "is_key_by_score", pl.lit(False)),
        is_overridden=pl.col("set_key").is_not_null(),
        override_reason=pl.col("set_reason").fill_null(""),
        override_by=pl.col("set_by").fill_null(""),
        features=pl.struct(pl.col(each.column).alias(each.name) for each in names).struct.json_encode(),
    ).with_columns(
        pl.col("growth_type").fill_null("unspecified"),
        pl.col("growth_rule").fill_null("none"),
        pl.col("growth_reason").cast(pl.String),
        pl.col("tier_basis").fill_null(""),
        pl.col("peer_retailers").fill_null(0).cast(pl.Int32),
        pl.col("score").fill_null(0.0),
    )
    return told.join(_signatures(summary), on="retailer_code", how="left", maintain_order="left").select(
        *told.columns,
        content=pl.struct(*told.columns, pl.col("signature").fill_null(0)).hash().reinterpret(signed=True),
    )


FLOAT_LABELS = ("tier_rank", "score", "score_gap", *(f"part_{name}" for name in PARTS))


def _signatures(summary: pl.DataFrame) -> pl.DataFrame:
    """A number per retailer that changes when its purchase summary does."""
    rounded = summary.with_columns(pl.col(pl.Float64).round(2))
    row = pl.struct(pl.all().exclude("retailer_code")).hash()
    return rounded.select("retailer_code", row=row).group_by("retailer_code").agg(signature=pl.col("row").sum())
