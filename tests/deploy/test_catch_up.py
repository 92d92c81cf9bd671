"""Waiting for the followers, with a real NATS and services whose figures the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig

from chassis.rpc import serve
from deploy import catch_up
from deploy.clients import Clients, clients
from deploy.servers import Servers
from deploy.tasks import Stuck
from marketwin.forecast.v1.service_pb2 import CountForecastsResponse, GetTrainingResponse, TrainResponse
from marketwin.forecast.v1.service_pb2_grpc import ForecastServiceServicer, add_ForecastServiceServicer_to_server
from marketwin.forecast.v1.types_pb2 import Training
from marketwin.ingest.v1.service_pb2 import GetQualityResponse
from marketwin.ingest.v1.service_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server
from marketwin.ingest.v1.types_pb2 import QualityBalance
from marketwin.recommend.v1.service_pb2 import CountRecommendationsResponse
from marketwin.recommend.v1.service_pb2_grpc import RecommendServiceServicer, add_RecommendServiceServicer_to_server
from tests.deploy.waiting import until


@dataclass
class Figures:
    """What the services answer."""

    pending: int = 0
    unforecast: int = 0
    unranked: int = 0
    queued: int = 0
    trainings: list[Training] = field(default_factory=list)


class Services(IngestServiceServicer, ForecastServiceServicer, RecommendServiceServicer):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    async def GetQuality(self, request: Any, context: Any) -> GetQualityResponse:
        return GetQualityResponse(balances=[QualityBalance(source="shop", pending=self._figures.pending)])

    async def CountForecasts(self, request: Any, context: Any) -> CountForecastsResponse:
        return CountForecastsResponse(waiting=self._figures.unforecast)

    async def CountRecommendations(self, request: Any, context: Any) -> CountRecommendationsResponse:
        cards = {"queued": self._figures.queued, "sent": 5}
        return CountRecommendationsResponse(waiting=self._figures.unranked, cards_by_state=cards)

    async def Train(self, request: Any, context: Any) -> TrainResponse:
        return TrainResponse(training=self._figures.trainings.pop(0))

    async def GetTraining(self, request: Any, context: Any) -> GetTrainingResponse:
        return GetTrainingResponse(training=self._figures.trainings.pop(0))


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
async def calls(figures: Figures) -> AsyncIterator[Clients]:
    services = Services(figures)
    servicers: list[tuple[Callable[[Any, Any], None], object]] = [
        (add_IngestServiceServicer_to_server, services),
        (add_ForecastServiceServicer_to_server, services),
        (add_RecommendServiceServicer_to_server, services),
    ]
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serve(servicers, host="127.0.0.1", port=0))
        yield await stack.enter_async_context(clients(lambda _: address))


@pytest.fixture
async def nats_url(tmp_path: Path) -> AsyncIterator[str]:
    elsewhere = {"MARKETWIN_POSTGRES_URL": "unused", "MARKETWIN_REDIS_URL": "unused"}
    running = Servers(tmp_path, environ=elsewhere)
    await running.start()
    yield running.nats_url
    await running.stop()


@pytest.fixture
def seen() -> list[tuple[float, float]]:
    return []


@asynccontextmanager
async def _unheard(nats_url: str, *durables: str) -> AsyncIterator[JetStreamContext]:
    """Three messages that some consumers have not handled yet."""
    bus = await nats.connect(nats_url)
    stream = bus.jetstream()
    await stream.add_stream(StreamConfig(name="INGEST", subjects=["marketwin.ingest.v1.>"]))
    for name in durables:
        await stream.add_consumer("INGEST", ConsumerConfig(durable_name=name))
    for _ in range(3):
        await stream.publish("marketwin.ingest.v1.RecordsAccepted.sku", b"")
    yield stream
    await bus.close()


async def _handle(stream: JetStreamContext, durable: str) -> None:
    inbox = await stream.pull_subscribe_bind(durable, "INGEST")
    for message in await inbox.fetch(3, timeout=5):
        await message.ack()


async def test_messages_that_a_durable_consumer_has_not_handled_are_waited_for(
    calls: Clients, nats_url: str, seen: list[tuple[float, float]]
) -> None:
    async with _unheard(nats_url, "twin-records") as stream:
        waiting = asyncio.create_task(
            catch_up.catch_up(nats_url, calls, lambda done, total: seen.append((done, total)), quiet_s=0)
        )
        await until(lambda: (0, 3) in seen)

        await _handle(stream, "twin-records")
        await asyncio.wait_for(waiting, 10)

    assert seen[-1] == (3, 3)


async def test_before_the_training_the_records_are_waited_for_and_nothing_that_is_made_of_them(
    calls: Clients, nats_url: str, figures: Figures, seen: list[tuple[float, float]]
) -> None:
    figures.pending, figures.unforecast, figures.unranked = 7, 40, 40
    async with _unheard(nats_url, "forecast-records", "twin-records") as stream:
        waiting = asyncio.create_task(catch_up.heard(nats_url, calls, lambda done, total: seen.append((done, total))))
        await until(lambda: (0, 10) in seen)

        figures.pending = 0
        await until(lambda: (7, 10) in seen)
        await _handle(stream, "forecast-records")
        await asyncio.wait_for(waiting, 10)

    assert seen[-1] == (10, 10)


@pytest.mark.parametrize("name", ["pending", "unforecast", "unranked"])
async def test_what_a_service_still_has_to_do_is_waited_for(
    calls: Clients, nats_url: str, figures: Figures, seen: list[tuple[float, float]], name: str
) -> None:
    setattr(figures, name, 40)
    waiting = asyncio.create_task(
        catch_up.catch_up(nats_url, calls, lambda done, total: seen.append((done, total)), quiet_s=0)
    )
    await until(lambda: (0, 40) in seen)

    setattr(figures, name, 0)
    await asyncio.wait_for(waiting, 10)

    assert seen[-1] == (40, 40)


async def test_a_pause_between_two_steps_of_a_chain_does_not_pass_for_the_end(
    calls: Clients, nats_url: str, figures: Figures
) -> None:
    waiting = asyncio.create_task(catch_up.catch_up(nats_url, calls, lambda *_: None, quiet_s=1.5))
    await asyncio.sleep(0.5)  # the pause itself: nothing waits while the first step's event is on its way
    figures.unranked = 7
    done, _ = await asyncio.wait([waiting], timeout=2.5)

    figures.unranked = 0
    await asyncio.wait_for(waiting, 10)

    assert not done


async def test_a_follower_that_does_not_move_is_named(
    calls: Clients, nats_url: str, figures: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "STUCK_SECONDS", 0.5)
    figures.unforecast = 12

    with pytest.raises(Stuck, match=r"still waiting: series not yet forecast: 12$"):
        await catch_up.catch_up(nats_url, calls, lambda *_: None)


async def test_a_training_is_followed_to_its_end(
    calls: Clients, figures: Figures, seen: list[tuple[float, float]]
) -> None:
    figures.trainings = [
        Training(id="7", status="queued"),
        Training(id="7", status="running", progress=0.5),
        Training(id="7", status="done", progress=1),
    ]

    await catch_up.train(calls, lambda done, total: seen.append((done, total)))

    assert seen == [(0, 100), (50, 100), (100, 100)]


async def test_a_training_that_fails_says_why(calls: Clients, figures: Figures) -> None:
    figures.trainings = [Training(id="7", status="failed", message="too few weeks")]

    with pytest.raises(Stuck, match="the training failed: too few weeks"):
        await catch_up.train(calls, lambda *_: None)


async def test_cards_that_wecoms_limits_hold_back_do_not_hold_up_the_run(
    calls: Clients, figures: Figures, seen: list[tuple[float, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "CARDS_SECONDS", 0.5)
    figures.queued = 3

    await asyncio.wait_for(catch_up.deliver_cards(calls, lambda done, total: seen.append((done, total))), 10)

    assert set(seen) == {(5, 8)}
