"""What the forecast service keeps over a stop: its model, and what it had begun."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import pytest_asyncio

from chassis.bus import Bus, bus
from chassis.settings import CommonSettings
from chassis.testing import eventually, fresh_database
from deploy.servers import Servers
from marketwin.forecast.v1 import service_pb2 as pb
from services.forecast.settings import ForecastSettings
from tests.forecast.builders import envelope, intermittent, order, sale
from tests.forecast.running import REGIONS, demand, new_sku, publish, query, running, settled

WEEKS = 90


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        await connected.ensure_stream("ingest")
        yield connected


@pytest_asyncio.fixture(loop_scope="session")
async def own(common: CommonSettings, shared_servers: Servers, tmp_path: Path) -> AsyncIterator[ForecastSettings]:
    """Settings of a service with a database and a model folder of its own."""
    regions = tmp_path / "regions.csv"
    regions.write_text(REGIONS, encoding="utf-8")
    async with fresh_database(shared_servers.postgres_url) as url:
        yield ForecastSettings(
            common=common.model_copy(update={"postgres_url": url, "data": tmp_path}),
            regions=regions,
            quiet_s=0.1,
            annual_every_s=0.2,
            auto_train=False,
            training_rows=20_000,
        )


async def test_a_model_is_trained_measured_used_and_still_there_after_a_restart(
    own: ForecastSettings, log: Bus, tmp_path: Path
) -> None:
    async with running(own) as stub:
        await publish(log, "commercial_sale", _weekly_sales())
        await eventually(settled(stub, log), within_s=120)
        run = (await stub.Train(pb.TrainRequest())).training
        finished = await eventually(lambda: _done(stub, run.id), within_s=120)
        again = (await stub.Train(pb.TrainRequest())).training
        await eventually(settled(stub, log), within_s=120)
        learnt = await demand(stub, "w-0")
        backtests = (await stub.ListBacktests(pb.ListBacktestsRequest(target="demand"))).backtests

    async with running(own) as stub:
        await publish(log, "commercial_sale", envelope([_weekly_sale(0, WEEKS, 50)]))
        await eventually(settled(stub, log), within_s=120)

        async def newer() -> list[Any] | None:
            found = await demand(stub, "w-0")
            return found if found[0].period > learnt[0].period else None

        # The log acknowledges a moment before it counts a message as waiting: settled may be said too early.
        later = await eventually(newer, within_s=60)

    version = next(each for each in finished.model_versions if each.startswith("demand-"))
    assert again.id == finished.id
    assert {(each.method, each.model_version) for each in learnt} == {("xgboost", version)}
    assert {each.model_version for each in later} == {version}
    known = {date.fromisoformat(each.period) - timedelta(weeks=each.horizon) for each in learnt}
    assert {each.trained_through for each in [*learnt, *later]} == {str(day + timedelta(days=6)) for day in known}
    metrics = {each.metric for each in backtests}
    assert metrics >= {"wape", "mase", "bias", "pinball", "coverage_80", "coverage_95", "skill_vs_seasonal_naive"}
    assert {each.horizon for each in backtests} == {0, 1, 2, 3, 4}
    models = await query(own, "SELECT target, code_version, rows FROM forecast.model WHERE is_current")
    assert {row[0] for row in models} == {"demand", "annual"}
    assert all(row[1].startswith("code-") for row in models)
    assert (tmp_path / "models" / "forecast" / f"{version}.model").is_file()


async def test_without_history_a_training_ends_well_and_says_what_is_missing(own: ForecastSettings) -> None:
    async with running(own) as stub:
        run = (await stub.Train(pb.TrainRequest())).training
        finished = await eventually(lambda: _done(stub, run.id), within_s=60)

    assert "too little weekly history" in finished.message


async def test_with_enough_history_the_first_model_is_trained_unasked(own: ForecastSettings, log: Bus) -> None:
    unasked = own.model_copy(update={"auto_train": True, "auto_train_after_s": 0.2})
    async with running(unasked) as stub:
        await publish(log, "commercial_sale", _weekly_sales())

        async def learnt() -> bool:
            return "xgboost" in {each.method for each in await demand(stub, "w-1")}

        assert await eventually(learnt, within_s=120)


async def test_what_was_claimed_when_the_process_died_is_forecast_after_the_next_start(
    own: ForecastSettings, log: Bus
) -> None:
    sku = new_sku()
    async with running(own) as stub:
        await publish(log, "commercial_order", envelope([order(sku, 5, date(2025, 3, 12), sku_code=sku)]))
        await eventually(lambda: demand(stub, sku), within_s=60)
    await query(own, "DELETE FROM forecast.demand_forecast")
    await query(own, "UPDATE forecast.series SET claimed_at = now() WHERE sku_code = $1", sku)

    async with running(own) as stub:
        found = await eventually(lambda: demand(stub, sku), within_s=60)

    assert found[0].revision == 2


async def test_a_training_that_a_stopped_process_left_behind_has_failed(own: ForecastSettings) -> None:
    async with running(own):
        pass
    columns = "id, status, message, progress, model_versions, history_revision, created_at"
    await query(own, f"INSERT INTO forecast.training ({columns}) VALUES ('t', 'running', '', 0.5, '[]', 0, now())")

    async with running(own) as stub:
        found = (await stub.GetTraining(pb.GetTrainingRequest(id="t"))).training

    assert found.status == "failed"
    assert found.message


async def _done(stub: Any, training_id: str) -> Any:
    found = (await stub.GetTraining(pb.GetTrainingRequest(id=training_id))).training
    if found.status == "failed":
        pytest.fail(found.message)
    return found if found.status == "done" else None


def _weekly_sales() -> pl.DataFrame:
    quantities = intermittent(60, WEEKS)
    places = np.argwhere(quantities > 0).tolist()
    return envelope([_weekly_sale(series, week, int(quantities[series, week])) for series, week in places])


def _weekly_sale(series: int, week: int, quantity: int) -> dict[str, Any]:
    monday = date(2023, 1, 2) + timedelta(weeks=week)
    region = ("340100", "340200")[series % 2]
    return sale(quantity, monday, "week", sku_code=f"w-{series // 2}", adcode=region, org_code=f"C{region}")
