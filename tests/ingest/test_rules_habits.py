"""Rules that look beyond one record: what is usual, what several sources say, what is missing, where a place lies."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.cleaning.habits import Habits
from services.ingest.domain.keeping.completeness import partial_days
from services.ingest.domain.keeping.fusion import FusionRule, fuse
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.values.coordinates import to_gcj02, to_wgs84
from services.ingest.sources import MappingFault
from services.ingest.sources.mapping_files import read_mapping
from tests.ingest.builders import NOW, clean_rows, directory, rules, sale, shop

TODAY = date(2025, 3, 31)


def _sold(*packs: int, day: str = "2025-03-15") -> list[dict[str, Any]]:
    return [
        sale(order_no=f"P{place}", qty=qty, amount=f"{26 * qty}.00", sold_at=f"{day}T11:00:00Z")
        for place, qty in enumerate(packs)
    ]


def _used_to(*packs: int, day: str = "2025-03-15") -> Any:
    known = directory()
    known.habits.note("pos_sale", clean_rows("pos_sale", *_sold(*packs, day=day)).accepted)
    known.habits.fold()
    return known


USUAL = (1, 2, 1, 3, 2, 1, 2, 4, 1, 2, 2, 3, 1, 2, 1, 2, 3, 2, 1, 2)


@pytest.mark.parametrize(("packs", "fires"), [(10, False), (11, True)])
def test_dq23_a_quantity_far_above_the_usual_is_marked_and_taken(packs: int, fires: bool):
    # Median 2 packs, median deviation 1 pack: 2 + 6 x 1.4826 = 10.9 packs.
    result = clean_rows("pos_sale", *_sold(packs), directory=_used_to(*USUAL))

    assert result.receipt.accepted == 1
    assert rules(result) == ({"DQ-23": "warn"} if fires else {})
    assert ("DQ-23" in result.accepted["quality_rules"][0]) is fires


def test_dq23_a_weekday_has_habits_of_its_own():
    known = _used_to(*USUAL, day="2025-03-14")

    assert rules(clean_rows("pos_sale", *_sold(500), directory=known)) == {}


def test_dq23_where_most_are_the_same_the_mean_deviation_counts():
    known = _used_to(*[1] * 19, 3)

    assert rules(clean_rows("pos_sale", *_sold(1), directory=known)) == {}
    assert rules(clean_rows("pos_sale", *_sold(40), directory=known)) == {"DQ-23": "warn"}


@pytest.mark.parametrize("packs", [USUAL[:19], [2] * 30])
def test_dq23_too_few_or_all_the_same_tell_no_habit(packs: list[int]):
    assert rules(clean_rows("pos_sale", *_sold(5000), directory=_used_to(*packs))) == {}


def test_dq23_memory_is_bounded():
    habits = Habits(cells=5)
    rows = pl.DataFrame(
        {
            "sku_code": [f"S{n % 7}" for n in range(3000)],
            "adcode": "340100",
            "biz_date": date(2025, 3, 15),
            "qty_base": [n % 13 for n in range(3000)],
        }
    )
    for _ in range(100):
        habits.note("pos_sale", rows)

    habits.fold()

    assert len(habits) == 5 * 40
    assert np.isfinite(habits.least("pos_sale"))


def _said(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    columns = ["record_key", "source", "hours", "value"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_columns(occurred_at=pl.lit(NOW) - pl.duration(hours=pl.col("hours"))).drop("hours")


def test_dq26_the_mean_treats_sources_alike_and_keeps_what_each_said():
    fused = fuse(_said(("k", "erp", 0, 100), ("k", "wms", 0, 110)), FusionRule(form="mean"))

    row = fused.values.row(0, named=True)
    assert row["value"] == pytest.approx(105)
    assert row["spread"] == pytest.approx(5 / 105)
    assert json.loads(row["inputs"]) == [
        {"source": "erp", "value": 100.0, "weight": 0.5},
        {"source": "wms", "value": 110.0, "weight": 0.5},
    ]


def test_dq26_weights_are_reliability_times_recency():
    rule = FusionRule(reliability=(("erp", 0.5),), half_life_h=24, max_spread=1)

    fused = fuse(_said(("k", "erp", 0, 100), ("k", "wms", 24, 110)), rule)
    newer = fuse(_said(("k", "erp", 0, 100), ("k", "wms", 0, 110)), rule)

    assert fused.values["value"][0] == pytest.approx(105)
    assert newer.values["value"][0] == pytest.approx((0.5 * 100 + 110) / 1.5)


def test_dq26_of_one_source_the_newest_counts_and_one_source_alone_is_right():
    fused = fuse(_said(("k", "erp", 5, 1), ("k", "erp", 0, 100)), FusionRule())

    assert fused.values["value"].to_list() == [100.0]
    assert fused.values["spread"].to_list() == [0.0]


@pytest.mark.parametrize(("other", "is_disputed"), [(110, False), (160, True), (0, True)])
def test_dq26_a_spread_over_the_limit_is_for_a_person(other: float, is_disputed: bool):
    fused = fuse(_said(("k", "erp", 0, 100), ("k", "wms", 0, other)), FusionRule(form="mean"))

    assert fused.disputed.height == int(is_disputed)
    assert fused.values.height == int(not is_disputed)


def test_dq26_nothing_and_nothing_agree():
    assert fuse(_said(("k", "erp", 0, 0), ("k", "wms", 0, 0)), FusionRule()).disputed.is_empty()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 90), st.floats(0, 1e6)), min_size=1, max_size=6))
def test_dq26_a_fused_value_lies_between_its_inputs_and_weights_add_up(inputs: list[tuple[str, int, float]]):
    fused = fuse(_said(*[("k", source, hours, value) for source, hours, value in inputs]), FusionRule())

    row = pl.concat([fused.values, fused.disputed]).row(0, named=True)
    said = json.loads(row["inputs"])
    assert sum(each["weight"] for each in said) == pytest.approx(1, abs=1e-5)
    values = [each["value"] for each in said]
    assert min(values) - 1e-6 <= row["value"] <= max(values) + 1e-6


def _month(**other: int) -> dict[date, int]:
    counts = {TODAY - timedelta(days=ago): 1000 for ago in range(1, 29)}
    return counts | {date.fromisoformat(day.replace("_", "-").removeprefix("d")): count for day, count in other.items()}


@pytest.mark.parametrize(("count", "partial"), [(1000, False), (900, False), (899, True), (0, True)])
def test_dq40_a_day_with_less_than_nine_tenths_of_the_usual_is_partial(count: int, partial: bool):
    assert (partial_days(_month(d2025_03_20=count), TODAY) == [date(2025, 3, 20)]) is partial


def test_dq40_partial_days_come_newest_first_and_today_is_not_over():
    counts = {**_month(d2025_03_20=1, d2025_03_28=1), TODAY: 3}

    assert partial_days(counts, TODAY) == [date(2025, 3, 28), date(2025, 3, 20)]


def test_dq40_a_source_that_rests_on_weekends_is_complete():
    working = {day: count for day, count in _month().items() if day.weekday() < 5}
    missed = {day: count for day, count in working.items() if day != date(2025, 3, 19)}

    assert partial_days(working, TODAY) == []
    assert partial_days(missed, TODAY) == [date(2025, 3, 19)]


@pytest.mark.parametrize("days", [0, 6])
def test_dq40_a_new_source_has_no_habit_yet(days: int):
    assert partial_days({TODAY - timedelta(days=ago): ago * 100 for ago in range(1, days + 1)}, TODAY) == []


def test_gcj02_is_where_the_map_services_show_a_place():
    # Tiananmen: WGS-84 116.3912, 39.9072 is shown at 116.39745, 39.9086.
    east, north = to_gcj02(np.array([116.3912]), np.array([39.9072]))

    assert (east[0], north[0]) == (pytest.approx(116.39745, abs=1e-4), pytest.approx(39.9086, abs=1e-4))


@given(st.floats(74, 134), st.floats(4, 53))
def test_a_place_comes_back_from_gcj02_to_a_centimetre(lon: float, lat: float):
    there = to_gcj02(np.array([lon]), np.array([lat]))

    east, north = to_wgs84(*there, "gcj02")

    assert abs(east[0] - lon) < 1e-7
    assert abs(north[0] - lat) < 1e-7


def test_bd09_lies_on_top_of_gcj02():
    # Baidu's own example: BD-09 116.404, 39.915 is GCJ-02 116.39763, 39.90866.
    east, north = to_wgs84(np.array([116.404]), np.array([39.915]), "bd09")
    again = to_gcj02(east, north)

    assert (again[0][0], again[1][0]) == (pytest.approx(116.39763, abs=2e-5), pytest.approx(39.90866, abs=2e-5))


def test_outside_china_no_service_shifts():
    lons, lats = to_wgs84(np.array([2.35, np.nan]), np.array([48.85, np.nan]), "gcj02")

    assert (lons[0], lats[0]) == (2.35, 48.85)
    assert np.isnan(lons[1])


def test_dq14_coordinates_of_a_map_service_are_converted_and_kept_as_given():
    result = clean_rows("retailer", shop(lon=117.28, lat=31.86), coordinates="gcj02")

    row = result.accepted.row(0, named=True)
    assert row["lon"] == pytest.approx(117.2747, abs=1e-3)
    assert json.loads(row["originals"]) == {"lon": "117.28", "lat": "31.86"}
    assert rules(result) == {"DQ-14": "repair"}


BOXES = Regions.from_csv(b"adcode,parent,west,south,east,north\n340000,,,,,\n340100,340000,116.6,30.9,118.0,32.6\n")


@pytest.mark.parametrize(
    ("lon", "adcode", "fires"),
    [(117.28, "340100", False), (119.0, "340100", True), (119.0, "340111", True), (119.0, "340000", False)],
)
def test_dq14_a_place_lies_in_the_box_of_its_region(lon: float, adcode: str, fires: bool):
    result = clean_rows("retailer", shop(lon=lon, adcode=adcode), regions=BOXES)

    assert rules(result) == ({"DQ-14": "warn"} if fires else {})


MAPPING = "source: crm\nkind: warehouse\ncoordinates: {}\nfields:\n  wh_code: {{from: code}}\n"


def test_a_mapping_names_the_system_of_its_coordinates():
    assert read_mapping(MAPPING.format("bd09"), "a.yaml").coordinates == "bd09"
    with pytest.raises(MappingFault, match=r"a\.yaml:3: coordinates is one of wgs84, gcj02, bd09"):
        read_mapping(MAPPING.format("mars"), "a.yaml")
