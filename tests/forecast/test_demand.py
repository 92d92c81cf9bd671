"""Weekly demand: the panel, features without leakage, the model, its intervals and its back-test."""

from __future__ import annotations

import sys
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecast.domain.demand.backtest import baselines
from services.forecast.domain.demand.fallback import pooled_mean
from services.forecast.domain.demand.features import NAMES, Signals, compute
from services.forecast.domain.demand.forecasts import QUANTILES, forecast
from services.forecast.domain.demand.intervals import PROBABILITIES, Spread, quantiles_of_unknown
from services.forecast.domain.demand.model import DemandModel, DemandOptions, Rows
from services.forecast.domain.demand.panel import Panel
from services.forecast.domain.demand.training import TrainedDemand, can_train, train
from services.forecast.domain.market_calendar import days_to_spring_festival, monday_of, week_index, week_start
from services.forecast.domain.working_set import complete_weeks
from tests.forecast.builders import MONDAY, REAL, intermittent, weekly_panel

QUICK = DemandOptions(rows=20_000, check_rows=20_000, rounds=60)


def _members(panel: Panel, count: float) -> dict[str, np.ndarray]:
    return {name: np.full(len(panel.last), count) for name in ("sku", "region")}


def _metric(trained: TrainedDemand, metric: str, method: str = "xgboost", level: str = "sku_region") -> float:
    wanted = pl.col("metric") == metric, pl.col("method") == method, pl.col("level") == level, pl.col("horizon") == 0
    return float(trained.backtests.filter(*wanted)["value"][0])


@pytest.fixture(scope="module")
def synthetic() -> TrainedDemand:
    return train(weekly_panel(intermittent(120, 130), skus=12), QUICK)


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2025, 1, 29), 0), (date(2025, 1, 22), 7), (date(2025, 2, 5), -7), (date(2024, 12, 30), 30)],
)
def test_days_to_the_spring_festival_are_counted_to_the_nearest(day: date, expected: int) -> None:
    found = days_to_spring_festival(np.array([day], dtype="datetime64[D]"))

    assert found[0] == expected


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)))
def test_week_numbers_name_the_monday_of_the_iso_week(day: date) -> None:
    number = int(week_index(np.array([day], dtype="datetime64[D]"))[0])

    assert week_start(number) == monday_of(day) == day - timedelta(days=day.weekday())


def test_a_week_is_complete_from_the_configured_weekday_on() -> None:
    friday, saturday = date(2025, 3, 14), date(2025, 3, 15)
    clocks = pl.DataFrame({"market": ["a", "b"], "pool": ["p", "p"], "covered_through": [friday, saturday]})

    found = complete_weeks(clocks, closes_on=5)

    assert found["complete_week"].to_list() == [date(2025, 3, 3), date(2025, 3, 10)]


def test_weeks_before_the_first_sale_are_unknown_and_later_gaps_are_zero() -> None:
    panel = weekly_panel(np.array([[0, 0, 5, 0, 3.0], [1, 1, 1, 1, 1]]))

    assert np.isnan(panel.quantity[0, :2]).all()
    assert panel.quantity[0, 2:].tolist() == [5, 0, 3]


def test_a_week_in_which_a_busy_market_is_silent_is_unknown() -> None:
    demand = np.ones((6, 60))
    demand[:, 30] = 0

    panel = weekly_panel(demand)

    assert np.isnan(panel.quantity[:, 30]).all()


def test_a_quiet_market_may_sell_nothing_in_a_week() -> None:
    demand = np.ones((2, 60))
    demand[:, 30] = 0

    assert (weekly_panel(demand).quantity[:, 30] == 0).all()


def test_changing_the_future_does_not_change_features_of_the_past() -> None:
    demand = intermittent(30, 120)
    changed = demand.copy()
    changed[:, 100:] = np.random.default_rng(9).integers(0, 500, changed[:, 100:].shape)
    rows = np.arange(30), np.full(30, 99), np.tile([1, 2, 3], 10)

    before, after = (compute(Signals.of(weekly_panel(each, skus=5)), *rows) for each in (demand, changed))

    assert np.allclose(before, after, rtol=1e-5, equal_nan=True)


def test_a_forecast_made_before_does_not_change_with_the_future(synthetic: TrainedDemand) -> None:
    demand = intermittent(30, 120)
    changed = demand.copy()
    changed[:, 100:] *= 7
    rows = Rows(np.arange(30), np.full(30, 99), np.tile([1, 2, 3], 10))

    panels = [weekly_panel(each, skus=5) for each in (demand, changed)]
    (mean, quantiles), (other, others) = (synthetic.model.forecast(Signals.of(each), rows) for each in panels)
    hidden, _ = synthetic.model.forecast(Signals.of(panels[1].until(20)), rows)

    assert np.allclose(mean, other, rtol=1e-5)
    assert np.allclose(mean, hidden, rtol=1e-5)
    assert np.allclose(quantiles, others, rtol=1e-5)


@settings(max_examples=15)
@given(scale=st.sampled_from([0.5, 4.0, 200.0, 50_000.0]))
def test_the_base_unit_does_not_matter(synthetic: TrainedDemand, scale: float) -> None:
    demand = intermittent(20, 90)
    rows = Rows(np.arange(20), np.full(20, 89), np.ones(20, dtype=np.int64))

    small, _ = synthetic.model.forecast(Signals.of(weekly_panel(demand)), rows)
    large, _ = synthetic.model.forecast(Signals.of(weekly_panel(demand * scale)), rows)

    assert np.allclose(large, small * scale, rtol=1e-3, atol=1e-9)


def test_the_baselines_are_the_last_week_and_the_week_a_year_ago() -> None:
    demand = np.arange(1.0, 121.0)[None, :]
    rows = Rows(np.array([0]), np.array([110]), np.array([2]))

    found = baselines(Signals.of(weekly_panel(demand)), rows)

    assert found["naive"][0] == 111
    assert found["seasonal_naive"][0] == 1 + 110 + 2 - 52
    assert found["mean_13"][0] == pytest.approx(np.mean(np.arange(99, 112)))


def test_on_synthetic_demand_the_model_beats_both_naive_forecasts(synthetic: TrainedDemand) -> None:
    model, naive, seasonal = (_metric(synthetic, "wape", name) for name in ("xgboost", "naive", "seasonal_naive"))

    assert model < naive
    assert model < seasonal
    assert _metric(synthetic, "skill_vs_seasonal_naive") == pytest.approx(1 - model / seasonal)


def test_intervals_hold_their_share_of_weeks_not_used_to_make_them(synthetic: TrainedDemand) -> None:
    assert 0.72 <= _metric(synthetic, "coverage_80_steady") <= 0.88
    assert _metric(synthetic, "coverage_80") >= 0.76
    assert _metric(synthetic, "coverage_95") >= 0.92


def test_training_again_on_the_same_history_gives_the_same_model(synthetic: TrainedDemand) -> None:
    again = train(weekly_panel(intermittent(120, 130), skus=12), QUICK)

    assert again.model.version == synthetic.model.version


def test_a_kept_model_forecasts_what_it_forecast_before(synthetic: TrainedDemand) -> None:
    signals = Signals.of(weekly_panel(intermittent(10, 80)))
    rows = Rows(np.arange(10), np.full(10, 79), np.full(10, 4))

    again = DemandModel.from_bytes(synthetic.model.to_bytes())

    assert again.version == synthetic.model.version
    assert all(
        np.array_equal(*pair)
        for pair in zip(again.forecast(signals, rows), synthetic.model.forecast(signals, rows), strict=True)
    )


def test_a_model_of_other_features_is_refused(synthetic: TrainedDemand) -> None:
    content = synthetic.model.to_bytes().replace(NAMES[0].encode(), b"distance", 1)

    with pytest.raises(ValueError, match="train again"):
        DemandModel.from_bytes(content)


def test_a_short_history_is_not_trained_on() -> None:
    assert not can_train(weekly_panel(intermittent(200, 20)))
    assert not can_train(weekly_panel(intermittent(3, 60)))


def test_quantiles_rise_and_are_never_negative(synthetic: TrainedDemand) -> None:
    panel = weekly_panel(intermittent(50, 90, seed=5))

    made = forecast(panel, synthetic.model, _members(panel, 2), horizon=4)

    quantiles = made.select(QUANTILES).to_numpy()
    assert (quantiles >= 0).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert made["horizon"].to_list() == sorted(made["horizon"].to_list())
    assert made.filter(pl.col("horizon") == 1)["period"].unique().to_list() == [MONDAY + timedelta(weeks=90)]


def test_a_series_with_one_week_is_forecast_by_the_model(synthetic: TrainedDemand) -> None:
    demand = np.zeros((3, 60))
    demand[0, 59], demand[1:, :] = 12, 5

    made = forecast(weekly_panel(demand), synthetic.model, _members(weekly_panel(demand), 1), horizon=2)

    first = made.filter(pl.col("series_id") == 0)
    assert first["method"].to_list() == ["xgboost"] * 2
    assert (first["value"] > 0).all()


def test_a_series_that_began_in_this_unfinished_week_gets_the_pooled_mean(synthetic: TrainedDemand) -> None:
    demand = np.full((4, 30), 10.0)
    demand[0, :] = 0
    panel = weekly_panel(demand)
    panel.to_date[0] = 6

    made = forecast(panel, synthetic.model, _members(panel, 4), horizon=4).filter(pl.col("series_id") == 0)

    assert made["method"].to_list() == ["pooled_mean"] * 4
    assert made["model_version"].to_list() == ["pooled_mean"] * 4
    assert (made["value"] > 0).all()
    assert made["value"][0] >= 6


def test_without_a_model_everything_gets_the_pooled_mean() -> None:
    panel = weekly_panel(np.full((4, 30), 10.0))

    made = forecast(panel, None, _members(panel, 1), horizon=4)

    assert set(made["method"]) == {"pooled_mean"}
    assert made["value"].to_list() == pytest.approx([10.0] * 16)


def test_what_the_unfinished_week_has_brought_is_a_floor_of_its_forecast() -> None:
    panel = weekly_panel(np.full((1, 30), 10.0))
    panel.to_date[0] = 50

    made = forecast(panel, None, _members(panel, 1), horizon=2)

    assert made["value"].to_list() == pytest.approx([50.0, 10.0])
    assert made["q0.025"][0] == 50


def test_the_pooled_mean_draws_a_young_series_towards_its_product() -> None:
    demand = np.zeros((2, 30))
    demand[0, 28:], demand[1, :] = 40, 10
    panel = weekly_panel(demand, skus=1)

    found = pooled_mean(Signals.of(panel), np.array([0]), _members(panel, 2))

    pool = (13 * 10 + 2 * 40) / 13 / 2
    assert found[0] == pytest.approx((2 * 40 + 4 * pool) / 6)


@given(st.floats(0.0, 1e9))
def test_of_an_unknown_only_the_mean_decides_the_interval(mean: float) -> None:
    found = quantiles_of_unknown(np.array([mean]))[0]

    assert (np.diff(found) >= 0).all()
    assert found[2] == pytest.approx(mean * np.log(2))


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_a_spread_covers_what_it_was_learnt_from(seed: int) -> None:
    rng = np.random.default_rng(seed)
    missed, horizon = rng.gamma(2, 0.5, 3000), rng.integers(1, 5, 3000)
    pool, orders = np.full(3000, "a"), rng.random(3000) * 10

    spread = Spread.learn(pool, orders, horizon, missed)

    found = spread.quantiles(pool, orders, horizon, np.ones(3000))
    for place, probability in enumerate(PROBABILITIES):
        assert abs((missed <= found[:, place]).mean() - probability) < 0.02
    again = Spread.from_dict(spread.as_dict())
    assert np.array_equal(again.quantiles(pool, orders, horizon, np.ones(3000)), found)


def test_the_interval_of_a_mostly_empty_series_holds_its_forecast() -> None:
    rng = np.random.default_rng(7)
    missed = np.where(rng.random(3000) < 0.95, 0.0, 20.0)
    pool, orders, horizon = np.full(3000, "a"), np.ones(3000), np.ones(3000, dtype=np.int64)

    found = Spread.learn(pool, orders, horizon, missed).quantiles(pool, orders, horizon, np.full(3000, 100.0))

    assert (found[:, 1] <= 100.0).all()
    assert (found[:, 3] >= 100.0).all()


def _iowa(counties: int) -> Panel:
    sales = pl.concat(pl.read_parquet(path) for path in sorted((REAL / "iowa_spirits").glob("sales-*.parquet")))
    chosen = sales["county_fips"].unique().sort()[::4].head(counties)
    cells = sales.filter(pl.col("county_fips").is_in(chosen.implode())).select(
        "item_code", "county_fips", week=pl.col("monday").str.to_date(), volume="volume_ml"
    )
    first, last = cells["week"].min(), cells["week"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    items, places = (cells[name].unique().sort() for name in ("item_code", "county_fips"))
    demand = np.zeros((len(places), len(items), (last - first).days // 7 + 1))
    place = (
        places.search_sorted(cells["county_fips"]).to_numpy(),
        items.search_sorted(cells["item_code"]).to_numpy(),
        (cells["week"] - first).dt.total_days().to_numpy() // 7,
    )
    np.add.at(demand, place, cells["volume"].to_numpy())
    flat = demand.reshape(-1, demand.shape[2])
    return weekly_panel(flat, skus=len(items), first=first)


def test_on_real_orders_of_iowa_the_model_beats_both_naive_forecasts_and_covers() -> None:
    trained = train(_iowa(20), DemandOptions(rows=60_000, check_rows=60_000, rounds=100))

    names = ("xgboost", "naive", "seasonal_naive", "mean_13")
    wape = {name: round(_metric(trained, "wape", name), 4) for name in names}
    coverage = {name: round(_metric(trained, name), 3) for name in ("coverage_80", "coverage_80_steady", "coverage_95")}
    sys.stdout.write(f"demand, Iowa, 20 counties, unseen weeks: wape {wape}, coverage {coverage}\n")
    assert wape["xgboost"] < min(wape["naive"], wape["seasonal_naive"])
    assert coverage["coverage_80"] >= 0.77
    assert 0.7 <= coverage["coverage_80_steady"] <= 0.9
    assert coverage["coverage_95"] >= 0.92
