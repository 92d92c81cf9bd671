"""What is forecast in the end does not depend on how the data came."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
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
from tests.forecast.builders import envelope, sale
from tests.forecast.running import REGIONS, Stub, publish, query, running, settled

PLACES = ("340100", "340200", "510100")
SKUS = ("even-a", "even-b", "even-c")
YEARS = range(2018, 2025)
WEEKS = 60
MONDAY = date(2024, 1, 1)
TRACE = "5e" * 16
Piece = tuple[str, pl.DataFrame]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        await connected.ensure_stream("ingest")
        yield connected


@pytest.mark.parametrize("is_trained", [False, True])
async def test_two_orders_and_splittings_of_the_same_data_end_in_the_same_forecasts(
    is_trained: bool, log: Bus, common: CommonSettings, shared_servers: Servers, tmp_path: Path
) -> None:
    at_once, bit_by_bit = _pieces(), _shuffled(_pieces())
    ends = []
    for number, (pieces, pauses) in enumerate(((at_once, False), (bit_by_bit, True))):
        async with fresh_database(shared_servers.postgres_url) as url:
            own = _settings(common.model_copy(update={"postgres_url": url, "data": tmp_path / str(number)}), tmp_path)
            async with running(own) as stub:
                for kind, records in pieces:
                    await publish(log, kind, records)
                    if pauses:
                        await eventually(settled(stub, log), within_s=60)
                await eventually(settled(stub, log), within_s=60)
                if is_trained:
                    await eventually(_trained(stub, (await stub.Train(pb.TrainRequest())).training.id), within_s=120)
                await eventually(_whole(own), within_s=60)
                await eventually(settled(stub, log), within_s=60)
                ends.append(await _forecasts(own))

    (years, weeks), (years_again, weeks_again) = ends
    assert len(years) > 20
    assert len(weeks) == 4 * 2 * len(PLACES) * len(SKUS)
    assert {row[4] for row in years} == {2025}
    assert years_again == years
    assert weeks_again == weeks


async def test_what_is_renewed_for_the_sake_of_its_neighbours_keeps_the_trace_of_its_own_record(
    log: Bus, common: CommonSettings, shared_servers: Servers, tmp_path: Path
) -> None:
    async with fresh_database(shared_servers.postgres_url) as url:
        own = _settings(common.model_copy(update={"postgres_url": url, "data": tmp_path}), tmp_path)
        async with running(own) as stub:
            await publish(
                log, "commercial_sale", envelope([_sale(40, MONDAY, "week", PLACES[0], "first")], trace=TRACE)
            )
            await eventually(settled(stub, log), within_s=60)
            await eventually(_whole(own), within_s=60)
            await eventually(settled(stub, log), within_s=60)

            async def again() -> bool:
                return await query(own, "SELECT FROM forecast.demand_forecast WHERE revision > 1") != []

            await eventually(again, within_s=60)
            traces = await query(own, "SELECT DISTINCT trace_id FROM forecast.demand_forecast")

    assert traces == [(TRACE,)]


def _settings(common: CommonSettings, folder: Path) -> ForecastSettings:
    regions = folder / "regions.csv"
    regions.write_text(REGIONS, encoding="utf-8")
    return ForecastSettings(
        common=common,
        regions=regions,
        quiet_s=0.1,
        annual_every_s=0.2,
        auto_train=False,
        auto_train_after_s=0.2,
        renew_every_s=0.2,
        training_rows=1_000,
    )


def _pieces() -> list[Piece]:
    """Years of single products with different growth, then weeks of others, in the order of time."""
    rng = np.random.default_rng(5)
    rows: list[tuple[str, dict[str, Any]]] = []
    for year in YEARS:
        for place, sku in _pairs():
            rows.append(("year", _sale(int(rng.integers(10**8, 10**9)), date(year, 1, 1), "year", place, f"y-{sku}")))
    for week in range(WEEKS):
        for place, sku in _pairs():
            day = MONDAY + timedelta(weeks=week)
            rows.append(("week", _sale(int(rng.integers(1, 200)), day, "week", place, sku)))
    # Regions do not end on the same day: the last one is a month behind.
    kept = [row for grain, row in rows if grain == "year" or row["adcode"] != PLACES[-1] or _is_early(row)]
    return [("commercial_sale", envelope(kept[start : start + 45])) for start in range(0, len(kept), 45)]


def _shuffled(pieces: list[Piece]) -> list[Piece]:
    """The same records: some early years, which are forecast from by themselves, then region after region."""
    records = pl.concat([piece for _, piece in pieces], how="diagonal_relaxed").sort("adcode", "biz_date")
    is_early = pl.col("biz_date") < date(2021, 1, 1)
    late = records.filter(~is_early)
    parts = list(late.iter_slices(-(-late.height // 4)))
    return [("commercial_sale", part) for part in (records.filter(is_early), parts[3], parts[0], parts[2], parts[1])]


def _pairs() -> list[tuple[str, str]]:
    return [(place, sku) for place in PLACES for sku in SKUS]


def _sale(quantity: int, day: date, grain: str, place: str, sku: str) -> dict[str, Any]:
    return sale(quantity, day, grain, sku_code=sku, adcode=place, org_code=f"C{place}", amount=quantity * 0.1)


def _is_early(row: dict[str, Any]) -> bool:
    return bool(row["biz_date"] < MONDAY + timedelta(weeks=WEEKS - 5))


def _trained(stub: Stub, training_id: str) -> Callable[[], Awaitable[bool]]:
    async def fact() -> bool:
        run = (await stub.GetTraining(pb.GetTrainingRequest(id=training_id))).training
        assert run.status != "failed", run.message
        return bool(run.status == "done")

    return fact


def _whole(settings: ForecastSettings) -> Callable[[], Awaitable[bool]]:
    async def fact() -> bool:
        return await query(settings, "SELECT FROM forecast.history WHERE renewed = revision") != []

    return fact


async def _forecasts(settings: ForecastSettings) -> tuple[list[Any], list[Any]]:
    years = await query(
        settings,
        "SELECT region, sku_code, base_unit, measure, year, method, value, facts - 'model_version', "
        "facts->>'model_version' <> '' FROM forecast.annual_forecast JOIN forecast.unit USING (unit_id) "
        "ORDER BY region, sku_code, base_unit, measure, year, method",
    )
    weeks = await query(
        settings,
        "SELECT adcode, sku_code, measure, horizon, period, value, quantiles, method, model_version, recent_mean "
        "FROM forecast.demand_forecast JOIN forecast.series USING (series_id) "
        "ORDER BY adcode, sku_code, measure, horizon",
    )
    return years, weeks
