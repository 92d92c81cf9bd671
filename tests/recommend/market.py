"""A small market by hand: tea and milk go together, R1 buys tea only, R9 buys everything."""

from __future__ import annotations

import polars as pl

from services.recommend.domain.lists import (
    ListInput,
    make_lists,
)
from services.recommend.domain.model import MarketModel, fit_market
from services.recommend.domain.ranking import rank_products
from services.recommend.domain.rules import RankingRules

NOW = 100
RULES = RankingRules()
NO_CLASSES = pl.DataFrame(schema={"sku_code": pl.String, "price_class": pl.Int32})
NO_PAIRS = pl.DataFrame(schema={"retailer_code": pl.String, "sku_code": pl.String})


def purchases_of(*rows: tuple[str, str, int, int, float | None]) -> pl.DataFrame:
    """(retailer, sku, cycles, last cycle, mean interval)."""
    return pl.DataFrame(
        [(*row, 10.0, 100.0) for row in rows],
        schema={
            "retailer_code": pl.String,
            "sku_code": pl.String,
            "cycles": pl.Int32,
            "last_cycle": pl.Int32,
            "interval_mean": pl.Float64,
            "quantity_mean": pl.Float64,
            "amount": pl.Float64,
        },
        orient="row",
    )


BASKETS = purchases_of(
    ("R1", "tea", 6, 99, 2.0),
    ("R1", "soap", 1, 60, None),
    *[(f"R{n}", sku, 4, 98, 2.0) for n in (2, 3, 4, 5) for sku in ("tea", "milk")],
    *[(f"R{n}", sku, 2, 90, 4.0) for n in (6, 7) for sku in ("soap", "rope")],
    *[("R9", sku, 1, 95, None) for sku in ("tea", "milk", "soap", "rope")],
)


def model_of(purchases: pl.DataFrame = BASKETS, classes: pl.DataFrame = NO_CLASSES) -> MarketModel:
    return fit_market(purchases, classes, market="m", cycle=NOW, rules=RULES)


def shops_named(*codes: str, **more: object) -> pl.DataFrame:
    fields: dict[str, object] = {
        "name": "Shop",
        "adcode": "340100",
        "account_manager": "wang",
        "license_status": "valid",
        "license_valid_to": "2099-12-31",
        "school_zone": False,
        "is_key": False,
    }
    return pl.DataFrame([{"retailer_code": code, **fields, **more} for code in codes])


def all_products(**more: object) -> pl.DataFrame:
    fields: dict[str, object] = {
        "name_zh": "茶",
        "name_en": "Tea",
        "base_unit": "piece",
        "licence_required": True,
        "status": "active",
        "supply_state": "",
    }
    return pl.DataFrame([{"sku_code": code, **fields, **more} for code in ("tea", "milk", "soap", "rope")])


def given_for(shops: pl.DataFrame, purchases: pl.DataFrame = BASKETS, **more: pl.DataFrame) -> ListInput:
    trends = pl.DataFrame(schema={"region": pl.String, "sku_code": pl.String, "growth": pl.Float64})
    mine = purchases.join(shops, on="retailer_code", how="semi")
    fields = {"products": all_products(), "trends": trends, "avoided": NO_PAIRS} | more
    return ListInput(cycle=NOW, today="2026-01-01", shops=shops, purchases=mine, **fields)


def ranked_for(code: str, *, gets_new: bool = True, rules: RankingRules = RULES, **more: object) -> pl.DataFrame:
    shops = pl.DataFrame({"retailer_code": [code], "gets_new": [gets_new]})
    mine = BASKETS.filter(pl.col("retailer_code") == code)
    return rank_products(shops, mine, model_of(), rules, **more)


def skus_of(ranked: pl.DataFrame, mode: str) -> list[str]:
    return ranked.filter(pl.col("mode") == mode).sort("rank")["sku_code"].to_list()


def lists_of(shops: pl.DataFrame, **more: pl.DataFrame) -> pl.DataFrame:
    return make_lists(given_for(shops, **more), model_of(), RULES)
