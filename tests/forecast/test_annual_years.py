"""Years, the inner model and the forecasts made of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from services.forecast.domain.annual.backtest import TrainedAnnual, train
from services.forecast.domain.annual.blend import Method
from services.forecast.domain.annual.forecasts import forecast, from_bytes, to_bytes, untrained
from services.forecast.domain.annual.inner import Cases, InnerModel, drift, train_inner
from services.forecast.domain.annual.panel import AnnualPanel, build_annual_panel
from services.forecast.domain.annual.prices import PriceInputs, proxy_history
from services.forecast.domain.regions import Regions
from tests.forecast.builders import REAL, annual_panel, told_by_year_and_month

NAN = float("nan")
WAN = 500_000_000.0
NO_PRICES = pl.DataFrame(
    schema={
        "unit_id": pl.Int64,
        "coefficient": pl.Float64,
        "price_source": pl.String,
        "observed": pl.Float64,
        "guide": pl.Float64,
    }
)


def _months(growth: float = 1.1, years: int = 3, units: int = 1) -> np.ndarray:
    season = 100 + 10 * np.arange(12.0)
    return np.stack([np.stack([season * growth**year for year in range(years)]) for _ in range(units)])


def _real_panel() -> AnnualPanel:
    """Cigarette sales of the United States and its states, 1970-2014, with the price proxy of each year."""
    sales = pl.read_parquet(REAL / "us_cigarettes" / "annual.parquet").sort("state", "year")
    wide = sales.pivot(on="year", index="state", values="packs")
    states = wide.drop("state").to_numpy().astype(np.float64) * 20
    unit = {state: number + 1 for number, state in enumerate(wide["state"])}
    rates = proxy_history(_real_prices(sales, unit))
    known = {(row[0], row[1]): row[2] for row in rates.select("unit_id", "year", "coefficient").iter_rows()}
    return annual_panel(np.vstack([states.sum(axis=0), states]), first_year=1970, coefficients=known)


def _real_prices(sales: pl.DataFrame, unit: dict[str, int]) -> PriceInputs:
    priced = sales.select(
        adcode="state",
        sku_code=pl.lit("US-CIG"),
        observed_on=pl.date("year", 11, 1),
        price="price_usd",
        weight=pl.lit(1.0),
    )
    volumes = sales.select(
        adcode="state", sku_code=pl.lit("US-CIG"), year=pl.col("year").cast(pl.Int32), quantity=pl.col("packs") * 20.0
    )
    clocks = pl.DataFrame({"region": list(unit), "unit_id": list(unit.values())}).with_columns(
        sku_code=pl.lit("US-CIG"), covered_through=pl.date(2014, 12, 31), year=pl.lit(2015, dtype=pl.Int32)
    )
    guides = pl.DataFrame({"sku_code": ["US-CIG"], "price_guide": [None]}, schema_overrides={"price_guide": pl.Float64})
    country = pl.DataFrame({"adcode": ["US", *unit], "parent": [None, *["US"] * len(unit)]})
    whole = Regions.of(country.with_columns(level=pl.lit("province")))
    return PriceInputs(priced, guides, whole.reaching(priced["adcode"]), volumes, clocks)


def _one(panel: AnnualPanel, trained: TrainedAnnual, prices: pl.DataFrame = NO_PRICES) -> dict[str, object]:
    made = forecast(panel, trained, prices)
    return made.filter(pl.col("method") == "patent_v1").row(0, named=True)


def test_a_year_told_by_months_is_their_sum() -> None:
    months = _months()

    panel = annual_panel(months.sum(axis=2), months=months)

    assert panel.year_at(1)[0] == pytest.approx(months[0, 2].sum())
    assert (panel.first_year + panel.column[0], panel.elapsed[0]) == (2013, 0)


def test_in_the_middle_of_a_year_that_year_is_forecast() -> None:
    months = _months()
    months[0, 2, 5:] = np.nan

    panel = annual_panel(months.sum(axis=2), months=months, through=date(2012, 5, 31))

    assert (panel.first_year + panel.column[0], panel.elapsed[0]) == (2012, 5)
    assert np.isnan(panel.years[0, panel.column[0]])


def test_a_covered_month_without_sales_is_zero_not_unknown() -> None:
    months = _months()
    months[0, 1, 6] = np.nan

    panel = annual_panel(months.sum(axis=2), months=months)

    assert panel.months_at(2)[0, 6] == 0
    assert panel.year_at(2)[0] == pytest.approx(np.nansum(months[0, 1]))


def test_a_unit_told_by_year_is_forecast_from_its_years_when_its_region_is_further() -> None:
    panel = annual_panel(np.array([[100.0, 110.0]]) * WAN, first_year=2011, through=date(2013, 4, 30))

    made = _one(panel, untrained())

    assert (made["year"], made["last_year"]) == (2013, 110.0)
    assert made["inner"] == pytest.approx(121.0, rel=0.01)


def test_a_year_told_by_year_and_by_month_counts_once() -> None:
    units, cells = told_by_year_and_month(year=1200.0, month=100.0)
    nothing = pl.DataFrame(schema={"unit_id": pl.Int64, "year": pl.Int32, "coefficient": pl.Float64})

    panel = build_annual_panel(units, cells, nothing)

    assert panel.year_at(1)[0] == 1200.0


def test_the_inner_forecast_is_what_was_sold_plus_the_rest() -> None:
    months = _months(growth=1.2)
    months[0, 2, 6:] = np.nan
    panel = annual_panel(months.sum(axis=2), months=months, through=date(2012, 6, 30))

    inner = InnerModel(None).forecast(panel)[0]

    sold = np.nansum(months[0, 2])
    assert inner > sold
    assert inner == pytest.approx(_months(growth=1.2)[0, 2].sum(), rel=0.02)


def test_drift_alone_serves_until_there_are_years_to_learn_from() -> None:
    panel = annual_panel(np.array([[100.0, 110.0, 121.0]]) * WAN)

    made = _one(panel, untrained())

    assert made["inner"] == pytest.approx(133.1, rel=0.01)
    assert made["last_year"] == pytest.approx(121.0)
    assert made["year_before"] == pytest.approx(110.0)
    assert made["value"] == pytest.approx(0.2 * 121 + 0.3 * 110 + 0.5 * made["inner"])
    assert made["unit"] == "wan_case"
    assert made["band"] == ">=10"
    assert "missing_price" in made["flags"]
    assert made["reliable_reason"] == "no_monthly_values"


def test_a_single_year_is_too_little_and_the_forecast_says_so() -> None:
    panel = annual_panel(np.array([[NAN, NAN, 121.0]]))

    made = _one(panel, untrained())

    assert "missing_year_before" in made["flags"]
    assert made["value"] is not None

    nothing = _one(annual_panel(np.array([[121.0, NAN, NAN]])), untrained())
    assert nothing["value"] is None
    assert "not_applicable" in nothing["flags"]
    assert nothing["band"] == ""


def test_the_price_coefficient_moves_the_forecast_and_is_flagged_when_unusual() -> None:
    panel = annual_panel(np.array([[10.0, 10.0, 10.0]]) * WAN)
    prices = pl.DataFrame(
        {"unit_id": [0], "coefficient": [1.3], "price_source": ["guide"], "observed": [130.0], "guide": [100.0]}
    )

    made = _one(panel, untrained(), prices)

    assert made["value"] == pytest.approx(13.0, rel=1e-6)
    assert "price_out_of_range" in made["flags"]


def test_configured_weights_replace_those_of_the_patent() -> None:
    panel = annual_panel(np.array([[8.0, 10.0, 20.0]]) * WAN)

    made = forecast(panel, untrained(), NO_PRICES, weights=(Method("patent_v1", (1.0, 0.0, 0.0)),))

    assert made["value"][0] == pytest.approx(20.0)
    assert made["weights"][0].to_list() == [1.0, 0.0, 0.0]


def test_a_monthly_source_has_a_correlation_and_is_reliable() -> None:
    months = _months()

    made = _one(annual_panel(months.sum(axis=2), months=months), untrained())

    assert made["correlation"] == pytest.approx(1.0)
    assert made["reliable"]


def test_changing_the_future_does_not_change_a_forecast_made_before() -> None:
    panel, other = _real_panel(), _real_panel()
    column = 40
    other.years[:, column:] *= np.random.default_rng(1).uniform(0.3, 3.0, other.years[:, column:].shape)

    made = [train_inner(each.before(column), until=column, threads=1, seed=7) for each in (panel, other)]
    values = [model.forecast(each.before(column)) for model, each in zip(made, (panel, other), strict=True)]

    assert made[0].version == made[1].version
    assert np.array_equal(*values)
    assert np.isfinite(values[0]).all()


def test_past_cases_are_learnt_from_earlier_years_only() -> None:
    panel, other = _real_panel(), _real_panel()
    other.years[:, 40:] = np.nan

    made = [train_inner(each, until=40, threads=1, seed=7).version for each in (panel, other)]

    assert made[0] == made[1]


@pytest.fixture(scope="module")
def trained() -> TrainedAnnual:
    return train(_real_panel())


def _metric(trained: TrainedAnnual, method: str, metric: str) -> float:
    wanted = pl.col("level") == "region", pl.col("method") == method, pl.col("metric") == metric
    rows = trained.backtests.filter(*wanted)
    return float(rows["value"][0])


def test_on_real_years_the_inner_model_beats_naive_and_drift(trained: TrainedAnnual) -> None:
    inner, naive, by_drift = (_metric(trained, name, "wape") for name in ("xgboost", "naive", "drift"))

    told = f"annual wape, unseen years: xgboost {inner:.4f}, naive {naive:.4f}, drift {by_drift:.4f}"
    sys.stdout.write(f"{told}\n")
    assert inner < naive
    assert inner < by_drift


def test_on_real_years_the_intervals_hold_about_their_nominal_share(trained: TrainedAnnual) -> None:
    coverage = {method: round(share["region"], 3) for method, share in trained.kinds["stick"].coverage.items()}

    sys.stdout.write(f"annual coverage of 80 % intervals: {coverage}\n")
    assert coverage.keys() == {"patent_v1", "patent_v1_swapped", "fitted", "xgboost"}
    assert all(0.7 <= value <= 0.97 for value in coverage.values())


def test_a_kept_model_forecasts_what_it_forecast_before(trained: TrainedAnnual) -> None:
    panel = _real_panel()

    again = from_bytes(to_bytes(trained))

    assert again.version == trained.version
    assert forecast(panel, again, NO_PRICES).equals(forecast(panel, trained, NO_PRICES))


def test_each_base_unit_learns_for_itself() -> None:
    sticks = np.random.default_rng(2).uniform(90, 110, (40, 12)) * WAN
    panel = annual_panel(sticks)
    bottles = panel.units.with_columns(
        base_unit=pl.when(pl.col("unit_id") < 20).then(pl.lit("bottle")).otherwise("base_unit")
    )
    top = np.where(np.arange(40) < 20, 0, 20)

    both = train(replace(panel, units=bottles, top=top))
    alone = train(replace(panel, units=bottles, top=top).of_base_unit("stick"))

    assert both.kinds.keys() == {"bottle", "stick"}
    assert both.kinds["stick"].inner.version == alone.kinds["stick"].inner.version
    assert both.kinds["stick"].spread == alone.kinds["stick"].spread


def test_a_back_test_knows_as_many_months_as_the_forecast_year_has_shown() -> None:
    months = _months(years=4)
    months[0, 3, 7:] = np.nan
    panel = annual_panel(months.sum(axis=2), months=months, through=date(2013, 7, 31))

    past = panel.before(int(panel.column[0]) - 1)

    assert past.elapsed[0] == 7
    assert np.isfinite(past.months_at(0)[0]).tolist() == [True] * 7 + [False] * 5
    assert np.isnan(past.year_at(0)[0])


def test_drift_is_bounded() -> None:
    panel = annual_panel(np.array([[1.0, 1e6, 1e12]]))
    cases = Cases(np.array([0]), np.array([3]), np.array([0]))

    assert abs(drift(panel, cases)[0]) <= 0.5
