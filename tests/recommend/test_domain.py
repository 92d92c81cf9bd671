"""Rules of recommending: ranking, reasons, limits, states, cards, and the back-test."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Conflict, Invalid
from services.recommend.domain.backtest import backtest
from services.recommend.domain.cycles import cycle_of_day, cycle_of_text, text_of_cycle
from services.recommend.domain.delivery import DeliveryRules, choose_cards
from services.recommend.domain.limits import licence_limit, with_limits
from services.recommend.domain.lists import (
    ListInput,
    ended,
    make_lists,
    recommendation_id,
    settled,
    target_cycles,
)
from services.recommend.domain.model import MarketModel, fit_market
from services.recommend.domain.ranking import due_share, rank_products
from services.recommend.domain.rules import RankingRules
from services.recommend.domain.states import EVENTS, STATE_NAMES, after, event_of_key

NOW = 100
RULES = RankingRules()
NO_CLASSES = pl.DataFrame(schema={"sku_code": pl.String, "price_class": pl.Int32})
NO_PAIRS = pl.DataFrame(schema={"retailer_code": pl.String, "sku_code": pl.String})


def _purchases(*rows: tuple[str, str, int, int, float | None]) -> pl.DataFrame:
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


# Tea and milk go together in the market; R1 buys tea only, R9 buys everything.
BASKETS = _purchases(
    ("R1", "tea", 6, 99, 2.0),
    ("R1", "soap", 1, 60, None),
    *[(f"R{n}", sku, 4, 98, 2.0) for n in (2, 3, 4, 5) for sku in ("tea", "milk")],
    *[(f"R{n}", sku, 2, 90, 4.0) for n in (6, 7) for sku in ("soap", "rope")],
    *[("R9", sku, 1, 95, None) for sku in ("tea", "milk", "soap", "rope")],
)


def _model(purchases: pl.DataFrame = BASKETS, classes: pl.DataFrame = NO_CLASSES) -> MarketModel:
    return fit_market(purchases, classes, market="m", cycle=NOW, rules=RULES)


def _shops(*codes: str, **more: object) -> pl.DataFrame:
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


def _products(**more: object) -> pl.DataFrame:
    fields: dict[str, object] = {
        "name_zh": "茶",
        "name_en": "Tea",
        "base_unit": "piece",
        "licence_required": True,
        "status": "active",
        "supply_state": "",
    }
    return pl.DataFrame([{"sku_code": code, **fields, **more} for code in ("tea", "milk", "soap", "rope")])


def _given(shops: pl.DataFrame, purchases: pl.DataFrame = BASKETS, **more: pl.DataFrame) -> ListInput:
    trends = pl.DataFrame(schema={"retailer_code": pl.String, "sku_code": pl.String, "growth": pl.Float64})
    mine = purchases.join(shops, on="retailer_code", how="semi")
    fields = {"products": _products(), "trends": trends, "avoided": NO_PAIRS} | more
    return ListInput(cycle=NOW, today="2026-01-01", shops=shops, purchases=mine, **fields)


def _ranked(code: str, *, gets_new: bool = True, rules: RankingRules = RULES, **more: object) -> pl.DataFrame:
    shops = pl.DataFrame({"retailer_code": [code], "gets_new": [gets_new]})
    mine = BASKETS.filter(pl.col("retailer_code") == code)
    return rank_products(shops, mine, _model(), rules, **more)  # type: ignore[arg-type]


def _skus(ranked: pl.DataFrame, mode: str) -> list[str]:
    return ranked.filter(pl.col("mode") == mode).sort("rank")["sku_code"].to_list()


def test_weeks_are_counted_like_in_the_profile() -> None:
    assert cycle_of_text("2011-W39") == 2178
    assert text_of_cycle(2178) == "2011-W39"
    assert text_of_cycle(cycle_of_text("2009-W53")) == "2009-W53"
    assert cycle_of_day(date(2011, 10, 2)) == 2178


def test_what_is_bought_often_and_lately_comes_first() -> None:
    assert _skus(_ranked("R1"), "next_order") == ["tea", "soap"]


def test_what_similar_shops_buy_is_the_first_new_product() -> None:
    ranked = _ranked("R1")

    assert _skus(ranked, "new")[0] == "milk"
    assert set(_skus(ranked, "new")).isdisjoint({"tea", "soap"})


def test_a_shop_that_gets_no_new_products_gets_only_what_it_buys() -> None:
    assert set(_ranked("R1", gets_new=False)["mode"]) == {"next_order"}


def test_excluded_and_avoided_products_appear_in_no_list() -> None:
    gone = _ranked("R1", excluded=frozenset({"milk"}))
    avoided = _ranked("R1", avoided=pl.DataFrame({"retailer_code": ["R1", "R2"], "sku_code": ["tea", "soap"]}))

    assert "milk" not in gone["sku_code"].to_list()
    assert _skus(avoided, "next_order") == ["soap"]


def test_a_shop_that_bought_nothing_gets_what_the_market_buys_lately() -> None:
    ranked = rank_products(
        pl.DataFrame({"retailer_code": ["R0"], "gets_new": [True]}), BASKETS.clear(), _model(), RULES
    )

    assert set(ranked["mode"]) == {"new"}
    assert _skus(ranked, "new")[0] == "tea"


def test_an_evidence_without_data_leaves_its_weight_to_the_others() -> None:
    classless = _purchases(("R1", "tea", 2, 99, 2.0), ("R2", "tea", 2, 99, 2.0)).with_columns(quantity_mean=0.0)
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
    purchases = _purchases(*rows.values())
    retailers = purchases.select("retailer_code").unique().sort("retailer_code").with_columns(gets_new=pl.lit(True))

    ranked = rank_products(retailers, purchases, _model(purchases), RULES)

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
    observed = _model()
    recorded = _model(classes=pl.DataFrame({"sku_code": ["tea"], "price_class": [2]}))

    assert observed.price_basis == "observed"
    assert recorded.price_basis == "recorded"
    assert recorded.price_class[recorded.rows["tea"]] == 2
    assert recorded.price_class[recorded.rows["milk"]] == 0


def _list(shops: pl.DataFrame, **more: pl.DataFrame) -> pl.DataFrame:
    return make_lists(_given(shops, **more), _model(), RULES)


def test_every_recommendation_has_reasons_in_both_languages_with_their_figures() -> None:
    lists = _list(_shops("R1", "R2", "R9"))

    reasons = [reason for text in lists["reasons"] for reason in json.loads(text)]

    assert all(json.loads(text) for text in lists["reasons"])
    assert all(reason["text_zh"] and reason["text_en"] and json.loads(reason["evidence_json"]) for reason in reasons)
    assert {"repurchase_due", "bought_by_peers", "popular_in_market"} <= {reason["code"] for reason in reasons}


def test_the_strongest_reason_comes_first_and_names_the_figures() -> None:
    lists = _list(_shops("R1")).filter(pl.col("sku_code") == "tea")

    first = json.loads(lists["reasons"].item())[0]

    assert first["code"] == "repurchase_regular"
    evidence = json.loads(first["evidence_json"])
    assert (evidence["cycles"], evidence["weeks_since_last"], evidence["own_interval_weeks"]) == (6, 1, 2.0)


def test_a_rising_forecast_of_the_region_is_a_reason_of_its_own() -> None:
    trends = pl.DataFrame({"retailer_code": ["R1", "R1"], "sku_code": ["tea", "soap"], "growth": [0.25, 0.05]})

    lists = _list(_shops("R1"), trends=trends)

    codes = {row["sku_code"]: [each["code"] for each in json.loads(row["reasons"])] for row in lists.to_dicts()}
    assert codes["tea"][-1] == "region_trend"
    assert "region_trend" not in codes["soap"]


def test_the_quantity_is_the_shops_own_or_the_markets_usual_one() -> None:
    lists = _list(_shops("R1"))

    assert set(lists["quantity_base"]) == {10}


@pytest.mark.parametrize(
    ("more", "codes", "blocked"),
    [
        ({}, [], False),
        ({"license_status": "expired"}, ["licence_invalid"], True),
        ({"license_valid_to": "2025-12-31"}, ["licence_invalid"], True),
        ({"license_status": "", "license_valid_to": ""}, ["licence_unknown"], True),
        ({"school_zone": True}, ["school_zone"], False),
    ],
)
def test_limits_follow_licence_and_place(more: dict[str, object], codes: list[str], blocked: bool) -> None:
    ranked = pl.DataFrame({"retailer_code": ["R1"], "sku_code": ["tea"]})

    limited = with_limits(ranked, _shops("R1", **more), _products(), today="2026-01-01")

    assert limited["limits"].to_list() == [codes]
    assert limited["is_blocked"].item() is blocked


def test_a_product_nobody_described_needs_a_licence_and_one_that_needs_none_is_never_blocked() -> None:
    ranked = pl.DataFrame({"retailer_code": ["R1", "R1"], "sku_code": ["unheard", "tea"]})
    shops = _shops("R1", license_status="", license_valid_to="")

    limited = with_limits(ranked, shops, _products(licence_required=False), today="2026-01-01")

    assert limited["is_blocked"].to_list() == [True, False]


@pytest.mark.parametrize(
    ("status", "valid_to", "expected"),
    [
        ("valid", "2026-01-01", ""),
        ("valid", "2025-12-31", "licence_invalid"),
        ("revoked", "", "licence_invalid"),
        ("", "", "licence_unknown"),
        ("", "2030-01-01", ""),
    ],
)
def test_the_licence_is_held_against_the_day_of_sending(status: str, valid_to: str, expected: str) -> None:
    limit = licence_limit(licence_required=True, status=status, valid_to=valid_to, today="2026-01-01")

    assert limit == expected
    assert not licence_limit(licence_required=False, status=status, valid_to=valid_to, today="2026-01-01")


def test_a_school_zone_gets_no_new_products() -> None:
    lists = _list(_shops("R1", school_zone=True))

    assert set(lists["mode"]) == {"next_order"}


def test_a_product_that_left_the_market_is_not_recommended() -> None:
    lists = _list(_shops("R1"), products=_products(status="exit"))

    assert lists.is_empty()


def test_a_list_is_for_this_week_until_the_shop_has_ordered_in_it() -> None:
    purchases = _purchases(("R1", "tea", 1, NOW, None), ("R2", "tea", 1, NOW - 1, None))

    targets = target_cycles(_shops("R1", "R2", "R3"), purchases, NOW)

    assert targets.sort("retailer_code")["cycle"].to_list() == [NOW + 1, NOW, NOW]


def test_ids_are_stable_and_differ_by_retailer_mode_product_and_week() -> None:
    base = recommendation_id("R1", "new", "tea", 1)

    assert base == recommendation_id("R1", "new", "tea", 1)
    assert len({base, *(recommendation_id(*key) for key in _VARIANTS)}) == 5


_VARIANTS = [("R2", "new", "tea", 1), ("R1", "next_order", "tea", 1), ("R1", "new", "milk", 1), ("R1", "new", "tea", 2)]
KEPT = {
    "id": pl.String,
    "retailer_code": pl.String,
    "sku_code": pl.String,
    "cycle": pl.Int32,
    "state": pl.String,
    "content": pl.Int64,
    "revision": pl.Int64,
    "created_at": pl.Datetime("us", "UTC"),
}


def _kept(lists: pl.DataFrame, state: str) -> pl.DataFrame:
    rows = lists.with_columns(state=pl.lit(state), revision=pl.lit(3), created_at=pl.lit(None))
    return rows.select(pl.col(name).cast(kind) for name, kind in KEPT.items())


def test_lists_that_read_the_same_change_nothing() -> None:
    lists = _list(_shops("R1"))

    assert settled(lists, _kept(lists, "open")).is_empty()


def test_a_new_recommendation_is_open_and_an_answer_survives_a_new_ranking() -> None:
    lists = _list(_shops("R1"))
    changed = lists.with_columns(content=pl.col("content") + 1)

    assert set(settled(lists, _kept(lists.clear(), "open"))["state"]) == {"open"}
    assert set(settled(changed, _kept(lists, "rejected"))["state"]) == {"rejected"}
    assert set(settled(lists, _kept(lists, "withdrawn"))["state"]) == {"open"}


@pytest.mark.parametrize(
    ("state", "cycle", "last_bought", "expected"),
    [
        ("open", NOW, 90, ["withdrawn"]),
        ("open", NOW - 1, 90, ["expired"]),
        ("shown", NOW - 1, NOW - 1, ["done"]),
        ("accepted", NOW - 2, NOW - 1, ["done"]),
        ("accepted", NOW - 2, 90, []),
        ("accepted", NOW - 5, 90, ["expired"]),
        ("shown", NOW, 90, []),
        ("rejected", NOW - 3, 90, []),
    ],
)
def test_what_the_new_lists_leave_behind_ends_as_its_state_asks(
    state: str, cycle: int, last_bought: int, expected: list[str]
) -> None:
    kept = pl.DataFrame([["x", "R1", "tea", cycle, state, 1, 1, None]], schema=KEPT, orient="row")
    purchases = _purchases(("R1", "tea", 2, last_bought, 2.0))
    targets = pl.DataFrame({"retailer_code": ["R1"], "cycle": [NOW]}, schema_overrides={"cycle": pl.Int32})

    left = ended(pl.DataFrame({"id": ["other"]}), kept, targets, purchases)

    assert left["state"].to_list() == expected


def test_an_answer_moves_the_state_and_a_late_one_is_a_conflict() -> None:
    assert after("open", "shown") == "shown"
    assert after("shown", "accepted") == "accepted"
    assert after("rejected", "reopened") == "open"
    assert after("accepted", "shown") == "accepted"
    with pytest.raises(Conflict):
        after("expired", "accepted")
    with pytest.raises(Invalid):
        after("open", "maybe")


@given(st.sampled_from(sorted(STATE_NAMES)), st.sampled_from(EVENTS))
def test_an_answer_given_twice_leaves_the_state_of_the_first(state: str, event: str) -> None:
    try:
        once = after(state, event)
    except Conflict:
        return

    assert after(once, event) == once


def test_only_the_two_buttons_are_answers() -> None:
    assert event_of_key("accept:1") == "accepted"
    assert event_of_key("reject:1") == "rejected"
    with pytest.raises(Invalid):
        event_of_key("open:1")


CANDIDATE = {
    "account_manager": "wang",
    "score": 0.9,
    "is_key": False,
    "is_live": False,
    "is_blocked": False,
    "has_card": False,
}
NOTHING_USED = pl.DataFrame(
    schema={"account_manager": pl.String, "cards": pl.Int64, "bulk_cards": pl.Int64},
)


def _candidates(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{"id": f"c{n}", "retailer_code": f"R{n}", **CANDIDATE, **row} for n, row in enumerate(rows)])


def test_a_bulk_change_leaves_room_for_live_ones() -> None:
    rules = DeliveryRules(per_day=4, bulk_per_day=2)
    bulk = [{"score": 0.5 + n / 100} for n in range(6)]

    chosen = choose_cards(_candidates(*bulk, {"is_live": True, "score": 0.4}), NOTHING_USED, rules)

    assert chosen["is_live"].to_list() == [True, False, False]
    assert chosen["id"].to_list() == ["c6", "c5", "c4"]


def test_what_was_sent_today_counts() -> None:
    rules = DeliveryRules(per_day=4, bulk_per_day=2)
    used = pl.DataFrame({"account_manager": ["wang"], "cards": [3], "bulk_cards": [2]})

    chosen = choose_cards(_candidates({}, {"is_live": True}, {"is_live": True}), used, rules)

    assert chosen["id"].to_list() == ["c1"]


def test_key_customers_come_first_and_a_shop_gets_its_best_card_only() -> None:
    rows = [{"retailer_code": "A", "score": 0.5}, {"retailer_code": "A", "score": 0.8}, {"is_key": True, "score": 0.4}]

    chosen = choose_cards(_candidates(*rows), NOTHING_USED, DeliveryRules())

    assert chosen["id"].to_list() == ["c2", "c1"]


@pytest.mark.parametrize("row", [{"is_blocked": True}, {"has_card": True}, {"account_manager": ""}, {"score": 0.1}])
def test_no_card_for_what_is_blocked_carded_weak_or_nobodys(row: dict[str, object]) -> None:
    assert choose_cards(_candidates(row), NOTHING_USED, DeliveryRules()).is_empty()


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

    assert _skus(_ranked("R1", rules=short), "next_order") == ["tea"]
    assert _skus(_ranked("R1", rules=short), "new") == []
