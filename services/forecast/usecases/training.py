"""Trains both models on the whole history and puts them into use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from chassis.errors import NotFound
from services.forecast.domain.annual import backtest as annual_backtest
from services.forecast.domain.annual.backtest import TrainedAnnual
from services.forecast.domain.annual.forecasts import to_bytes
from services.forecast.domain.annual.inner import FEATURES as ANNUAL_FEATURES
from services.forecast.domain.demand import training as demand_training
from services.forecast.domain.demand.features import NAMES as DEMAND_FEATURES
from services.forecast.domain.demand.model import DemandOptions
from services.forecast.domain.demand.training import TrainedDemand
from services.forecast.domain.working_set import annual_panel, complete_weeks, demand_panel, price_inputs
from services.forecast.usecases.forecasting import Forecasting
from services.forecast.usecases.ports import AnnualWork, DemandWork, Heavy, Models, NewModel, Now, Row, Store

_TWO_YEARS_DAYS = 724
"""Two years, less the days by which weeks and months differ."""


@dataclass(frozen=True, slots=True)
class Training:
    """How models are trained."""

    forecasting: Forecasting
    demand: DemandOptions
    threads: int = 1


async def ask_for_training(store: Store, new_id: Callable[[], str], now: Now) -> Row:
    """A run that has yet to begin, the one under way or finished of this very history, or a new one."""
    return await store.start_training(new_id(), await store.history_revision(), now())


async def get_training(store: Store, training_id: str) -> Row:
    """A run. NotFound when there is none of this id."""
    found = await store.get_training(training_id)
    if found is None:
        raise NotFound(f"there is no training {training_id}", code="training_not_found")
    return found


async def run_training(
    store: Store, models: Models, how: Training, training_id: str, *, heavy: Heavy, now: Now
) -> None:
    """Runs a queued training to its end; what cannot be trained yet is left as it is."""
    revision = await store.history_revision()
    await store.update_training(training_id, status="running", progress=0.05, history_revision=revision)
    try:
        made = await _train_both(store, how, heavy, training_id)
    except Exception:
        message = "the training failed; the log of the service says where"
        await store.update_training(training_id, status="failed", message=message)
        raise
    demand, annual = made
    new = [*([_demand_model(demand)] if demand else []), _annual_model(annual)]
    await store.adopt(new, now())
    models.annual = annual
    if demand is not None:
        models.demand = demand.model
    message = "" if demand else "there is too little weekly history for a demand model; the pooled mean stays in use"
    versions = [model.version for model in new]
    await store.update_training(training_id, status="done", message=message, progress=1.0, model_versions=versions)


async def _train_both(
    store: Store, how: Training, heavy: Heavy, training_id: str
) -> tuple[TrainedDemand | None, TrainedAnnual]:
    annual = await _train_years(store, how, heavy)
    await store.update_training(training_id, progress=0.3)
    weeks = await store.demand_work(None)
    demand = await heavy(lambda: train_weeks(weeks, how))
    return demand, annual


async def _train_years(store: Store, how: Training, heavy: Heavy) -> TrainedAnnual:
    work = await store.annual_work(None)
    return await heavy(lambda: train_years(work, how))


def train_weeks(work: DemandWork, how: Training) -> TrainedDemand | None:
    """The demand model, or None while there is too little history."""
    if work.series.is_empty() or work.cells.is_empty():
        return None
    work = _numbered_by_key(work)
    weeks = complete_weeks(work.clocks, closes_on=how.forecasting.week_closes_on)
    panel, _ = demand_panel(work.series, work.cells, work.totals, weeks, history_weeks=how.forecasting.history_weeks)
    return demand_training.train(panel, how.demand) if demand_training.can_train(panel) else None


def _numbered_by_key(work: DemandWork) -> DemandWork:
    """Ids tell the order in which series came, and what is sampled must not depend on that."""
    names = work.series.sort("adcode", "sku_code", "pool").select("series_id").with_row_index("place")
    series, cells = (_renumbered(frame, names, "series_id") for frame in (work.series, work.cells))
    return replace(work, series=series, cells=cells)


def _units_by_key(work: AnnualWork) -> AnnualWork:
    by_key = work.units.sort("region", "sku_code", "base_unit", "measure")
    names = by_key.select("unit_id").with_row_index("place")
    tops = _renumbered(work.tops, names, "unit_id")
    # A unit whose top is not among the units is its own.
    tops = _renumbered(tops, names.rename({"unit_id": "top_id"}), "top_id")
    units, cells = (_renumbered(frame, names, "unit_id") for frame in (work.units, work.cells))
    return replace(work, units=units, cells=cells, tops=tops)


def _renumbered(frame: pl.DataFrame, names: pl.DataFrame, column: str) -> pl.DataFrame:
    placed = frame.join(names, on=column, maintain_order="left")
    return placed.with_columns(pl.col("place").cast(pl.Int64).alias(column)).drop("place")


def train_years(work: AnnualWork, how: Training) -> TrainedAnnual:
    """The annual models; by drift alone while there are too few years."""
    forecasting = how.forecasting
    work = _units_by_key(with_two_years(work))
    prices = price_inputs(work.units, work.observations, work.guides, work.volumes, forecasting.regions)
    panel = annual_panel(work.units, work.cells, prices, work.tops, pool_spring=forecasting.pool_spring_months)
    return annual_backtest.train(panel, threads=how.threads)


def with_two_years(work: AnnualWork) -> AnnualWork:
    """The units from which something about years can be learnt; the others only take memory."""
    span = pl.col("covered_through") - pl.col("covered_from")
    return replace(work, units=work.units.filter(span >= pl.duration(days=_TWO_YEARS_DAYS)))


def _demand_model(trained: TrainedDemand) -> NewModel:
    return NewModel(
        target="demand",
        version=trained.model.version,
        body=trained.model.to_bytes(),
        features=DEMAND_FEATURES,
        rows=trained.rows,
        data_from=trained.data_from,
        data_to=trained.data_to,
        backtests=trained.backtests,
    )


def _annual_model(trained: TrainedAnnual) -> NewModel:
    return NewModel(
        target="annual",
        version=trained.version,
        body=to_bytes(trained),
        features=ANNUAL_FEATURES,
        rows=0,
        data_from=f"{trained.first_year}-01-01",
        data_to=f"{trained.last_year}-12-31",
        backtests=trained.backtests,
    )
