"""What a retailer's orders say about it: columns per retailer and cycle, as of the market clock."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

PRICE_CLASSES = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class FeatureRules:
    """Windows in cycles (weeks); `growth_measure` says which quantity growth and tier rank are read from."""

    window_cycles: int = 13
    regularity_cycles: int = 26
    growth_measure: Literal["amount", "quantity"] = "amount"


def bought(lines: pl.DataFrame, skus: pl.DataFrame) -> pl.DataFrame:
    """Counted lines with the facts of their SKU; an unknown SKU is own and has no price class.

    `skus` has `sku_code, price_class (1-5 or null), is_own`. Amounts of another currency than the market's
    main one cannot be added to it: such lines keep their quantity, their amount becomes null.
    """
    counted = lines.filter("is_counted").with_columns(pl.col("amount").cast(pl.Float64))
    main = (
        counted.group_by("retailer_code", "currency")
        .len()
        .sort("retailer_code", "len", "currency", descending=[False, True, False])
        .unique("retailer_code", keep="first", maintain_order=True)
        .select("retailer_code", main_currency="currency")
    )
    known = skus.select("sku_code", "price_class", "is_own").unique("sku_code", keep="last")
    return (
        counted.join(known, on="sku_code", how="left", maintain_order="left")
        .join(main, on="retailer_code", how="left", maintain_order="left")
        .with_columns(
            pl.col("is_own").fill_null(True),
            amount=pl.when(pl.col("currency") == pl.col("main_currency")).then("amount"),
        )
    )


def cycle_measures(purchases: pl.DataFrame) -> pl.DataFrame:
    """Retailer x cycle: quantity, demand, amount, orders, SKUs, and how much of it was own product."""
    return (
        purchases.group_by("market", "retailer_code", "cycle")
        .agg(
            pl.col("quantity_base").sum(),
            pl.col("demand_base").sum(),
            pl.col("amount").sum(),
            own_amount=pl.col("amount").filter("is_own").sum(),
            orders=pl.col("order_no").n_unique(),
            sku_count=pl.col("sku_code").n_unique(),
        )
        .sort("market", "retailer_code", "cycle")
    )


def retailer_features(purchases: pl.DataFrame, clocks: pl.DataFrame, rules: FeatureRules) -> pl.DataFrame:
    """One row per retailer, as of its market's clock (`clocks`: `market, cycle`), sorted by retailer.

    `quantity_base`, `amount`, `orders`, `sku_count` and the shares cover the last `window_cycles`, the
    columns ending in `_before` the window before that. Ratios without a denominator are null, never 0.
    """
    now = clocks.select("market", now="cycle")
    dated = purchases.join(now, on="market").filter(pl.col("cycle") <= pl.col("now"))
    cycles = cycle_measures(dated).join(now, on="market").with_columns(age=pl.col("now") - pl.col("cycle"))
    rhythm = _rhythm(cycles, rules)
    window = _window(cycles, rules)
    mix = _mix(dated, rules)
    joined = rhythm.join(window, on="retailer_code", how="left").join(mix, on="retailer_code", how="left")
    return _ratios(joined, rules).sort("retailer_code")


def _rhythm(cycles: pl.DataFrame, rules: FeatureRules) -> pl.DataFrame:
    """Order interval and its coefficient of variation, recency, frequency: over the cycles with an order."""
    interval = pl.col("cycle").diff().over("retailer_code", order_by="cycle")
    return (
        cycles.with_columns(interval=interval)
        .group_by("retailer_code")
        .agg(
            pl.col("market").last(),
            as_of_cycle=pl.col("now").last(),
            first_cycle=pl.col("cycle").min(),
            last_cycle=pl.col("cycle").max(),
            active_cycles=pl.len(),
            recent_active_cycles=(pl.col("age") < rules.regularity_cycles).sum(),
            interval_mean=pl.col("interval").mean(),
            interval_std=pl.col("interval").std(ddof=0),
            amount_total=pl.col("amount").sum(),
        )
        .with_columns(
            recency_cycles=pl.col("as_of_cycle") - pl.col("last_cycle"),
            tenure_cycles=pl.col("as_of_cycle") - pl.col("first_cycle") + 1,
        )
        .with_columns(
            frequency=pl.col("active_cycles") / pl.col("tenure_cycles"),
            interval_cv=pl.when(pl.col("active_cycles") > 2).then(pl.col("interval_std") / pl.col("interval_mean")),
        )
        .drop("interval_std")
    )


def _window(cycles: pl.DataFrame, rules: FeatureRules) -> pl.DataFrame:
    """Sums of the last window and the one before, and the least-squares slope over the window's zero-filled
    cycles.
    """
    size = rules.window_cycles
    is_now = pl.col("age") < size
    is_before = (pl.col("age") >= size) & (pl.col("age") < 2 * size)
    offset = (size - 1) / 2 - pl.col("age")
    squares = size * (size * size - 1) / 12  # sum of squared offsets of `size` equidistant points
    measure = _measure(rules)
    return cycles.group_by("retailer_code").agg(
        quantity_base=pl.col("quantity_base").filter(is_now).sum(),
        demand_base=pl.col("demand_base").filter(is_now).sum(),
        amount=pl.col("amount").filter(is_now).sum(),
        own_amount=pl.col("own_amount").filter(is_now).sum(),
        orders=pl.col("orders").filter(is_now).sum(),
        quantity_base_before=pl.col("quantity_base").filter(is_before).sum(),
        amount_before=pl.col("amount").filter(is_before).sum(),
        slope=(offset * pl.col(measure)).filter(is_now).sum() / max(squares, 1.0),
    )


def _mix(dated: pl.DataFrame, rules: FeatureRules) -> pl.DataFrame:
    """SKU breadth and price classes by amount over the last window."""
    recent = pl.col("now") - pl.col("cycle") < rules.window_cycles
    by_class = {
        f"amount_class_{k}": pl.col("amount").filter(recent & (pl.col("price_class") == k)).sum() for k in PRICE_CLASSES
    }
    return dated.group_by("retailer_code").agg(
        currency=pl.col("main_currency").last(),
        sku_count=pl.col("sku_code").filter(recent).n_unique(),
        sku_count_ever=pl.col("sku_code").n_unique(),
        **by_class,
    )


def _ratios(frame: pl.DataFrame, rules: FeatureRules) -> pl.DataFrame:
    measure, size = _measure(rules), rules.window_cycles
    has_history = pl.col("tenure_cycles") >= 2 * size
    sold_before = pl.col(f"{measure}_before") > 0
    of_classes = pl.sum_horizontal([f"amount_class_{k}" for k in PRICE_CLASSES])
    grade = pl.sum_horizontal([pl.col(f"amount_class_{k}") * (5 - k) / 4 for k in PRICE_CLASSES])
    shares = {f"share_class_{k}": _ratio(pl.col(f"amount_class_{k}"), of_classes) for k in PRICE_CLASSES}
    rated = frame.with_columns(
        growth=pl.when(has_history & sold_before).then(pl.col(measure) / pl.col(f"{measure}_before") - 1),
        growth_reason=pl.when(~has_history)
        .then(pl.lit("short_history"))
        .when(~sold_before)
        .then(pl.lit("no_sales_before")),
        trend=pl.when(pl.col("tenure_cycles") >= size).then(
            _ratio(pl.col("slope"), pl.col(measure).cast(pl.Float64) / size)
        ),
        fill_rate=_ratio(pl.col("quantity_base"), pl.col("demand_base")),
        order_amount=_ratio(pl.col("amount"), pl.col("orders")),
        own_share=_ratio(pl.col("own_amount"), pl.col("amount")),
        price_grade=_ratio(grade, of_classes),
        known_class_share=_ratio(of_classes, pl.col("amount")),
        regularity=_regularity(rules),
        **shares,
    )
    return rated.drop("slope", *[f"amount_class_{k}" for k in PRICE_CLASSES])


def _regularity(rules: FeatureRules) -> pl.Expr:
    """Share of recent cycles with an order, damped by the coefficient of variation of the interval.

    Two orders or fewer say nothing about variation: they count as a Poisson process, whose coefficient is 1.
    """
    observed = pl.min_horizontal(pl.col("tenure_cycles"), pl.lit(rules.regularity_cycles))
    return pl.col("recent_active_cycles") / observed / (1 + pl.col("interval_cv").fill_null(1.0))


def _measure(rules: FeatureRules) -> str:
    return "amount" if rules.growth_measure == "amount" else "quantity_base"


def _ratio(above: pl.Expr, below: pl.Expr) -> pl.Expr:
    return pl.when(below > 0).then(above / below)
