"""The services behind the door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from chassis.rpc import connect
from gateway.settings import GatewaySettings
from marketwin.forecast.v1.service_pb2_grpc import ForecastServiceStub
from marketwin.ingest.v1.service_pb2_grpc import IngestServiceStub
from marketwin.profile.v1.service_pb2_grpc import ProfileServiceStub
from marketwin.recommend.v1.service_pb2_grpc import RecommendServiceStub
from marketwin.twin.v1.service_pb2_grpc import TwinServiceStub

if TYPE_CHECKING:
    from marketwin.forecast.v1.service_pb2_grpc import ForecastServiceAsyncStub
    from marketwin.ingest.v1.service_pb2_grpc import IngestServiceAsyncStub
    from marketwin.profile.v1.service_pb2_grpc import ProfileServiceAsyncStub
    from marketwin.recommend.v1.service_pb2_grpc import RecommendServiceAsyncStub
    from marketwin.twin.v1.service_pb2_grpc import TwinServiceAsyncStub

TAKE_IN_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Services:
    """A stub per service, and their addresses by name."""

    ingest: IngestServiceAsyncStub
    twin: TwinServiceAsyncStub
    profile: ProfileServiceAsyncStub
    forecast: ForecastServiceAsyncStub
    recommend: RecommendServiceAsyncStub
    addresses: dict[str, str]


@asynccontextmanager
async def services(settings: GatewaySettings) -> AsyncIterator[Services]:
    """Channels to the five services, for as long as the block runs."""
    addresses = {
        "ingest": settings.ingest_address,
        "twin": settings.twin_address,
        "profile": settings.profile_address,
        "forecast": settings.forecast_address,
        "recommend": settings.recommend_address,
    }
    async with AsyncExitStack() as channels:
        yield Services(
            ingest=await channels.enter_async_context(
                connect(addresses["ingest"], IngestServiceStub, deadline_s=TAKE_IN_DEADLINE_S)
            ),
            twin=await channels.enter_async_context(connect(addresses["twin"], TwinServiceStub)),
            profile=await channels.enter_async_context(connect(addresses["profile"], ProfileServiceStub)),
            forecast=await channels.enter_async_context(connect(addresses["forecast"], ForecastServiceStub)),
            recommend=await channels.enter_async_context(connect(addresses["recommend"], RecommendServiceStub)),
            addresses=addresses,
        )


# Not a plain function: the framework would send each request through a thread for it.
async def _of_request(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


Behind = Annotated[Services, Depends(_of_request)]
