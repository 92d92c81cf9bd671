"""PostgreSQL goes away for a while: services wait for it, and go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import grpc
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from chassis.app import Running
from chassis.errors import Unavailable
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually
from marketwin.forecast.v1 import service_pb2 as forecast_pb
from marketwin.forecast.v1 import service_pb2_grpc as forecast_rpc
from marketwin.ingest.v1 import service_pb2 as ingest_pb
from marketwin.ingest.v1 import service_pb2_grpc as ingest_rpc
from marketwin.profile.v1 import service_pb2 as profile_pb
from marketwin.profile.v1 import service_pb2_grpc as profile_rpc
from marketwin.recommend.v1 import service_pb2 as recommend_pb
from marketwin.recommend.v1 import service_pb2_grpc as recommend_rpc
from marketwin.twin.v1 import service_pb2 as twin_pb
from marketwin.twin.v1 import service_pb2_grpc as twin_rpc
from services.forecast import app as forecast
from services.forecast.settings import ForecastSettings
from services.ingest import app as ingest
from services.ingest.settings import IngestSettings
from services.profile import app as profile
from services.profile.settings import ProfileSettings
from services.recommend import app as recommend
from services.recommend.settings import RecommendSettings
from services.twin import app as twin
from services.twin.settings import TwinSettings
from tests.ingest.conftest import KEY


class Way:
    """The way to PostgreSQL, which can be shut."""

    def __init__(self, postgres_url: str) -> None:
        self._there = urlsplit(postgres_url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        user = self._there.netloc.rpartition("@")[0]
        netloc = f"{user}@127.0.0.1:{self._port}" if user else f"127.0.0.1:{self._port}"
        return urlunsplit(self._there._replace(netloc=netloc))

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._there.hostname, self._there.port)
        self._writers |= {writer, back}
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        self._writers -= {writer, back}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.close()


@pytest_asyncio.fixture
async def way(common: CommonSettings) -> AsyncIterator[Way]:
    found = Way(common.postgres_url)
    await found.open()
    yield found
    await found.shut()


App = Callable[[Any], AbstractAsyncContextManager[Running]]
SERVICES: dict[str, tuple[App, Any, set[str]]] = {
    # Erasing and retention may lose their lease to the same fault before they meet it themselves.
    "ingest": (ingest.app, partial(IngestSettings, token_key=KEY), {"forgotten"}),
    "twin": (twin.app, TwinSettings, {"fusion rules", "migrations"}),
    "profile": (profile.app, ProfileSettings, {"renewal"}),
    "forecast": (forecast.app, ForecastSettings, {"forecasts", "claims", "renewal", "watch"}),
    "recommend": (recommend.app, RecommendSettings, {"ranking"}),
}
READS: dict[str, Callable[[grpc.aio.Channel], Awaitable[Any]]] = {
    "ingest": lambda channel: ingest_rpc.IngestServiceStub(channel).GetQuality(ingest_pb.GetQualityRequest()),
    "twin": lambda channel: twin_rpc.TwinServiceStub(channel).CountTwins(twin_pb.CountTwinsRequest()),
    "profile": lambda channel: profile_rpc.ProfileServiceStub(channel).ListProfiles(profile_pb.ListProfilesRequest()),
    "forecast": lambda channel: forecast_rpc.ForecastServiceStub(channel).CountForecasts(
        forecast_pb.CountForecastsRequest()
    ),
    "recommend": lambda channel: recommend_rpc.RecommendServiceStub(channel).CountRecommendations(
        recommend_pb.CountRecommendationsRequest()
    ),
}


@pytest.mark.parametrize("name", SERVICES)
async def test_work_in_the_background_waits_until_the_database_is_back(
    name: str, common: CommonSettings, way: Way
) -> None:
    app, settings, works = SERVICES[name]
    own = settings(common=common.model_copy(update={"postgres_url": way.url}))
    async with (
        app(own) as running,
        _watched(running) as has_failed,
        connect(running.address, lambda channel: channel) as channel,
    ):
        with capture_logs() as told:
            await way.shut()

            async def all_wait() -> bool:
                waiting = {each.get("work") for each in told if each["event"] == "work.waits"}
                return has_failed() or waiting >= works

            await eventually(all_wait, within_s=30)
            await way.open()

        async def answers() -> bool:
            try:
                await READS[name](channel)
            except Unavailable:
                return has_failed()
            return True

        await eventually(answers)
        assert not has_failed()


@asynccontextmanager
async def _watched(running: Running) -> AsyncIterator[Callable[[], bool]]:
    """Whether a task of the service has died."""
    failing = asyncio.create_task(running.background.failed())
    try:
        yield failing.done
    finally:
        failing.cancel()
