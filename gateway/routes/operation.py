"""Health, and what there is."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request, Response

from chassis.rpc import is_serving
from gateway.auth import ReadsRecords
from gateway.clients import Behind
from gateway.schemas import Health, Summary
from marketwin.forecast.v1 import service_pb2 as forecast_pb
from marketwin.profile.v1 import service_pb2 as profile_pb
from marketwin.recommend.v1 import service_pb2 as recommend_pb
from marketwin.twin.v1 import service_pb2 as twin_pb

READY_FOR_S = 0.25


class Readiness:
    """Which services answer; asked at most four times a second, however many ask the open address."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self._addresses = addresses
        self._lock = asyncio.Lock()
        self._known: dict[str, bool] = {}
        self._known_at = float("-inf")

    async def services(self) -> dict[str, bool]:
        async with self._lock:
            if time.monotonic() - self._known_at > READY_FOR_S:
                serving = await asyncio.gather(*(is_serving(address) for address in self._addresses.values()))
                self._known = dict(zip(self._addresses, serving, strict=True))
                self._known_at = time.monotonic()
            return self._known


router = APIRouter(tags=["operation"])
health = APIRouter(tags=["operation"])


@health.get("/healthz", response_model=Health)
async def healthz() -> dict[str, Any]:
    """The process lives."""
    return {"status": "ok"}


@health.get("/readyz", response_model=Health, responses={503: {"description": "Not yet", "model": Health}})
async def readyz(request: Request, response: Response) -> dict[str, Any]:
    """Every service behind the door answers."""
    by_name = await request.app.state.readiness.services()
    if not all(by_name.values()):
        response.status_code = 503
    return {"status": "ok" if all(by_name.values()) else "unavailable", "services": by_name}


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
