"""Forecasts, back-tests and the map."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.auth import ReadsForecasts, Trains
from gateway.clients import Behind
from gateway.map import RegionMap
from gateway.schemas import AnnualForecast, Backtest, DemandForecast, Listing, Page, Training
from gateway.views.forecasts import annual_view, backtest_view, demand_view, training_view
from marketwin.forecast.v1 import service_pb2 as pb

router = APIRouter(tags=["forecasts"])

Region = Annotated[str, Query(max_length=32, description="Region code")]
Sku = Annotated[str, Query(max_length=64, description="SKU code")]
Year = Annotated[int, Query(ge=0, le=2200, description="0: the newest")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str, Query(max_length=400)]


class GeoJson(Response):
    media_type = "application/geo+json"


@router.get("/forecasts/annual", response_model=Page[AnnualForecast])
async def list_annual(
    behind: Behind,
    caller: ReadsForecasts,
    *,
    region: Region = "",
    sku: Sku = "",
    year: Year = 0,
    method: Annotated[str, Query(pattern="^(patent_v1|patent_v1_swapped|fitted)$")] = "patent_v1",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> dict[str, Any]:
    """Annual forecasts by the price-adjusted trend method, with their inputs."""
    found = await behind.forecast.ListAnnualForecasts(
        pb.ListAnnualForecastsRequest(region=region, sku=sku, year=year, method=method, page_size=limit, cursor=cursor)
    )
    return {"items": [annual_view(each) for each in found.forecasts], "next_cursor": found.next_cursor or None}


@router.get("/forecasts/demand", response_model=Page[DemandForecast])
async def list_demand(  # each is a parameter of the public API
    behind: Behind,
    caller: ReadsForecasts,
    *,
    region: Region = "",
    sku: Sku = "",
    horizon: Annotated[int, Query(ge=0, le=52, description="Weeks ahead; 0: all")] = 0,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> dict[str, Any]:
    """Weekly demand with quantiles."""
    found = await behind.forecast.ListDemandForecasts(
        pb.ListDemandForecastsRequest(region=region, sku=sku, horizon=horizon, page_size=limit, cursor=cursor)
    )
    return {"items": [demand_view(each) for each in found.forecasts], "next_cursor": found.next_cursor or None}


@router.get("/forecasts/backtests", response_model=Listing[Backtest])
async def list_backtests(
    behind: Behind,
    caller: ReadsForecasts,
    target: Annotated[str, Query(pattern="^(|demand|annual)$")] = "",
) -> dict[str, Any]:
    """How the models did on periods they had not seen, beside the naive methods."""
    found = await behind.forecast.ListBacktests(pb.ListBacktestsRequest(target=target))
    return {"items": [backtest_view(each) for each in found.backtests]}


@router.post("/forecasts/trainings", status_code=202, response_model=Training)
async def train(behind: Behind, caller: Trains) -> dict[str, Any]:
    """Starts a training run, or names the one under way."""
    found = await behind.forecast.Train(pb.TrainRequest())
    return training_view(found.training)


@router.get("/forecasts/trainings/{training_id}", response_model=Training)
async def get_training(training_id: str, behind: Behind, caller: ReadsForecasts) -> dict[str, Any]:
    """How a training run does."""
    found = await behind.forecast.GetTraining(pb.GetTrainingRequest(id=training_id))
    return training_view(found.training)


@router.get("/map/regions", tags=["map"], response_class=GeoJson)
async def map_regions(  # each is a parameter of the public API
    request: Request,
    behind: Behind,
    caller: ReadsForecasts,
    *,
    measure: Annotated[str, Query(pattern="^(annual_forecast|average_sales)$")] = "annual_forecast",
    year: Year = 0,
    level: Annotated[str, Query(pattern="^(|country|province|prefecture|county)$")] = "",
    sku: Sku = "",
) -> Response:
    """GeoJSON of the regions with value, band and colour key; the bands, years and levels come along."""
    feed = await behind.forecast.GetMapFeed(pb.GetMapFeedRequest(measure=measure, year=year, level=level, sku=sku))
    shapes: RegionMap = request.app.state.map
    return GeoJson(shapes.with_values(feed))
