"""Features, purchases and cards of a profile, against figures computed by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from services.profile.domain.cycles import cycle_of_date, cycle_of_text, monday_of, text_of_cycle
from services.profile.domain.features import FeatureRules, bought, retailer_features
from services.profile.domain.key_customer import KeyRules
from services.profile.domain.lines import market_clock, order_lines
from services.profile.domain.masters import causes, retailer_cards, sku_facts
from services.profile.domain.outcome import MarketInput, model_version, profile_market
from services.profile.domain.profiles import Rules
from services.profile.domain.purchases import purchase_summary
from tests.profile.builders import order, orders, retailer

SKUS = pl.DataFrame(
    {"sku_code": ["S1", "S2", "S3"], "price_class": [1, 5, None], "is_own": [True, True, False]},
    schema_overrides={"price_class": pl.Int32},
)


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
