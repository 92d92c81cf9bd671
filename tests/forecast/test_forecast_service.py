"""The running forecast service over real PostgreSQL, NATS and gRPC."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from chassis.bus import Bus, bus, subject_of
from chassis.db import database
from chassis.errors import Invalid, NotFound
from chassis.settings import CommonSettings
from chassis.testing import eventually, fresh_database
from marketwin.forecast.v1 import service_pb2 as pb
from marketwin.ingest.v1 import events_pb2 as ingest_events
from services.forecast.app import MIGRATIONS
from services.forecast.settings import ForecastSettings
from services.forecast.store.tables import SCHEMA, Base
from tests.forecast.builders import NOW, envelope, order, sale
from tests.forecast.running import REGIONS, Stub, annual, demand, heard, new_sku, publish, query, running, settled

DAY = date(2025, 3, 12)


@pytest.fixture(scope="module")
def settings(common: CommonSettings, tmp_path_factory: pytest.TempPathFactory) -> ForecastSettings:
    regions = tmp_path_factory.mktemp("regions") / "regions.csv"
    regions.write_text(REGIONS, encoding="utf-8")
    return ForecastSettings(common=common, regions=regions, quiet_s=0.1, annual_every_s=0.2, auto_train=False)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def forecast(settings: ForecastSettings) -> AsyncIterator[Stub]:
    async with running(settings) as stub:
        yield stub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        await connected.ensure_stream("ingest")
        yield connected


def _years(sku: str, *quantities: int, region: str = "340100", first: int = 2022) -> pl.DataFrame:
    rows = [
        sale(quantity, date(first + number, 1, 1), "year", sku_code=sku, adcode=region, org_code=f"C{region}")
        for number, quantity in enumerate(quantities)
    ]
    return envelope(rows)


async def test_one_order_of_a_new_product_is_forecast_within_two_seconds_in_its_own_trace(
    forecast: Stub, log: Bus
) -> None:
    sku, trace = new_sku(), uuid.uuid4().hex
    async with heard(log) as events:
        await publish(log, "sku", envelope([_sku_record("warm-up")]))
        await eventually(settled(forecast, log))
        started = time.monotonic()

        await publish(log, "commercial_order", envelope([order(sku, 40, DAY, sku_code=sku)], trace=trace))
        found = await eventually(lambda: demand(forecast, sku), within_s=10)

        seconds = time.monotonic() - started
        assert seconds < 2 * _slowness()
        assert [each.horizon for each in found] == [1, 2, 3, 4]
        assert {each.method for each in found} == {"pooled_mean"}
        assert {each.trace_id for each in found} == {trace}
        assert all(each.value > 0 and each.revision == 1 for each in found)
        assert found[0].period == "2025-03-10"
        assert [quantile.probability for quantile in found[0].quantiles] == [0.025, 0.1, 0.5, 0.9, 0.975]

        async def told() -> list[Any]:
            return [each for event in events for each in event.demand if each.sku == sku and each.trace_id == trace]

        assert len(await eventually(told)) == 4


def _slowness() -> float:
    """How much slower than usual this machine is just now, at least 1: a fixed piece of work against its usual time."""
    started = time.perf_counter()
    sum(range(2_000_000))
    return max(1.0, (time.perf_counter() - started) / 0.03)


def _sku_record(code: str, **more: Any) -> dict[str, Any]:
    return {
        "sku_code": code,
        "base_unit": "stick",
        "sticks_per_pack": 20,
        "packs_per_carton": 10,
        "price_guide": None,
        **more,
    }


async def test_a_message_heard_twice_and_a_record_sent_twice_count_once(
    forecast: Stub, log: Bus, settings: ForecastSettings
) -> None:
    sku, message = new_sku(), uuid.uuid4().hex
    records = envelope([order(sku, 40, DAY, sku_code=sku)])

    await publish(log, "commercial_order", records, message)
    await publish(log, "commercial_order", records)
    await eventually(lambda: demand(forecast, sku))
    await eventually(settled(forecast, log))

    assert await _weeks(settings, sku) == [(date(2025, 3, 10), 40.0)]


async def test_a_correction_replaces_and_a_late_older_content_does_not(
    forecast: Stub, log: Bus, settings: ForecastSettings
) -> None:
    sku = new_sku()
    newer, newest = NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)

    await publish(log, "commercial_order", envelope([order(sku, 40, DAY, sku_code=sku)], at=newer))
    corrected = order(sku, 25, DAY + timedelta(days=7), sku_code=sku)
    await publish(log, "commercial_order", envelope([corrected], at=newest))
    await publish(log, "commercial_order", envelope([order(sku, 99, DAY, sku_code=sku)], at=NOW))
    await eventually(settled(forecast, log))

    assert await _weeks(settings, sku) == [(date(2025, 3, 17), 25.0)]
    totals = await query(
        settings, "SELECT DISTINCT quantity FROM forecast.group_week WHERE member = $1 AND quantity <> 0", sku
    )
    assert totals == [(25.0,)]


async def test_a_cancelled_order_takes_its_demand_back(forecast: Stub, log: Bus, settings: ForecastSettings) -> None:
    sku = new_sku()

    await publish(log, "commercial_order", envelope([order(sku, 40, DAY, sku_code=sku)]))
    cancelled = envelope([order(sku, 40, DAY, sku_code=sku, state="cancelled")], at=NOW + timedelta(seconds=1))
    await publish(log, "commercial_order", cancelled)
    await eventually(settled(forecast, log))

    assert await _weeks(settings, sku) == [(date(2025, 3, 10), 0.0)]


async def test_an_order_deleted_by_its_key_alone_takes_its_demand_back(
    forecast: Stub, log: Bus, settings: ForecastSettings
) -> None:
    sku = new_sku()
    await publish(log, "commercial_order", envelope([order(sku, 40, DAY, sku_code=sku)]))
    nothing = dict.fromkeys(("sku_code", "adcode", "retailer_code", "qty_order_base", "qty_demand_base", "amount"))
    bare = {**order(sku, 40, DAY, sku_code=sku), "op": "delete", **nothing}

    await publish(log, "commercial_order", envelope([bare], at=NOW + timedelta(seconds=1)))
    await eventually(settled(forecast, log))

    assert await _weeks(settings, sku) == [(date(2025, 3, 10), 0.0)]


async def test_sales_of_a_product_are_forecast_instead_of_its_orders(forecast: Stub, log: Bus) -> None:
    sku = new_sku()
    await publish(log, "commercial_order", envelope([order(sku, 40, DAY, sku_code=sku)]))
    await eventually(lambda: demand(forecast, sku))

    await publish(log, "commercial_sale", envelope([sale(7_000, date(2025, 3, 10), "week", sku_code=sku)]))
    await eventually(settled(forecast, log))

    found = await demand(forecast, sku)
    assert len(found) == 4
    assert found[0].value > 1_000


async def test_a_year_is_forecast_by_the_formula_with_everything_that_explains_it(forecast: Stub, log: Bus) -> None:
    sku, wan = new_sku(), 500_000_000
    await publish(log, "sku", envelope([_sku_record(sku, price_guide=100.0)]))
    seen = {"sku_code": sku, "adcode": "510100", "unit": "carton", "collector": "c", "price_observed": 95.0}
    at = {"observed_at": NOW, "biz_date": date(2024, 12, 1)}

    await publish(log, "commercial_sale", _years(sku, 10 * wan, 11 * wan, 12 * wan, region="510100"))
    await publish(log, "price_observation", envelope([seen | at]))

    async def priced() -> list[Any]:
        return [each for each in await annual(forecast, sku, region="510100") if each.price_source == "guide"]

    (made,) = await eventually(priced)
    assert (made.year, made.last_year, made.year_before) == (2025, 12.0, 11.0)
    assert made.price_coefficient == pytest.approx(0.95)
    assert made.value == pytest.approx((0.2 * 12 + 0.3 * 11 + 0.5 * made.inner) * 0.95)
    assert list(made.weights) == [0.2, 0.3, 0.5]
    assert (made.unit, made.band) == ("wan_case", ">=10")
    assert not made.HasField("correlation")
    assert (made.reliable, made.reliable_reason) == (False, "no_monthly_values")
    assert made.interval.low < made.value < made.interval.high
    assert made.model_version

    (swapped,) = await annual(forecast, sku, region="510100", method="patent_v1_swapped")
    assert swapped.value == pytest.approx((0.3 * 12 + 0.2 * 11 + 0.5 * swapped.inner) * 0.95)
    (province,) = await annual(forecast, sku, region="510000")
    assert province.last_year == 12.0


async def test_a_region_with_one_year_only_has_no_forecast_and_says_why(forecast: Stub, log: Bus) -> None:
    await publish(log, "sku", envelope([_sku_record("bottle-1", base_unit="bottle")]))
    await publish(log, "commercial_order", envelope([order("b", 3, DAY, sku_code="bottle-1", adcode="340200")]))

    async def bottles() -> list[Any]:
        return [each for each in await annual(forecast, "", region="340200") if each.unit == "bottle"]

    (made,) = await eventually(bottles)
    assert not made.HasField("value")
    assert "not_applicable" in made.flags
    assert not made.HasField("interval")


async def test_the_map_shows_the_provinces_with_bands(forecast: Stub, log: Bus) -> None:
    await publish(log, "commercial_sale", _years(new_sku(), 10**9, 10**9, 10**9, region="340200"))
    await eventually(settled(forecast, log))

    feed = await forecast.GetMapFeed(pb.GetMapFeedRequest())
    cities = await forecast.GetMapFeed(pb.GetMapFeedRequest(level="prefecture"))
    sold = await forecast.GetMapFeed(pb.GetMapFeedRequest(measure="average_sales", year=2024, level="prefecture"))

    assert (feed.level, feed.unit, feed.measure) == ("province", "wan_case", "annual_forecast")
    assert {each.region for each in feed.regions} >= {"340000"}
    assert all(each.region.endswith("0000") for each in feed.regions)
    assert [each.band for each in feed.bands] == [">=10", "8-10", "5-8", "1-5", "<1"]
    assert not feed.bands[-1].HasField("from")
    assert {each.region for each in cities.regions} >= {"340200"}
    assert 2024 in sold.years
    wuhu = next(each for each in sold.regions if each.region == "340200")
    assert wuhu.value >= 2.0
    assert wuhu.color_key == next(band.color_key for band in sold.bands if band.band == wuhu.band)


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        (pb.GetMapFeedRequest(measure="mood"), "/measure"),
        (pb.GetMapFeedRequest(level="street"), "/level"),
        (pb.GetMapFeedRequest(year=1800), "/year"),
    ],
)
async def test_a_map_that_cannot_be_drawn_is_refused(forecast: Stub, asked: pb.GetMapFeedRequest, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        await forecast.GetMapFeed(asked)

    assert [problem.pointer for problem in refused.value.errors] == [pointer]


async def test_pages_follow_each_other_without_gap_or_repetition(forecast: Stub, log: Bus) -> None:
    skus = sorted(new_sku() for _ in range(3))
    rows = [order(sku, 5, DAY, sku_code=sku, adcode="340200") for sku in skus]
    await publish(log, "commercial_order", envelope(rows))
    await eventually(lambda: demand(forecast, skus[-1], "340200"))
    await eventually(settled(forecast, log))

    places, cursor = [], ""
    while True:
        page = await forecast.ListDemandForecasts(
            pb.ListDemandForecastsRequest(region="340200", page_size=5, cursor=cursor)
        )
        places += [(each.sku, each.period) for each in page.forecasts]
        cursor = page.next_cursor
        if not cursor:
            break

    assert len(places) == len(set(places))
    assert places == sorted(places)
    assert {sku for sku, _ in places} >= set(skus)


async def test_a_broken_cursor_an_unknown_method_and_an_unknown_training_are_refused(forecast: Stub) -> None:
    with pytest.raises(Invalid):
        await forecast.ListDemandForecasts(pb.ListDemandForecastsRequest(cursor="nonsense"))
    with pytest.raises(Invalid):
        await forecast.ListAnnualForecasts(pb.ListAnnualForecastsRequest(method="crystal_ball"))
    with pytest.raises(Invalid):
        await forecast.ListBacktests(pb.ListBacktestsRequest(target="weather"))
    with pytest.raises(NotFound):
        await forecast.GetTraining(pb.GetTrainingRequest(id="none"))


async def test_a_batch_that_cannot_be_read_goes_to_the_dead_letters_and_the_next_one_counts(
    forecast: Stub, log: Bus
) -> None:
    event = ingest_events.RecordsAccepted(kind="commercial_order", arrow_ipc=b"no arrow")
    sku = new_sku()

    await log.publish(subject_of(event, "commercial_order"), event.SerializeToString(), message_id=uuid.uuid4().hex)
    await publish(log, "commercial_order", envelope([order(sku, 5, DAY, sku_code=sku)]))

    assert await eventually(lambda: demand(forecast, sku), within_s=40)


async def test_the_schema_goes_up_down_and_up_and_is_what_the_code_expects(shared_servers: Any) -> None:
    def differences(connection: Connection) -> list[Any]:
        only_ours = {
            "include_schemas": True,
            "include_name": lambda name, kind, _: name == SCHEMA if kind == "schema" else True,
            "version_table": "migration",
            "version_table_schema": SCHEMA,
        }
        return list(compare_metadata(MigrationContext.configure(connection, opts=only_ours), Base.metadata))

    async with fresh_database(shared_servers.postgres_url) as url, database(url, SCHEMA) as db:
        await db.migrate(MIGRATIONS)
        await db.revise(MIGRATIONS, "base")
        await db.revise(MIGRATIONS, "head")
        async with db.engine.begin() as connection:
            found = await connection.run_sync(differences)

    assert found == []


async def _weeks(settings: ForecastSettings, sku: str) -> list[tuple[Any, ...]]:
    statement = (
        "SELECT week, sum(quantity) FROM forecast.week JOIN forecast.series USING (series_id) "
        "WHERE sku_code = $1 GROUP BY week ORDER BY week"
    )
    rows = await query(settings, statement, sku)
    return [row for row in rows if row[1]] or rows
