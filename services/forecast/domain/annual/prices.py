"""The price coefficient k = observed price / retail (guide) price, per region, product and year.

k of a region: volume-weighted mean of the valid observations of the last 90 days against the guide price; without an
observation that of the parent region, then 1.0 with a flag. Where a product has no guide price, a proxy: the guide
price of region s for year t - 1 is taken to be

    price(s, t-2) x national price(t-1) / national price(t-2)

the price the region would have had it moved with the nation, and k of year t is price(s, t-1) against it.
"""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

WINDOW_DAYS = 90
VALID = (0.5, 2.0)
"""Observed / guide outside this range is no valid observation (record rule of `price_observation`)."""

USUAL = (0.8, 1.2)
"""k outside this range is used, with a warning."""


@dataclass(frozen=True, slots=True)
class PriceInputs:
    """What is known about prices.

    `observations`: adcode, sku_code, observed_on, price (money per carton), weight (volume behind it; 1 if unknown).
    `guides`: sku_code, price_guide (money per carton, null: none). `reach`: ancestor, adcode, distance (every region
    reaches itself at 0). `volumes`: adcode, sku_code, year, quantity (base units sold). `clocks`: unit_id, region,
    sku_code (empty: all), covered_through, year (the forecast year).
    """

    observations: pl.DataFrame
    guides: pl.DataFrame
    reach: pl.DataFrame
    volumes: pl.DataFrame
    clocks: pl.DataFrame


def coefficients(given: PriceInputs, *, window_days: int = WINDOW_DAYS) -> pl.DataFrame:
    """k of every unit for its forecast year: unit_id, coefficient, price_source, observed, guide.

    `price_source` is guide (own observations), parent (a wider region's), proxy or none (then k is 1.0).
    """
    found = pl.concat([_by_guide(given, window_days), _by_proxy(given)])
    best = found.sort("rank").group_by("unit_id", maintain_order=True).first()
    joined = given.clocks.select("unit_id").join(best, on="unit_id", how="left")
    return joined.select(
        "unit_id",
        coefficient=pl.col("coefficient").fill_null(1.0),
        price_source=pl.col("price_source").fill_null("none"),
        observed="observed",
        guide="guide",
    )


def proxy_history(given: PriceInputs) -> pl.DataFrame:
    """The proxy's k of every year in the past, for back-tests: unit_id, year, coefficient."""
    ratios = _proxy_ratios(given)
    units = given.clocks.filter(pl.col("sku_code") != "").drop("year")
    single = units.join(ratios, on=["region", "sku_code"]).select("unit_id", "year", "coefficient")
    weighed = _all_products(given.clocks, ratios, given).select("unit_id", "year", "coefficient")
    return pl.concat([single, weighed])


def flags(coefficient: float, price_source: str) -> list[str]:
    """What is unusual about a coefficient."""
    found = []
    if price_source == "none":
        found.append("missing_price")
    if not USUAL[0] <= coefficient <= USUAL[1]:
        found.append("price_out_of_range")
    return found


def _by_guide(given: PriceInputs, window_days: int) -> pl.DataFrame:
    """Candidates from observations: own region first (rank 0), then wider ones by distance."""
    observed = (
        given.observations.join(given.guides.filter(pl.col("price_guide") > 0), on="sku_code")
        .filter((pl.col("price") / pl.col("price_guide")).is_between(*VALID))
        .join(given.reach.select(scope="ancestor", adcode="adcode"), on="adcode")
    )
    wider = given.clocks.join(given.reach.rename({"adcode": "region", "ancestor": "scope"}), on="region")
    matched = wider.join(observed, on="scope", suffix="_observed").filter(
        (pl.col("sku_code") == "") | (pl.col("sku_code") == pl.col("sku_code_observed")),
        pl.col("observed_on") <= pl.col("covered_through"),
        pl.col("observed_on") > pl.col("covered_through") - timedelta(days=window_days),
    )
    per_sku = matched.group_by("unit_id", "region", "distance", "sku_code_observed").agg(
        observed=(pl.col("price") * pl.col("weight")).sum() / pl.col("weight").sum(),
        guide=pl.col("price_guide").first(),
    )
    per_sku = per_sku.join(
        _newest_volumes(given), left_on=["region", "sku_code_observed"], right_on=["adcode", "sku_code"], how="left"
    )
    weight = pl.col("quantity").fill_null(1.0)
    return (
        per_sku.group_by("unit_id", "distance")
        .agg(
            observed=(pl.col("observed") * weight).sum() / weight.sum(),
            guide=(pl.col("guide") * weight).sum() / weight.sum(),
        )
        .select(
            "unit_id",
            coefficient=pl.col("observed") / pl.col("guide"),
            price_source=pl.when(pl.col("distance") == 0).then(pl.lit("guide")).otherwise(pl.lit("parent")),
            observed="observed",
            guide="guide",
            rank=pl.col("distance").cast(pl.Int64),
        )
    )


def _by_proxy(given: PriceInputs) -> pl.DataFrame:
    ratios = _proxy_ratios(given)
    units = given.clocks.filter(pl.col("sku_code") != "")
    single = units.join(ratios, on=["region", "sku_code", "year"])
    both = pl.concat([single.select("unit_id", *_RATIO), _all_products(given.clocks, ratios, given, own_year=True)])
    return both.select(
        "unit_id",
        "coefficient",
        price_source=pl.lit("proxy"),
        observed="observed",
        guide="guide",
        rank=pl.lit(1_000, dtype=pl.Int64),
    )


_RATIO = ("coefficient", "observed", "guide")


def _proxy_ratios(given: PriceInputs) -> pl.DataFrame:
    """region, sku_code, year (that is forecast), coefficient, observed, guide (the proxy)."""
    without = given.guides.filter(pl.col("price_guide").is_null() | (pl.col("price_guide") <= 0)).select("sku_code")
    local = (
        given.observations.join(without, on="sku_code")
        .group_by("adcode", "sku_code", year=pl.col("observed_on").dt.year())
        .agg(price=(pl.col("price") * pl.col("weight")).sum() / pl.col("weight").sum())
    )
    national = _national(local, given)
    steps = local.join(national, on=["adcode", "sku_code", "year"])
    earlier = steps.select("adcode", "sku_code", year=pl.col("year") + 1, was="price", nation_was="national")
    return (
        steps.join(earlier, on=["adcode", "sku_code", "year"])
        .with_columns(guide=pl.col("was") * pl.col("national") / pl.col("nation_was"))
        .select(
            region="adcode",
            sku_code="sku_code",
            year=pl.col("year") + 1,
            coefficient=pl.col("price") / pl.col("guide"),
            observed="price",
            guide="guide",
        )
    )


def _national(local: pl.DataFrame, given: PriceInputs) -> pl.DataFrame:
    """Volume-weighted mean price of all regions of the same country: adcode, sku_code, year, national."""
    tops = given.reach.sort("distance").group_by("adcode", maintain_order=True).last().select("adcode", top="ancestor")
    weighed = local.join(tops, on="adcode").join(given.volumes, on=["adcode", "sku_code", "year"], how="left")
    weight = pl.col("quantity").fill_null(pl.col("quantity").mean().over("top", "sku_code", "year")).fill_null(1.0)
    nation = weighed.group_by("top", "sku_code", "year").agg(national=(pl.col("price") * weight).sum() / weight.sum())
    return tops.join(nation, on="top").select("adcode", "sku_code", "year", "national")


def _all_products(
    clocks: pl.DataFrame, ratios: pl.DataFrame, given: PriceInputs, *, own_year: bool = False
) -> pl.DataFrame:
    """Ratios of units of all products: those of the products, weighted by last year's volume."""
    units = clocks.filter(pl.col("sku_code") == "").select("unit_id", "region", asked="year")
    volumes = given.volumes.select(region="adcode", sku_code="sku_code", year=pl.col("year") + 1, quantity="quantity")
    joined = units.join(ratios, on="region").join(volumes, on=["region", "sku_code", "year"], how="left")
    if own_year:
        joined = joined.filter(pl.col("year") == pl.col("asked"))
    weight = pl.col("quantity").fill_null(1.0)
    sums = joined.group_by("unit_id", "year").agg((pl.col(name) * weight).sum() / weight.sum() for name in _RATIO)
    return sums.select("unit_id", *_RATIO) if own_year else sums


def _newest_volumes(given: PriceInputs) -> pl.DataFrame:
    newest = given.volumes.sort("year").group_by("adcode", "sku_code", maintain_order=True).last()
    return newest.select("adcode", "sku_code", pl.col("quantity").cast(pl.Float64))
