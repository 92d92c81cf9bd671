"""Rules of the profile: features, growth type (R-14), key score (R-15), purchases. Figures are computed by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.profile.domain.cycles import cycle_of_date, cycle_of_text, monday_of, text_of_cycle
from services.profile.domain.explain import Override, Standing, explain
from services.profile.domain.features import FeatureRules, bought, retailer_features
from services.profile.domain.growth import GrowthRules, growth_types, score_gaps, tier_ranks
from services.profile.domain.key_customer import PARTS, KeyRules, key_scores, score_parts, used_weights
from services.profile.domain.lines import market_clock, order_lines
from services.profile.domain.masters import causes, retailer_cards, sku_facts
from services.profile.domain.outcome import MarketInput, model_version, profile_market
from services.profile.domain.peers import peers_of
from services.profile.domain.profiles import Rules
from services.profile.domain.purchases import purchase_summary
from tests.profile.builders import order, orders, retailer

SKUS = pl.DataFrame(
    {"sku_code": ["S1", "S2", "S3"], "price_class": [1, 5, None], "is_own": [True, True, False]},
    schema_overrides={"price_class": pl.Int32},
)
shares = st.one_of(st.none(), st.floats(0, 1))


def _features(*rows: dict[str, object], skus: pl.DataFrame = SKUS, now: int | None = None) -> pl.DataFrame:
    lines = order_lines(orders(*rows))
    clocks = market_clock(lines)
    if now is not None:
        clocks = clocks.with_columns(cycle=pl.lit(_week(now), dtype=pl.Int32))
    return retailer_features(bought(lines, skus), clocks, FeatureRules())


def _week(number: int) -> int:
    frame = pl.DataFrame({"day": [dt.date(2024, 1, 1) + dt.timedelta(weeks=number)]})
    return int(frame.select(cycle_of_date("day")).item())


def test_a_week_number_survives_the_way_to_text_and_back() -> None:
    texts = ["2010-W52", "2009-W53", "2011-W01", "1969-W52"]

    weeks = pl.DataFrame({"cycle": texts}).select(cycle_of_text("cycle")).to_series().to_list()

    assert [text_of_cycle(week) for week in weeks] == texts
    assert monday_of(weeks[0]) == dt.date(2010, 12, 27)


def test_text_that_is_no_week_is_null() -> None:
    weeks = pl.DataFrame({"cycle": ["2011-39", "", None]}).select(cycle_of_text("cycle")).to_series()

    assert weeks.to_list() == [None, None, None]


def test_of_two_contents_of_a_line_the_one_with_the_greater_record_id_counts() -> None:
    older = order("R1", 1, quantity=9, order_no="O1", record_id="01A")
    newer = order("R1", 1, quantity=5, order_no="O1", record_id="01B")

    lines = order_lines(orders(newer, older))

    assert lines["quantity_base"].to_list() == [5]


@pytest.mark.parametrize("fields", [{"state": "cancelled"}, {"op": "delete"}, {"qty_order_base": 0}])
def test_a_line_that_was_not_bought_is_kept_but_not_counted(fields: dict[str, object]) -> None:
    lines = order_lines(orders(order("R1", 1, **fields)))

    assert lines["is_counted"].to_list() == [False]


def test_without_an_iso_week_the_business_date_gives_the_cycle() -> None:
    with_week, without = order_lines(orders(order("R1", 3))), order_lines(orders(order("R1", 3, cycle=None)))

    assert with_week["cycle"].to_list() == without["cycle"].to_list()


def test_rhythm_is_read_from_the_weeks_with_an_order() -> None:
    frame = _features(order("R1", 0), order("R1", 2), order("R1", 3), order("R2", 5))

    row = frame.row(0, named=True)

    assert (row["recency_cycles"], row["tenure_cycles"], row["active_cycles"]) == (2, 6, 3)
    assert row["frequency"] == pytest.approx(3 / 6)
    assert row["interval_mean"] == pytest.approx(1.5)
    assert row["interval_cv"] == pytest.approx(0.5 / 1.5)
    assert row["regularity"] == pytest.approx(3 / 6 / (1 + 1 / 3))


def test_growth_compares_thirteen_weeks_with_the_thirteen_before() -> None:
    rows = [order("R1", week, quantity=10) for week in range(13)]
    rows += [order("R1", week, quantity=12) for week in range(13, 26)]

    row = _features(*rows).row(0, named=True)

    assert row["growth"] == pytest.approx(0.2)
    assert (row["amount"], row["amount_before"]) == (1560, 1300)
    assert row["growth_reason"] is None


def test_growth_is_unknown_rather_than_zero_without_history_or_earlier_sales() -> None:
    short = _features(order("R1", 20), order("R1", 25), now=25).row(0, named=True)
    lapsed = _features(order("R1", 0), order("R1", 25), now=25).row(0, named=True)
    returned = _features(order("R1", 0), order("R1", 30), now=30).row(0, named=True)

    assert (short["growth"], short["growth_reason"]) == (None, "short_history")
    assert lapsed["growth"] == pytest.approx(0.0)
    assert (returned["growth"], returned["growth_reason"]) == (None, "no_sales_before")


def test_the_trend_is_the_slope_of_the_zero_filled_weeks_over_their_mean() -> None:
    rows = [order("R1", week, quantity=week + 1) for week in range(13)]

    row = _features(*rows).row(0, named=True)

    assert row["trend"] == pytest.approx(10 / 70)  # amount grows by 10 a week around a mean of 70


def test_price_classes_are_shares_of_the_amount_of_known_class() -> None:
    rows = [order("R1", 1, sku="S1", quantity=30), order("R1", 1, sku="S2", quantity=10), order("R1", 1, sku="S3")]

    row = _features(*rows).row(0, named=True)

    assert (row["share_class_1"], row["share_class_5"]) == (pytest.approx(0.75), pytest.approx(0.25))
    assert row["price_grade"] == pytest.approx(0.75)
    assert row["own_share"] == pytest.approx(400 / 500)
    assert row["known_class_share"] == pytest.approx(400 / 500)


def test_amounts_of_another_currency_are_not_added_up() -> None:
    rows = [order("R1", 1), order("R1", 1), order("R1", 1, currency="USD", amount=Decimal("999.00"))]

    row = _features(*rows).row(0, named=True)

    assert (row["amount"], row["currency"], row["quantity_base"]) == (200, "CNY", 30)


def _market(quantities: list[float], **columns: list[float | None]) -> pl.DataFrame:
    """Features of one market whose retailers differ in quantity, amount and breadth alike."""
    base: dict[str, list[float | None]] = {
        "quantity_base": list(quantities),
        "amount": [value * 10 for value in quantities],
        "regularity": [0.5] * len(quantities),
        "sku_count": list(quantities),
        "price_grade": [None] * len(quantities),
        "own_share": [1.0] * len(quantities),
        "orders": [1 if value > 0 else 0 for value in quantities],
    }
    return pl.DataFrame(base | columns, schema_overrides=dict.fromkeys(base | columns, pl.Float64))


def test_parts_are_mid_rank_percentiles_of_the_market() -> None:
    frame = _market([10, 20, 30, 40])

    parts = score_parts(frame, peers_of("m", 1, frame))

    assert parts["part_quantity"].to_list() == [0.125, 0.375, 0.625, 0.875]
    assert parts["part_cycle"].to_list() == [0.5] * 4  # all alike: everybody stands in the middle
    assert parts["part_structure"].to_list() == [0.125, 0.375, 0.625, 0.875]
    assert parts["part_competitor"].to_list() == [None] * 4


def test_who_bought_nothing_scores_nothing_and_is_no_yardstick() -> None:
    frame = _market([0, 0, 0, 10, 20])

    parts = score_parts(frame, peers_of("m", 1, frame))

    assert parts["part_amount"].to_list() == [0.0, 0.0, 0.0, 0.25, 0.75]


def test_the_score_is_the_weighted_mean_of_the_five_parts() -> None:
    parts = pl.DataFrame(
        {
            "part_quantity": [0.8],
            "part_cycle": [0.5],
            "part_structure": [0.4],
            "part_amount": [0.9],
            "part_competitor": [1.0],
        }
    )

    scored = key_scores(parts, KeyRules(threshold=0.73))

    # 0.25 * 0.8 + 0.20 * 0.5 + 0.15 * 0.4 + 0.30 * 0.9 + 0.10 * 1.0
    assert scored["score"].item() == pytest.approx(0.73)
    assert scored["is_key_by_score"].item()
    assert scored["missing_parts"].to_list() == [[]]


def test_the_weight_of_a_missing_part_is_shared_out_among_the_rest() -> None:
    parts = pl.DataFrame(
        {
            "part_quantity": [0.8],
            "part_cycle": [0.5],
            "part_structure": [0.4],
            "part_amount": [0.9],
            "part_competitor": [None],
        },
        schema_overrides={"part_competitor": pl.Float64},
    )

    scored = key_scores(parts, KeyRules())

    assert scored["score"].item() == pytest.approx(0.63 / 0.9)
    assert scored["missing_parts"].to_list() == [["competitor"]]


@settings(deadline=None, max_examples=60)
@given(values=st.tuples(shares, shares, shares, shares, shares), weights=st.tuples(*[st.floats(0, 5)] * 5))
def test_a_score_lies_between_its_parts_whatever_is_missing(
    values: tuple[float | None, ...], weights: tuple[float, ...]
) -> None:
    parts = pl.DataFrame(
        {f"part_{name}": [value] for name, value in zip(PARTS, values, strict=True)},
        schema=dict.fromkeys((f"part_{name}" for name in PARTS), pl.Float64),
    )
    rules = KeyRules(MappingProxyType(dict(zip(PARTS, weights, strict=True))))

    score = key_scores(parts, rules)["score"].item()
    used = used_weights(tuple(name for name, value in zip(PARTS, values, strict=True) if value is None), rules)

    assert sum(used.values()) == pytest.approx(1.0) if used else score is None
    if used:
        counted = [
            value for name, value in zip(PARTS, values, strict=True) if used.get(name, 0) > 0 and value is not None
        ]
        assert min(counted) - 1e-9 <= score <= max(counted) + 1e-9


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=40), st.floats(-1, 2e9))
def test_percentiles_stay_in_range_and_grow_with_the_value(values: list[float], asked: float) -> None:
    frame = _market(values)
    peers = peers_of("m", 1, frame)

    lower, upper = peers.percentiles("quantity_base", np.array([asked, asked + 1.0]))

    assert 0.0 <= lower <= upper <= 1.0


def _labelled(rank: float, growth: float | None, gap: float | None) -> str:
    frame = pl.DataFrame(
        {"tier_rank": [rank], "growth": [growth], "score_gap": [gap]},
        schema=dict.fromkeys(("tier_rank", "growth", "score_gap"), pl.Float64),
    )
    return str(growth_types(frame, GrowthRules())["growth_type"].item())


@pytest.mark.parametrize(
    ("rank", "growth", "gap", "expected"),
    [
        (0.70, 0.05, 0.0, "mature"),
        (0.70, -0.05, 0.0, "mature"),
        (0.90, 0.02, 0.5, "mature"),  # the rules are read in order: mature comes first
        (0.69, 0.02, 0.0, "ordinary"),
        (0.70, 0.06, 0.0, "ordinary"),
        (0.69, 0.06, 0.0, "potential"),
        (0.25, 0.06, None, "potential"),
        (0.24, 0.06, 0.0, "ordinary"),
        (0.25, 0.05, 0.0, "ordinary"),
        (0.10, None, 0.21, "potential"),
        (0.95, 0.30, 0.21, "potential"),
        (0.10, None, 0.20, "ordinary"),
        (0.80, None, None, "ordinary"),
    ],
)
def test_growth_type_follows_tier_growth_and_gap(
    rank: float, growth: float | None, gap: float | None, expected: str
) -> None:
    assert _labelled(rank, growth, gap) == expected


def test_a_recorded_tier_goes_before_the_percentile() -> None:
    frame = _market([10, 20, 30, 40])
    recorded = pl.Series([None, 0.9, None, None], dtype=pl.Float64)

    ranks = tier_ranks(frame, recorded, peers_of("m", 1, frame))

    assert ranks["tier_rank"].to_list() == [0.125, 0.9, 0.625, 0.875]
    assert ranks["tier_basis"].to_list() == ["percentile", "recorded", "percentile", "percentile"]


def test_the_gap_is_the_share_by_which_a_score_misses_the_peers_median() -> None:
    gaps = score_gaps(np.array([0.4, 0.6, 0.5, np.nan]), np.array([0.5, 0.5, np.nan, 0.5]))

    assert gaps[0] == pytest.approx(0.2)
    assert gaps[1] == pytest.approx(-0.2)
    assert np.isnan(gaps[2:]).all()


def test_a_purchase_summary_says_how_often_how_much_and_how_regularly() -> None:
    lines = order_lines(
        orders(
            order("R1", 0, sku="S1", quantity=10),
            order("R1", 0, sku="S1", quantity=20),
            order("R1", 4, sku="S1", quantity=30),
            order("R1", 1, sku="S2", quantity=1),
        )
    )

    summary = purchase_summary(bought(lines, SKUS), market_clock(lines))

    first = summary.row(0, named=True)
    assert (first["sku_code"], first["cycles"], first["amount"], first["place"]) == ("S1", 2, 600, 1)
    assert (first["quantity_mean"], first["interval_mean"]) == (30, 4)
    assert summary["interval_mean"].to_list()[1] is None


def test_a_tier_is_ranked_within_its_scheme() -> None:
    cards = retailer_cards(
        pl.DataFrame(
            [
                retailer("R1", tier=15, tier_scheme="15 tiers"),
                retailer("R2", tier=15, tier_scheme=None),
                retailer("R3", tier=None, tier_scheme=None),
            ]
        )
    )

    assert cards.sort("retailer_code")["tier_rank"].to_list() == [1.0, 0.5, None]


def test_a_product_whose_record_does_not_say_is_own() -> None:
    facts = sku_facts(pl.DataFrame({"sku_code": ["S1"], "record_id": ["01"]}))

    assert facts.row(0, named=True)["is_own"] is True


def test_the_newest_record_of_a_shop_is_its_cause() -> None:
    rows = orders(order("R1", 1, trace_id="a" * 32), order("R1", 2, trace_id="b" * 32), order("R2", 1))

    found = causes(rows, trace_id="c" * 32, traceparent="00-own").sort("retailer_code")

    assert found["trace_id"].to_list() == ["b" * 32, "c" * 32]
    assert found["traceparent"].to_list() == [f"00-{'b' * 32}-{'b' * 16}-00", "00-own"]


def _cards(*codes: str) -> pl.DataFrame:
    cards = retailer_cards(pl.DataFrame([retailer(code) for code in codes])).drop("record_id")
    return cards.with_columns(
        set_key=pl.lit(None, dtype=pl.Boolean),
        set_reason=pl.lit(None, dtype=pl.String),
        set_by=pl.lit(None, dtype=pl.String),
    )


def test_one_shop_measured_against_kept_peers_comes_out_as_in_the_whole_market() -> None:
    rows = [order(f"R{shop}", week, quantity=10 * shop + week) for shop in range(1, 9) for week in range(0, 30, shop)]
    lines = order_lines(orders(*rows))
    codes = [f"R{shop}" for shop in range(1, 9)]
    whole = profile_market(MarketInput("C", _week(29), _cards(*codes), lines, SKUS, is_whole=True), None, Rules())

    alone = profile_market(
        MarketInput("C", _week(29), _cards("R3"), lines.filter(pl.col("retailer_code") == "R3"), SKUS, is_whole=False),
        whole.peers,
        Rules(),
    )

    together = whole.profiles.filter(pl.col("retailer_code") == "R3")
    assert alone.profiles.row(0, named=True) == together.row(0, named=True)


def test_a_shop_without_orders_has_a_profile_that_claims_nothing() -> None:
    empty = order_lines(orders(order("R1", 1))).clear()

    outcome = profile_market(MarketInput("C", -1, _cards("R1"), empty, SKUS, is_whole=True), None, Rules())

    row = outcome.profiles.row(0, named=True)
    assert (row["growth_type"], row["is_key"], row["score"]) == ("unspecified", False, 0.0)
    assert outcome.peers is None


def test_the_version_changes_with_the_rules_and_only_with_them() -> None:
    assert model_version(Rules()) == model_version(Rules())
    assert model_version(Rules()) != model_version(Rules(key=KeyRules(threshold=0.5)))


def _standing(**changes: object) -> Standing:
    fields: dict[str, object] = {
        "cycle": 2178,
        "growth_type": "potential",
        "growth_rule": "below_peers",
        "growth": None,
        "growth_reason": "short_history",
        "tier_rank": 0.4,
        "tier_basis": "percentile",
        "score": 0.6,
        "score_gap": 0.3,
        "is_key": False,
        "parts": {"quantity": 0.5, "cycle": 0.4, "structure": 0.3, "amount": 0.9, "competitor": None},
        "peer_retailers": 12,
    }
    return Standing(**(fields | changes))  # type: ignore[arg-type]


def test_an_explanation_names_the_part_that_weighs_most_first_and_the_missing_one_as_missing() -> None:
    reasons = explain(_standing(), Rules())

    assert [reason.subject for reason in reasons][:3] == ["growth_type", "is_key", "amount"]
    missing = next(reason for reason in reasons if reason.subject == "competitor")
    assert missing.evidence["weights_renormalised"] is True
    assert "30%" in reasons[0].text_en
    assert "30%" in reasons[0].text_zh


def test_an_override_is_explained_by_who_and_why() -> None:
    reasons = explain(_standing(is_key=True, override=Override(True, "flagship", "ann")), Rules())

    assert reasons[1].text_en == "Set by ann as a key customer: flagship."
    assert "flagship" in reasons[1].text_zh
