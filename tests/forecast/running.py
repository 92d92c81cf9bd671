"""The forecast service running, and ways to talk to it."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import polars as pl

from chassis.bus import Bus, Message, subject_of
from chassis.replay import follow
from chassis.rpc import connect, is_serving
from marketwin.forecast.v1 import events_pb2, service_pb2_grpc
from marketwin.forecast.v1 import service_pb2 as pb
from marketwin.ingest.v1 import events_pb2 as ingest_events
from services.forecast.app import app
from services.forecast.settings import ForecastSettings

Stub = Any
REGIONS = """adcode,parent,level,name_zh,name_en,lon,lat
CN,,country,中国,China,0,0
340000,CN,province,安徽省,Anhui,0,0
340100,340000,prefecture,合肥市,Hefei,0,0
340200,340000,prefecture,芜湖市,Wuhu,0,0
510000,CN,province,四川省,Sichuan,0,0
510100,510000,prefecture,成都市,Chengdu,0,0
"""


@asynccontextmanager
async def running(settings: ForecastSettings) -> AsyncIterator[Stub]:
    async with app(settings) as running:
        assert await is_serving(running.address)
        async with connect(running.address, service_pb2_grpc.ForecastServiceStub) as stub:
            yield stub
            running.background.raise_failure()


async def publish(log: Bus, kind: str, records: pl.DataFrame, message_id: str | None = None) -> None:
    for part in records.iter_slices(1000):
        sink = io.BytesIO()
        part.write_ipc_stream(sink)
        event = ingest_events.RecordsAccepted(
            batch_id=uuid.uuid4().hex, kind=kind, source="test", count=part.height, arrow_ipc=sink.getvalue()
        )
        subject = subject_of(event, kind)
        await log.publish(subject, event.SerializeToString(), message_id=message_id or uuid.uuid4().hex)


async def demand(stub: Stub, sku: str, region: str = "340100") -> list[Any]:
    return list((await stub.ListDemandForecasts(pb.ListDemandForecastsRequest(region=region, sku=sku))).forecasts)


async def annual(stub: Stub, sku: str, region: str = "340100", method: str = "") -> list[Any]:
    asked = pb.ListAnnualForecastsRequest(region=region, sku=sku, method=method)
    return list((await stub.ListAnnualForecasts(asked)).forecasts)


QUIET_LOOKS = 5


def settled(stub: Stub, log: Bus) -> Callable[[], Awaitable[bool]]:
    seen: list[bool] = []

    async def fact() -> bool:
        waiting = (await stub.CountForecasts(pb.CountForecastsRequest())).waiting
        seen.append(not waiting and not await log.pending("INGEST", "forecast-records"))
        # The log acknowledges a moment before it counts a message as waiting: one look may come too early.
        return len(seen) > QUIET_LOOKS and all(seen[-QUIET_LOOKS:])

    return fact


def new_sku() -> str:
    return f"sku-{uuid.uuid4().hex[:8]}"


@asynccontextmanager
async def heard(log: Bus) -> AsyncIterator[list[events_pb2.ForecastMade]]:
    """ForecastMade events from now on."""
    heard: list[events_pb2.ForecastMade] = []

    async def handle(message: Message) -> None:
        heard.append(events_pb2.ForecastMade.FromString(message.data))

    ready = asyncio.Event()
    subject = subject_of(events_pb2.ForecastMade)
    task = asyncio.create_task(follow(log, subject, handle, started=lambda *_: ready.set()))
    await asyncio.wait_for(ready.wait(), 10)
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def query(settings: ForecastSettings, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(settings.common.postgres_url)
    try:
        return [tuple(row) for row in await connection.fetch(statement, *arguments)]
    finally:
        await connection.close()
