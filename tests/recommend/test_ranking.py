"""Ranking: three evidences, their blend, and the back-test of the whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommend.domain.backtest import backtest
from services.recommend.domain.cycles import cycle_of_day, cycle_of_text, text_of_cycle
from services.recommend.domain.model import fit_market
from services.recommend.domain.ranking import due_share, rank_products
from tests.recommend.market import (
    BASKETS,
    NO_CLASSES,
    NOW,
    RULES,
    model_of,
    purchases_of,
    ranked_for,
    skus_of,
)


def test_weeks_are_counted_like_in_the_profile() -> None:
    assert cycle_of_text("2011-W39") == 2178
    assert text_of_cycle(2178) == "2011-W39"
    assert text_of_cycle(cycle_of_text("2009-W53")) == "2009-W53"
    assert cycle_of_day(date(2011, 10, 2)) == 2178


def test_what_is_bought_often_and_lately_comes_first() -> None:
    assert skus_of(ranked_for("R1"), "next_order") == ["tea", "soap"]


def test_what_similar_shops_buy_is_the_first_new_product() -> None:
    ranked = ranked_for("R1")

    assert skus_of(ranked, "new")[0] == "milk"
    assert set(skus_of(ranked, "new")).isdisjoint({"tea", "soap"})


def test_a_shop_that_gets_no_new_products_gets_only_what_it_buys() -> None:
    assert set(ranked_for("R1", gets_new=False)["mode"]) == {"next_order"}


def test_excluded_and_avoided_products_appear_in_no_list() -> None:
    gone = ranked_for("R1", excluded=frozenset({"milk"}))
    avoided = ranked_for("R1", avoided=pl.DataFrame({"retailer_code": ["R1", "R2"], "sku_code": ["tea", "soap"]}))

    assert "milk" not in gone["sku_code"].to_list()
    assert skus_of(avoided, "next_order") == ["soap"]


def test_a_shop_that_bought_nothing_gets_what_the_market_buys_lately() -> None:
    ranked = rank_products(
        pl.DataFrame({"retailer_code": ["R0"], "gets_new": [True]}), BASKETS.clear(), model_of(), RULES
    )

    assert set(ranked["mode"]) == {"new"}
    assert skus_of(ranked, "new")[0] == "tea"


def test_an_evidence_without_data_leaves_its_weight_to_the_others() -> None:
    classless = purchases_of(("R1", "tea", 2, 99, 2.0), ("R2", "tea", 2, 99, 2.0)).with_columns(quantity_mean=0.0)
    model = fit_market(classless, NO_CLASSES, market="m", cycle=NOW, rules=RULES)

    ranked = rank_products(pl.DataFrame({"retailer_code": ["R1"], "gets_new": [True]}), classless, model, RULES)

    # repurchase is 1; peers have no neighbour, only popularity: 0.3 / 1.3; price is unknown
    assert ranked["score"].item() == pytest.approx((0.65 * 1 + 0.30 * (0.3 / 1.3)) / 0.95)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 12), st.integers(1, 9), st.integers(60, 100)),
        min_size=1,
        max_size=60,
    )
)
def test_every_score_is_a_share_and_every_list_is_complete_and_in_order(
    bought: list[tuple[int, int, int, int]],
) -> None:
    rows = {(f"R{r}", f"S{s}"): (f"R{r}", f"S{s}", n, last, 2.0 if n > 1 else None) for r, s, n, last in bought}
    purchases = purchases_of(*rows.values())
    retailers = purchases.select("retailer_code").unique().sort("retailer_code").with_columns(gets_new=pl.lit(True))

    ranked = rank_products(retailers, purchases, model_of(purchases), RULES)

    assert ranked["score"].is_between(0, 1).all()
    assert not ranked.select("retailer_code", "mode", "sku_code").is_duplicated().any()
    for _, part in ranked.group_by("retailer_code", "mode"):
        ordered = part.sort("rank")
        assert ordered["rank"].to_list() == list(range(1, part.height + 1))
        assert ordered["score"].is_sorted(descending=True)


def test_due_is_one_half_after_one_interval_and_grows() -> None:
    shares = due_share(np.array([1.0, 4.0, 8.0]), np.array([4.0, 4.0, 4.0]))

    assert shares[1] == pytest.approx(0.5)
    assert shares[0] < 0.5 < shares[2]


def test_without_recorded_price_classes_the_observed_unit_price_makes_bands() -> None:
    observed = model_of()
    recorded = model_of(classes=pl.DataFrame({"sku_code": ["tea"], "price_class": [2]}))

    assert observed.price_basis == "observed"
    assert recorded.price_basis == "recorded"
    assert recorded.price_class[recorded.rows["tea"]] == 2
    assert recorded.price_class[recorded.rows["milk"]] == 0


def test_the_back_test_finds_habits_and_beats_popularity() -> None:
    rng = np.random.default_rng(7)
    rows = []
    for shop in range(60):
        habit = rng.choice(40, size=12, replace=False)
        for week in range(0, 30, 2):
            rows += [(f"R{shop}", f"S{sku}", week, 5, 10.0) for sku in rng.choice(habit, size=5, replace=False)]
    lines = pl.DataFrame(
        rows,
        schema={
            "retailer_code": pl.String,
            "sku_code": pl.String,
            "cycle": pl.Int32,
            "quantity_base": pl.Int64,
            "amount": pl.Float64,
        },
        orient="row",
    )

    figures = {(row["target"], row["method"]): row["recall"] for row in backtest(lines, NO_CLASSES, RULES).to_dicts()}

    assert figures["all", "marketwin"] > 0.7 > figures["all", "popularity"]
    assert all(0 <= value <= 1 for value in figures.values())


def test_list_lengths_are_a_setting() -> None:
    short = replace(RULES, lengths=MappingProxyType({"next_order": 1, "new": 0}))

    assert skus_of(ranked_for("R1", rules=short), "next_order") == ["tea"]
    assert skus_of(ranked_for("R1", rules=short), "new") == []
