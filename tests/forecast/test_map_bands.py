"""Bands of the map, and which values it shows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from services.forecast.domain.annual.bands import STICK_LIMITS, band_of, bands, limits_of, scale_of
from services.forecast.domain.map_feed import VALUES, map_feed
from tests.forecast.builders import regions

STICKS = scale_of("stick")


@pytest.mark.parametrize(
    ("value", "band"),
    [
        (0.0, "<1"),
        (0.999999, "<1"),
        (1.0, "1-5"),
        (4.999999, "1-5"),
        (5.0, "5-8"),
        (7.999999, "5-8"),
        (8.0, "8-10"),
        (9.999999, "8-10"),
        (10.0, ">=10"),
        (4900.0, ">=10"),
    ],
)
def test_bands_are_half_open(value: float, band: str) -> None:
    number = band_of(np.array([value]), STICK_LIMITS)[0]

    assert bands(STICK_LIMITS, STICKS)[number].name == band


def test_the_bands_touch_and_leave_no_gap() -> None:
    scheme = bands(STICK_LIMITS, STICKS)

    assert [band.color_key for band in scheme] == [0, 1, 2, 3, 4]
    assert [band.high for band in scheme[:-1]] == [band.low for band in scheme[1:]]
    assert scheme[0].low is None
    assert scheme[-1].high is None
    assert scheme[-1].label_zh == "10万箱以上"


def test_ten_thousand_cases_are_half_a_billion_sticks() -> None:
    assert 500_000_000 / STICKS.divisor == 1.0


def test_limits_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="must rise"):
        bands((5.0, 1.0), STICKS)


def test_other_units_are_cut_into_fifths_unless_configured() -> None:
    values = np.arange(1.0, 101.0)

    found = limits_of(values, scale_of("bottle"))

    assert found == pytest.approx([21.0, 41.0, 60.0, 80.0], abs=1.0)
    assert limits_of(values, scale_of("bottle"), (7.0,)) == [7.0]


def _values(*rows: tuple[str, str, int, float]) -> pl.DataFrame:
    known = [(region, unit, year, value, True, "annual-1") for region, unit, year, value in rows]
    return pl.DataFrame(known, schema=VALUES, orient="row")


def test_the_map_shows_the_newest_year_of_the_highest_level_below_the_country() -> None:
    values = _values(
        ("CN", "stick", 2026, 12.0),
        ("340000", "stick", 2026, 9.0),
        ("340000", "stick", 2025, 4.0),
        ("340100", "stick", 2026, 2.0),
    )

    feed = map_feed(values, regions(), stick_limits=STICK_LIMITS, unit_limits={})

    assert (feed.level, feed.levels) == ("province", ["country", "province", "prefecture"])
    assert (feed.year, feed.years) == (2026, [2025, 2026])
    assert feed.regions.select("region", "band", "color_key").rows() == [("340000", "8-10", 3)]
    assert [band.name for band in feed.bands] == [">=10", "8-10", "5-8", "1-5", "<1"]


def test_bottles_are_not_shown_beside_sticks() -> None:
    values = _values(
        ("340000", "stick", 2026, 9.0), ("US-CA", "millilitre", 2026, 5e9), ("US-NV", "millilitre", 2026, 6e9)
    )

    feed = map_feed(values, regions(), stick_limits=STICK_LIMITS, unit_limits={})

    assert feed.regions["region"].to_list() == ["340000"]
    assert feed.unit == "wan_case"


def test_a_market_without_sticks_gets_bands_of_its_own() -> None:
    values = _values(("US-CA", "bottle", 2026, 50.0), ("US-NV", "bottle", 2026, 10.0))

    feed = map_feed(values, regions(), stick_limits=STICK_LIMITS, unit_limits={"bottle": (20.0,)})

    assert dict(feed.regions.select("region", "band").rows()) == {"US-CA": ">=20", "US-NV": "<20"}


def test_an_empty_map_has_bands_and_no_regions() -> None:
    feed = map_feed(_values(), regions(), stick_limits=STICK_LIMITS, unit_limits={})

    assert feed.regions.is_empty()
    assert feed.year == 0
    assert len(feed.bands) == 5
