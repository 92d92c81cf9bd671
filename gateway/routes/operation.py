"""Health, and what there is."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from chassis.rpc import is_serving
from gateway.auth import ReadsRecords
from gateway.clients import Behind
from gateway.schemas import Health, Summary
from marketwin.forecast.v1 import service_pb2 as forecast_pb
from marketwin.profile.v1 import service_pb2 as profile_pb
from marketwin.recommend.v1 import service_pb2 as recommend_pb
from marketwin.twin.v1 import service_pb2 as twin_pb

router = APIRouter(tags=["operation"])
health = APIRouter(tags=["operation"])


@health.get("/healthz", response_model=Health)
async def healthz() -> dict[str, Any]:
    """The process lives."""
    return {"status": "ok"}


@health.get("/readyz", response_model=Health)
async def readyz(behind: Behind, response: Response) -> dict[str, Any]:
    """Every service behind the door answers."""
    serving = await asyncio.gather(*(is_serving(address) for address in behind.addresses.values()))
    if not all(serving):
        response.status_code = 503
    by_name = dict(zip(behind.addresses, serving, strict=True))
    return {"status": "ok" if all(serving) else "unavailable", "services": by_name}


@router.get("/summary", response_model=Summary)
async def summary(behind: Behind, caller: ReadsRecords) -> dict[str, Any]:
    """How many twins, profiles, forecasts, recommendations and cards there are."""
    twins, profiles, forecasts, recommendations = await asyncio.gather(
        behind.twin.CountTwins(twin_pb.CountTwinsRequest()),
        behind.profile.ListProfiles(profile_pb.ListProfilesRequest(page_size=1, with_total=True)),
        behind.forecast.CountForecasts(forecast_pb.CountForecastsRequest()),
        behind.recommend.CountRecommendations(recommend_pb.CountRecommendationsRequest()),
    )
    return {
        "twins": dict(twins.count_by_model),
        "profiles": profiles.total,
        "forecasts": {"annual": forecasts.annual, "demand": forecasts.demand, "waiting": forecasts.waiting},
        "recommendations": dict(recommendations.recommendations_by_state),
        "cards": dict(recommendations.cards_by_state),
    }
