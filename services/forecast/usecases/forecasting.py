"""Forecasts what has changed, with the models in use."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from services.forecast.domain.annual.backtest import TrainedAnnual
from services.forecast.domain.annual.blend import PATENT_V1_SWAPPED, Method
from services.forecast.domain.annual.forecasts import forecast as forecast_year
from services.forecast.domain.annual.prices import WINDOW_DAYS, coefficients
from services.forecast.domain.demand.forecasts import forecast as forecast_weeks
from services.forecast.domain.demand.model import DemandModel
from services.forecast.domain.regions import Regions
from services.forecast.domain.working_set import annual_panel, complete_weeks, demand_panel, price_inputs
from services.forecast.usecases.ports import AnnualWork, DemandWork, Heavy, Models, Now, Store

# So few series take less time than a change of threads.
_FEW_SERIES = 64


@dataclass(frozen=True, slots=True)
class Forecasting:
    """How forecasts are made."""

    regions: Regions
    horizon_weeks: int = 4
    history_weeks: int = 208
    week_closes_on: int = 5
    patent_weights: tuple[float, float, float] = (0.2, 0.3, 0.5)
    price_window_days: int = WINDOW_DAYS
    reliable_from: float = 0.7
    pool_spring_months: bool = True
    stick_limits: tuple[float, ...] = (1.0, 5.0, 8.0, 10.0)


async def forecast_dirty_demand(
    store: Store, models: Models, how: Forecasting, heavy: Heavy, now: Now, *, limit: int
) -> int:
    """Forecasts at most `limit` changed series; returns how many there were."""
    work = await store.demand_work(limit)
    if work.dirty.is_empty():
        return 0
    model = models.demand
    if work.dirty.height <= _FEW_SERIES:
        made = demand_forecasts(work, model, how)
    else:
        made = await heavy(lambda: demand_forecasts(work, model, how))
    facts = work.dirty.select("series_id", "trace_id", revision=pl.col("revision") + 1)
    await store.save_demand(made.join(facts, on="series_id"), work.dirty, now())
    return work.dirty.height


def demand_forecasts(work: DemandWork, model: DemandModel | None, how: Forecasting) -> pl.DataFrame:
    """The forecasts of the work's series, with their region, product and base unit."""
    weeks = complete_weeks(work.clocks, closes_on=how.week_closes_on)
    panel, members = demand_panel(work.series, work.cells, work.totals, weeks, history_weeks=how.history_weeks)
    made = forecast_weeks(panel, model, members, horizon=how.horizon_weeks)
    return made.join(work.series.select("series_id", "adcode", "sku_code", "base_unit"), on="series_id")


async def forecast_dirty_years(
    store: Store, models: Models, how: Forecasting, heavy: Heavy, now: Now, *, limit: int
) -> int:
    """Forecasts the year of at most `limit` changed units; returns how many there were."""
    work = await store.annual_work(limit)
    if work.dirty.is_empty():
        return 0
    trained = models.annual
    made = await heavy(lambda: year_forecasts(work, trained, how))
    facts = work.dirty.select("unit_id", "trace_id", revision=pl.col("revision") + 1)
    await store.save_annual(made.join(facts, on="unit_id"), work.dirty, now())
    return work.dirty.height


def year_forecasts(work: AnnualWork, trained: TrainedAnnual, how: Forecasting) -> pl.DataFrame:
    """The forecasts of the work's units: all methods; for single products only where a method applies."""
    prices = price_inputs(work.units, work.observations, work.guides, work.volumes, how.regions)
    panel = annual_panel(work.units, work.cells, prices, work.tops, pool_spring=how.pool_spring_months)
    made = forecast_year(
        panel,
        trained,
        coefficients(prices, window_days=how.price_window_days),
        weights=(Method("patent_v1", how.patent_weights), PATENT_V1_SWAPPED),
        reliable_from=how.reliable_from,
        stick_limits=how.stick_limits,
    )
    return made.filter((pl.col("sku_code") == "") | pl.col("value").is_not_null())
