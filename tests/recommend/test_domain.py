"""Rules of recommending: reasons, limits, states and cards."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Conflict, Invalid
from services.recommend.domain.delivery import DeliveryRules, choose_cards
from services.recommend.domain.limits import licence_limit, with_limits
from services.recommend.domain.lists import (
    ended,
    recommendation_id,
    settled,
    target_cycles,
)
from services.recommend.domain.states import EVENTS, STATE_NAMES, after, event_of_key
from tests.recommend.market import (
    NOW,
    all_products,
    lists_of,
    purchases_of,
    shops_named,
)


def test_every_recommendation_has_reasons_in_both_languages_with_their_figures() -> None:
    lists = lists_of(shops_named("R1", "R2", "R9"))

    reasons = [reason for text in lists["reasons"] for reason in json.loads(text)]

    assert all(json.loads(text) for text in lists["reasons"])
    assert all(reason["text_zh"] and reason["text_en"] and json.loads(reason["evidence_json"]) for reason in reasons)
    assert {"repurchase_due", "bought_by_peers", "popular_in_market"} <= {reason["code"] for reason in reasons}


def test_the_strongest_reason_comes_first_and_names_the_figures() -> None:
    lists = lists_of(shops_named("R1")).filter(pl.col("sku_code") == "tea")

    first = json.loads(lists["reasons"].item())[0]

    assert first["code"] == "repurchase_regular"
    evidence = json.loads(first["evidence_json"])
    assert (evidence["cycles"], evidence["weeks_since_last"], evidence["own_interval_weeks"]) == (6, 1, 2.0)


def test_a_rising_forecast_of_the_region_is_a_reason_of_its_own() -> None:
    trends = pl.DataFrame({"region": ["340100", "340100"], "sku_code": ["tea", "soap"], "growth": [0.25, 0.05]})

    codes = _codes(lists_of(shops_named("R1", adcode="340100"), trends=trends))

    assert codes["tea"][-1] == "region_trend"
    assert "region_trend" not in codes["soap"]


@pytest.mark.parametrize(("growth", "is_told"), [(0.25, True), (0.05, False), (None, True)])
def test_the_region_of_the_shop_counts_before_its_province(growth: float | None, is_told: bool) -> None:
    trends = pl.DataFrame({"region": ["340100", "340000"], "sku_code": ["tea", "tea"], "growth": [growth, 0.3]})

    codes = _codes(lists_of(shops_named("R1", adcode="340100"), trends=trends.drop_nulls()))

    assert ("region_trend" in codes["tea"]) is is_told


def _codes(lists: pl.DataFrame) -> dict[str, list[str]]:
    """The reasons of each product."""
    return {row["sku_code"]: [each["code"] for each in json.loads(row["reasons"])] for row in lists.to_dicts()}


def test_the_quantity_is_the_shops_own_or_the_markets_usual_one() -> None:
    lists = lists_of(shops_named("R1"))

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

    limited = with_limits(ranked, shops_named("R1", **more), all_products(), today="2026-01-01")

    assert limited["limits"].to_list() == [codes]
    assert limited["is_blocked"].item() is blocked


def test_a_product_nobody_described_needs_a_licence_and_one_that_needs_none_is_never_blocked() -> None:
    ranked = pl.DataFrame({"retailer_code": ["R1", "R1"], "sku_code": ["unheard", "tea"]})
    shops = shops_named("R1", license_status="", license_valid_to="")

    limited = with_limits(ranked, shops, all_products(licence_required=False), today="2026-01-01")

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
    lists = lists_of(shops_named("R1", school_zone=True))

    assert set(lists["mode"]) == {"next_order"}


def test_a_product_that_left_the_market_is_not_recommended() -> None:
    lists = lists_of(shops_named("R1"), products=all_products(status="exit"))

    assert lists.is_empty()


def test_a_list_is_for_this_week_until_the_shop_has_ordered_in_it() -> None:
    purchases = purchases_of(("R1", "tea", 1, NOW, None), ("R2", "tea", 1, NOW - 1, None))

    targets = target_cycles(shops_named("R1", "R2", "R3"), purchases, NOW)

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
    lists = lists_of(shops_named("R1"))

    assert settled(lists, _kept(lists, "open")).is_empty()


def test_a_new_recommendation_is_open_and_an_answer_survives_a_new_ranking() -> None:
    lists = lists_of(shops_named("R1"))
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
    purchases = purchases_of(("R1", "tea", 2, last_bought, 2.0))
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
