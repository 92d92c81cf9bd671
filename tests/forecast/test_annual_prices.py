"""The price coefficient: observations, wider regions, the proxy without guide price, and none at all."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from services.forecast.domain.annual.prices import PriceInputs, coefficients, proxy_history
from tests.forecast.builders import regions

OBSERVED: dict[str, Any] = {
    "adcode": pl.String,
    "sku_code": pl.String,
    "observed_on": pl.Date,
    "price": pl.Float64,
    "weight": pl.Float64,
}
VOLUMES: dict[str, Any] = {"adcode": pl.String, "sku_code": pl.String, "year": pl.Int32, "quantity": pl.Float64}


def _inputs(
    observations: list[tuple[str, str, date, float, float]],
    guides: dict[str, float | None],
    units: list[tuple[str, str]],
    *,
    through: date = date(2025, 6, 30),
    volumes: list[tuple[str, str, int, float]] | None = None,
) -> PriceInputs:
    clocks = pl.DataFrame(
        [(number, region, sku, through, through.year) for number, (region, sku) in enumerate(units)],
        schema={
            "unit_id": pl.Int64,
            "region": pl.String,
            "sku_code": pl.String,
            "covered_through": pl.Date,
            "year": pl.Int32,
        },
        orient="row",
    )
    prices = pl.DataFrame(observations, schema=OBSERVED, orient="row")
    return PriceInputs(
        prices,
        pl.DataFrame(list(guides.items()), schema={"sku_code": pl.String, "price_guide": pl.Float64}, orient="row"),
        regions().reaching(pl.concat([prices["adcode"], clocks["region"]])),
        pl.DataFrame(volumes or [], schema=VOLUMES, orient="row"),
        clocks,
    )


def _only(inputs: PriceInputs) -> dict[str, Any]:
    return coefficients(inputs).row(0, named=True)


def test_k_is_the_mean_of_the_observations_against_the_guide_price() -> None:
    seen = [("340100", "s", date(2025, 6, 1), 90.0, 1.0), ("340100", "s", date(2025, 5, 1), 100.0, 1.0)]

    found = _only(_inputs(seen, {"s": 100.0}, [("340100", "s")]))

    assert found["coefficient"] == pytest.approx(0.95)
    assert found["price_source"] == "guide"
    assert (found["observed"], found["guide"]) == (95.0, 100.0)


def test_observations_count_by_the_volume_behind_them() -> None:
    seen = [("340100", "s", date(2025, 6, 1), 90.0, 3.0), ("340100", "s", date(2025, 5, 1), 110.0, 1.0)]

    found = _only(_inputs(seen, {"s": 100.0}, [("340100", "s")]))

    assert found["coefficient"] == pytest.approx(0.95)


def test_observations_before_the_window_and_after_the_clock_do_not_count() -> None:
    seen = [
        ("340100", "s", date(2025, 4, 1), 60.0, 1.0),
        ("340100", "s", date(2025, 4, 2), 90.0, 1.0),
        ("340100", "s", date(2025, 7, 1), 140.0, 1.0),
    ]

    found = _only(_inputs(seen, {"s": 100.0}, [("340100", "s")]))

    assert found["coefficient"] == pytest.approx(0.9)


def test_an_observation_outside_half_to_double_the_guide_price_is_not_valid() -> None:
    seen = [("340100", "s", date(2025, 6, 1), 49.0, 1.0), ("340100", "s", date(2025, 6, 1), 201.0, 1.0)]

    found = _only(_inputs(seen, {"s": 100.0}, [("340100", "s")]))

    assert (found["coefficient"], found["price_source"]) == (1.0, "none")


def test_a_region_without_observation_takes_the_parents_and_says_so() -> None:
    seen = [("340200", "s", date(2025, 6, 1), 110.0, 1.0)]

    found = _only(_inputs(seen, {"s": 100.0}, [("340100", "s")]))

    assert found["coefficient"] == pytest.approx(1.1)
    assert found["price_source"] == "parent"


def test_all_products_of_a_region_count_by_their_sales() -> None:
    seen = [("340100", "s", date(2025, 6, 1), 90.0, 1.0), ("340100", "t", date(2025, 6, 1), 220.0, 1.0)]
    sold = [("340100", "s", 2024, 3.0), ("340100", "t", 2024, 1.0)]

    found = _only(_inputs(seen, {"s": 100.0, "t": 200.0}, [("340100", "")], volumes=sold))

    assert found["coefficient"] == pytest.approx((3 * 90 + 220) / (3 * 100 + 200))


def test_without_any_price_k_is_one_with_a_flag() -> None:
    found = _only(_inputs([], {"s": 100.0}, [("340100", "s")]))

    assert (found["coefficient"], found["price_source"]) == (1.0, "none")


def test_without_guide_price_the_proxy_is_the_price_had_the_region_moved_with_the_nation() -> None:
    seen = [
        ("US-CA", "s", date(2023, 11, 1), 50.0, 1.0),
        ("US-CA", "s", date(2024, 11, 1), 66.0, 1.0),
        ("US-NV", "s", date(2023, 11, 1), 40.0, 1.0),
        ("US-NV", "s", date(2024, 11, 1), 44.0, 1.0),
    ]
    sold = [(place, "s", year, volume) for place, volume in (("US-CA", 3.0), ("US-NV", 1.0)) for year in (2023, 2024)]
    nation = {2023: (3 * 50 + 40) / 4, 2024: (3 * 66 + 44) / 4}

    found = _only(_inputs(seen, {"s": None}, [("US-CA", "s")], through=date(2025, 12, 30), volumes=sold))

    assert found["price_source"] == "proxy"
    assert found["guide"] == pytest.approx(50 * nation[2024] / nation[2023])
    assert found["coefficient"] == pytest.approx(66 / (50 * nation[2024] / nation[2023]))


def test_a_proxy_of_the_past_does_not_use_prices_of_its_own_year() -> None:
    seen = [("US-CA", "s", date(year, 11, 1), price, 1.0) for year, price in ((2022, 50.0), (2023, 55.0), (2024, 99.0))]
    seen += [("US-NV", "s", date(year, 11, 1), 40.0, 1.0) for year in (2022, 2023, 2024)]
    short = [each for each in seen if each[2].year < 2024]

    whole, before = (
        proxy_history(_inputs(each, {"s": None}, [("US-CA", "s")])).filter(pl.col("year") == 2024)
        for each in (seen, short)
    )

    assert whole["coefficient"].to_list() == before["coefficient"].to_list() != []
