"""Would the ranking have known what shops bought next? Against popularity and habit, in the same run.

    python bench/recommend_backtest.py

Learns from the online-retail orders of the `real` pack up to four weeks before their end, and asks what was bought in
those four weeks. Prints recall@10 and NDCG@10 per method, and how long learning and ranking take.
"""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl

from services.recommend.domain.backtest import backtest, summarise
from services.recommend.domain.cycles import cycle_of_day
from services.recommend.domain.lists import ListInput, make_lists
from services.recommend.domain.model import fit_market
from services.recommend.domain.rules import RankingRules

PACK = Path(__file__).parents[1] / "demo" / "real" / "data" / "online_retail"
HOLDOUT_CYCLES = 4
LENGTH = 10


def order_lines() -> pl.DataFrame:
    """Invoiced lines of the pack with the week they belong to."""
    files = [*sorted(PACK.glob("orders-*.parquet")), *sorted(PACK.glob("live/orders*.parquet"))]
    lines = pl.concat(
        [pl.read_parquet(file).select("customer", "sku", "day", "qty", "amount", "status") for file in files]
    )
    days = lines["day"].unique()
    weeks = {day: cycle_of_day(date) for day, date in zip(days, days.str.to_date(), strict=True)}
    return lines.filter((pl.col("status") == "invoiced") & (pl.col("qty") > 0)).select(
        retailer_code=pl.format("OR-{}", "customer"),
        sku_code=pl.format("OR-{}", "sku"),
        cycle=pl.col("day").replace_strict(weeks, return_dtype=pl.Int32),
        quantity_base=pl.col("qty").cast(pl.Int64),
        amount=pl.col("amount").cast(pl.Float64),
    )


def price_classes() -> pl.DataFrame:
    skus = pl.read_csv(PACK / "skus.csv", schema_overrides={"sku": pl.String})
    return skus.select(sku_code=pl.format("OR-{}", "sku"), price_class=pl.col("price_class").cast(pl.Int32))


def whole_market(lines: pl.DataFrame) -> ListInput:
    """All shops of the pack, to be ranked at once."""
    purchases = summarise(lines)
    shops = purchases.select("retailer_code").unique().sort("retailer_code")
    facts = {"name": "", "adcode": "GB", "account_manager": "", "license_status": "", "license_valid_to": ""}
    products = purchases.select("sku_code").unique().sort("sku_code")
    texts = {"name_zh": "", "name_en": "", "base_unit": "piece", "status": "", "supply_state": ""}
    return ListInput(
        cycle=int(lines.select(pl.col("cycle").max()).item()),
        today="2011-10-03",
        shops=shops.with_columns(
            *[pl.lit(value).alias(name) for name, value in facts.items()],
            school_zone=pl.lit(False),
            is_key=pl.lit(False),
        ),
        purchases=purchases,
        products=products.with_columns(
            *[pl.lit(value).alias(name) for name, value in texts.items()], licence_required=pl.lit(False)
        ),
        trends=pl.DataFrame(schema={"region": pl.String, "sku_code": pl.String, "growth": pl.Float64}),
        avoided=pl.DataFrame(schema={"retailer_code": pl.String, "sku_code": pl.String}),
    )


def show_figures(lines: pl.DataFrame, classes: pl.DataFrame, rules: RankingRules) -> None:
    print(f"{lines.height:,} order lines, last {HOLDOUT_CYCLES} weeks held out\n")
    print(f"{'target':<8}{'method':<12}{'shops':>8}{'recall@10':>12}{'NDCG@10':>10}")
    for row in backtest(lines, classes, rules, holdout_cycles=HOLDOUT_CYCLES, length=LENGTH).iter_rows(named=True):
        print(f"{row['target']:<8}{row['method']:<12}{row['retailers']:>8}{row['recall']:>12.4f}{row['ndcg']:>10.4f}")


def show_speed(lines: pl.DataFrame, classes: pl.DataFrame, rules: RankingRules) -> None:
    given = whole_market(lines)
    started = time.perf_counter()
    model = fit_market(given.purchases, classes, market="pack", cycle=given.cycle, rules=rules)
    learnt = time.perf_counter()
    lists = make_lists(given, model, rules)
    ranked = time.perf_counter()
    one = given.shops.head(1)
    alone = ListInput(
        given.cycle,
        given.today,
        one,
        given.purchases.join(one, on="retailer_code", how="semi"),
        given.products,
        given.trends,
        given.avoided,
    )
    make_lists(alone, model, rules)
    done = time.perf_counter()
    print(f"\n{given.shops.height:,} shops x {len(model.sku_codes):,} products")
    print(f"learning        {learnt - started:8.2f} s")
    print(f"all lists       {ranked - learnt:8.2f} s   {lists.height:,} recommendations with reasons")
    print(f"lists of one    {(done - ranked) * 1000:8.1f} ms")


def main() -> None:
    lines, classes, rules = order_lines(), price_classes(), RankingRules()
    show_figures(lines, classes, rules)
    show_speed(lines, classes, rules)


if __name__ == "__main__":
    main()
