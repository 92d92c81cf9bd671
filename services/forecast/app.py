"""Wiring of the forecast service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import polars as pl
import structlog

from chassis.app import Running, background, in_thread, utc_now
from chassis.bus import bus
from chassis.db import database
from chassis.outbox import Relay, prune_inbox
from chassis.rpc import serve
from marketwin.forecast.v1.service_pb2_grpc import add_ForecastServiceServicer_to_server
from services.forecast.consumers import Forecaster, Pace, Trainer, hear_records
from services.forecast.domain.annual.forecasts import from_bytes
from services.forecast.domain.demand.model import DemandModel, DemandOptions
from services.forecast.domain.regions import Regions
from services.forecast.rpc import ForecastServicer, MapScheme
from services.forecast.settings import ForecastSettings
from services.forecast.store import INBOX, OUTBOX, SCHEMA, PostgresStore
from services.forecast.store.shelf import Shelf
from services.forecast.usecases.forecasting import Forecasting
from services.forecast.usecases.ports import Models
from services.forecast.usecases.taking import Taking
from services.forecast.usecases.training import Training

log = structlog.get_logger()

MIGRATIONS = Path(__file__).parent / "migrations"


@asynccontextmanager
async def app(settings: ForecastSettings) -> AsyncIterator[Running]:
    """The forecast service, for as long as the block runs."""
    common = settings.common
    async with (
        database(common.postgres_url, SCHEMA, pool_size=settings.pool_size) as db,
        bus(common.nats_url, "forecast") as stream,
        background() as tasks,
    ):
        await db.migrate(MIGRATIONS)
        await stream.ensure_stream("forecast")
        regions = _regions(settings.regions)
        relay = Relay(db, stream, OUTBOX)
        store = PostgresStore(db, relay, Shelf(settings.models or common.data / "models" / "forecast"), regions)
        await store.recover()
        pace = Pace()
        how = _forecasting(settings, regions)
        forecaster = Forecaster(store, await _models(store, settings.threads), how, in_thread, utc_now, settings)
        trainer = Trainer(forecaster, _training(settings, how), pace)
        scheme = MapScheme(regions, settings.stick_limits, settings.unit_limits)
        servicer = (add_ForecastServiceServicer_to_server, ForecastServicer(store, trainer.ask, scheme))
        async with serve([servicer], host=settings.host, port=settings.port) as address:
            tasks.spawn(relay.run(), name="relay")
            tasks.spawn(prune_inbox(db, INBOX), name="prune")
            taking = Taking(regions, settings.week_closes_on)
            tasks.spawn(hear_records(stream, store, taking, pace), name="records")
            tasks.spawn(forecaster.keep_weeks(pace), name="weeks")
            tasks.spawn(forecaster.keep_years(pace), name="years")
            tasks.spawn(forecaster.keep_whole(pace), name="whole")
            tasks.spawn(trainer.keep_training(), name="training")
            tasks.spawn(trainer.keep_watch(), name="watch")
            yield Running(address, tasks)


def _regions(path: Path | None) -> Regions:
    if path is None:
        return Regions.none()
    return Regions.of(pl.read_csv(path, schema_overrides={"adcode": pl.String, "parent": pl.String}))


def _forecasting(settings: ForecastSettings, regions: Regions) -> Forecasting:
    return Forecasting(
        regions=regions,
        horizon_weeks=settings.horizon_weeks,
        history_weeks=settings.history_weeks,
        week_closes_on=settings.week_closes_on,
        patent_weights=settings.patent_weights,
        price_window_days=settings.price_window_days,
        reliable_from=settings.reliable_from,
        pool_spring_months=settings.pool_spring_months,
        stick_limits=settings.stick_limits,
    )


def _training(settings: ForecastSettings, how: Forecasting) -> Training:
    options = DemandOptions(
        horizon=settings.horizon_weeks,
        rows=settings.training_rows,
        check_rows=settings.training_rows,
        threads=settings.threads,
    )
    return Training(how, options, settings.threads)


async def _models(store: PostgresStore, threads: int) -> Models:
    """The models of the last run; one that cannot be read is trained again."""
    models, kept = Models(), await store.current_models()
    if "annual" in kept:
        models.annual = from_bytes(kept["annual"])
    if "demand" in kept:
        try:
            models.demand = DemandModel.from_bytes(kept["demand"], threads=threads)
        except ValueError:
            log.warning("forecast.model_outdated", target="demand")
    return models
