"""gRPC: message to use case to message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.errors import Invalid, Problem
from marketwin.forecast.v1 import service_pb2 as pb
from marketwin.forecast.v1 import service_pb2_grpc
from services.forecast.domain.regions import Regions
from services.forecast.usecases import answering, training
from services.forecast.usecases.answering import MapAsked
from services.forecast.usecases.ports import Row, Store
from services.forecast.wire import (
    annual_message,
    backtest_messages,
    band_message,
    demand_message,
    region_messages,
    training_message,
)

MAX_PAGE = 1000
DEFAULT_PAGE = 100


@dataclass(frozen=True, slots=True)
class MapScheme:
    """Regions and band limits of the map."""

    regions: Regions
    stick_limits: Sequence[float]
    unit_limits: Mapping[str, Sequence[float]]


class ForecastServicer(service_pb2_grpc.ForecastServiceServicer):
    """Answers what will be wanted."""

    def __init__(self, store: Store, ask_for_training: Callable[[], Awaitable[Row]], scheme: MapScheme) -> None:
        self._store = store
        self._ask_for_training = ask_for_training
        self._scheme = scheme

    async def ListAnnualForecasts(
        self, request: pb.ListAnnualForecastsRequest, context: Any
    ) -> pb.ListAnnualForecastsResponse:
        rows, cursor = await answering.list_annual(
            self._store,
            region=request.region,
            sku=request.sku,
            year=request.year,
            method=request.method,
            cursor=request.cursor,
            limit=_page(request.page_size),
        )
        forecasts = [annual_message(row, row["facts"], row["made_at"]) for row in rows]
        return pb.ListAnnualForecastsResponse(forecasts=forecasts, next_cursor=cursor)

    async def ListDemandForecasts(
        self, request: pb.ListDemandForecastsRequest, context: Any
    ) -> pb.ListDemandForecastsResponse:
        rows, cursor = await answering.list_demand(
            self._store,
            region=request.region,
            sku=request.sku,
            horizon=request.horizon,
            cursor=request.cursor,
            limit=_page(request.page_size),
        )
        return pb.ListDemandForecastsResponse(forecasts=[demand_message(row) for row in rows], next_cursor=cursor)

    async def GetMapFeed(self, request: pb.GetMapFeedRequest, context: Any) -> pb.GetMapFeedResponse:
        asked = MapAsked(request.measure, request.year, request.level, request.sku)
        feed = await answering.get_map(
            self._store,
            self._scheme.regions,
            asked,
            stick_limits=self._scheme.stick_limits,
            unit_limits=self._scheme.unit_limits,
        )
        return pb.GetMapFeedResponse(
            regions=region_messages(feed.regions, feed.unit),
            bands=[band_message(band) for band in feed.bands],
            year=feed.year,
            years=feed.years,
            levels=feed.levels,
            level=feed.level,
            unit=feed.unit,
            measure=request.measure or "annual_forecast",
        )

    async def ListBacktests(self, request: pb.ListBacktestsRequest, context: Any) -> pb.ListBacktestsResponse:
        if request.target not in ("", "demand", "annual"):
            problem = Problem("/target", "unknown_value", "must be demand or annual")
            raise Invalid("the target is not known", errors=[problem])
        rows = await self._store.backtests(request.target)
        return pb.ListBacktestsResponse(backtests=backtest_messages(rows))

    async def Train(self, request: pb.TrainRequest, context: Any) -> pb.TrainResponse:
        return pb.TrainResponse(training=training_message(await self._ask_for_training()))

    async def GetTraining(self, request: pb.GetTrainingRequest, context: Any) -> pb.GetTrainingResponse:
        found = await training.get_training(self._store, request.id)
        return pb.GetTrainingResponse(training=training_message(found))

    async def CountForecasts(self, request: pb.CountForecastsRequest, context: Any) -> pb.CountForecastsResponse:
        annual, demand, waiting = await self._store.count()
        return pb.CountForecastsResponse(annual=annual, demand=demand, waiting=waiting)


def _page(asked: int) -> int:
    return min(asked or DEFAULT_PAGE, MAX_PAGE)
