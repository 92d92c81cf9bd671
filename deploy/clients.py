"""The calls with which the supervisor looks into the services of a local stack."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.rpc import connect
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

DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Clients:
    """One stub a service."""

    ingest: IngestServiceAsyncStub
    twin: TwinServiceAsyncStub
    profile: ProfileServiceAsyncStub
    forecast: ForecastServiceAsyncStub
    recommend: RecommendServiceAsyncStub


@contextlib.asynccontextmanager
async def clients(address: Callable[[str], str]) -> AsyncIterator[Clients]:
    """Stubs for the five services at `address(name)`, with a deadline on every call."""
    async with (
        connect(address("ingest"), IngestServiceStub, deadline_s=DEADLINE_S) as ingest,
        connect(address("twin"), TwinServiceStub, deadline_s=DEADLINE_S) as twin,
        connect(address("profile"), ProfileServiceStub, deadline_s=DEADLINE_S) as profile,
        connect(address("forecast"), ForecastServiceStub, deadline_s=DEADLINE_S) as forecast,
        connect(address("recommend"), RecommendServiceStub, deadline_s=DEADLINE_S) as recommend,
    ):
        yield Clients(ingest, twin, profile, forecast, recommend)
