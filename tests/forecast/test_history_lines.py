"""Records become lines, and lines move weeks, months and years by differences."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forecast.domain.lines import (
    carton_prices,
    covered,
    deleted_orders,
    differences,
    lines_of,
    month_cells,
    prices_of,
    unit_cells,
    week_cells,
    without,
)
from services.forecast.domain.regions import Regions
from tests.forecast.builders import NOW, envelope, order, regions, sale

DAY = date(2025, 3, 12)
SKUS = pl.DataFrame({"sku_code": ["sku-1"], "base_unit": ["stick"]})


def test_an_order_counts_its_uncapped_demand_in_weeks_and_what_was_confirmed_in_months() -> None:
    lines = lines_of("commercial_order", envelope([order("1", 60, DAY, qty_demand_base=100)]))

    assert week_cells(lines)["quantity"].to_list() == [100]
    assert week_cells(lines)["week"].to_list() == [date(2025, 3, 10)]
    assert month_cells(lines).select("starts_on", "quantity").rows() == [(date(2025, 3, 1), 60.0)]


@pytest.mark.parametrize(
    "more", [{"state": "cancelled"}, {"op": "delete"}, {"qty_order_base": -5, "qty_demand_base": 5}]
)
def test_cancelled_deleted_and_returned_lines_count_nothing(more: dict[str, object]) -> None:
    lines = lines_of("commercial_order", envelope([order("1", 60, DAY, **more)]))

    assert lines.select("quantity", "demand", "amount").row(0) == (0.0, 0.0, 0.0)
    assert week_cells(lines).is_empty()


def test_of_two_contents_of_one_key_the_later_counts() -> None:
    earlier, later = envelope([order("1", 60, DAY)]), envelope([order("1", 40, DAY)], at=NOW + timedelta(seconds=1))

    lines = lines_of("commercial_order", pl.concat([later, earlier]))

    assert lines["quantity"].to_list() == [40.0]


def test_a_line_that_came_again_after_it_was_taken_back_counts() -> None:
    contents = [envelope([order(key, 60, DAY)], at=NOW + timedelta(seconds=at)) for key, at in (("1", 1), ("2", 3))]
    bare = [{**order(key, 60, DAY), "op": "delete", "adcode": None} for key in ("1", "2")]
    records = pl.concat([*contents, envelope(bare, at=NOW + timedelta(seconds=2))], how="diagonal_relaxed")

    left = without(lines_of("commercial_order", records), deleted_orders(records))

    (again,) = lines_of("commercial_order", contents[1])["key"]
    assert left["key"].to_list() == [again]


def test_a_record_without_region_is_left_out() -> None:
    assert lines_of("commercial_order", envelope([order("1", 60, DAY, adcode=None)])).is_empty()


def test_a_week_that_begins_on_sunday_belongs_to_the_iso_week_it_mostly_shares() -> None:
    sunday = date(2012, 1, 8)

    lines = lines_of("commercial_sale", envelope([sale(70, sunday, "week")]))

    assert week_cells(lines)["week"].to_list() == [date(2012, 1, 9)]


def test_a_week_in_two_months_is_shared_out_by_days() -> None:
    lines = lines_of("commercial_sale", envelope([sale(70, date(2025, 3, 31), "week")]))

    assert month_cells(lines).sort("starts_on").select("starts_on", "quantity").rows() == [
        (date(2025, 3, 1), pytest.approx(10.0)),
        (date(2025, 4, 1), pytest.approx(60.0)),
    ]


@pytest.mark.parametrize(
    ("period", "day", "through"),
    [
        ("day", date(2025, 3, 12), date(2025, 3, 12)),
        ("week", date(2025, 3, 10), date(2025, 3, 16)),
        ("month", date(2024, 2, 1), date(2024, 2, 29)),
        ("year", date(2025, 1, 1), date(2025, 12, 31)),
    ],
)
def test_a_sale_covers_its_whole_period(period: str, day: date, through: date) -> None:
    span = covered(lines_of("commercial_sale", envelope([sale(7, day, period)])))

    assert span.select("covered_from", "covered_through").row(0) == (day, through)


def test_months_and_years_have_no_week() -> None:
    lines = lines_of("commercial_sale", envelope([sale(7, DAY, "month"), sale(9, date(2025, 1, 1), "year")]))

    assert week_cells(lines).is_empty()
    assert sorted(month_cells(lines)["grain"]) == ["month", "year"]


def test_sales_of_a_city_count_in_its_province_and_country_and_in_all_products() -> None:
    cells = month_cells(lines_of("commercial_sale", envelope([sale(7, DAY, "day")])))

    units = unit_cells(cells, regions(), SKUS)

    found = {(row["region"], row["sku_code"]): row["quantity"] for row in units.to_dicts()}
    places = ("340100", "340000", "CN")
    assert found == {(place, sku): 7.0 for place in places for sku in ("sku-1", "")}


def test_without_a_region_list_every_region_stands_alone() -> None:
    cells = month_cells(lines_of("commercial_sale", envelope([sale(7, DAY, "day")])))

    assert set(unit_cells(cells, Regions.none(), SKUS)["region"]) == {"340100"}


@given(
    contents=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 100), st.integers(0, 60)), min_size=1, max_size=25
    )
)
def test_differences_lead_to_the_sums_of_the_newest_contents(contents: list[tuple[str, int, int]]) -> None:
    """Whatever is corrected, moved or repeated, the moved cells are those of the newest contents alone."""
    kept: dict[str, pl.DataFrame] = {}
    moved = []
    for key, quantity, days in contents:
        new = lines_of("commercial_order", envelope([order(key, quantity, DAY + timedelta(days=days))]))
        old = kept.get(key, new.clear())
        moved.append(differences(new.drop("trace_id"), old.drop("trace_id")))
        kept[key] = new

    for cells in (week_cells, month_cells):
        time = "week" if cells is week_cells else "starts_on"
        sums = cells(pl.concat(moved)).filter(pl.col("quantity") != 0).sort(time)
        expected = cells(pl.concat(kept.values())).filter(pl.col("quantity") != 0).sort(time)
        assert sums.select(time, "quantity").rows() == expected.select(time, "quantity").rows()


def test_a_price_per_pack_becomes_one_per_carton_by_the_products_own_size() -> None:
    seen = {"adcode": "US-CA", "sku_code": "sku-1", "observed_at": NOW, "biz_date": DAY, "price_observed": 6.5}
    sizes = pl.DataFrame({"sku_code": ["sku-1"], "packs_per_carton": [12], "sticks_per_pack": [20]})

    prices = prices_of(envelope([{**seen, "unit": "pack"}, {**seen, "unit": "carton", "collector": "b"}]))

    assert carton_prices(prices, sizes)["price"].sort().to_list() == [6.5, 78.0]
