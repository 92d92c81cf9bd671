"""Waits until what was taken in has reached everybody: book, twins, profiles, forecasts and ranking."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import nats
from nats.js.manager import JetStreamManager

from chassis.errors import Unavailable
from deploy.clients import Clients
from deploy.tasks import Stuck
from marketwin.forecast.v1.service_pb2 import CountForecastsRequest, GetTrainingRequest, TrainRequest
from marketwin.ingest.v1.service_pb2 import GetQualityRequest, GetQualityResponse
from marketwin.recommend.v1.service_pb2 import CountRecommendationsRequest

POLL_SECONDS = 0.3
# Between two events of one chain an outbox rests for a second and profiles gather changes for two.
QUIET_SECONDS = 3.0
STUCK_SECONDS = 120.0
CARDS_SECONDS = 20.0
LEARNER = "messages for forecast-records"

Report = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is still on its way, by name."""

    amounts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.amounts.values())

    def __str__(self) -> str:
        return ", ".join(f"{name}: {amount}" for name, amount in self.amounts.items() if amount)


async def heard(nats_url: str, clients: Clients, report: Report) -> None:
    """Wait until every accepted record is in the book and in the history that is learnt from; raises Stuck."""

    async def look() -> Waiting:
        quality = await clients.ingest.GetQuality(GetQualityRequest())
        lag = await _lag(manager)
        return Waiting({"records not yet in the book": _pending(quality), LEARNER: lag.get(LEARNER, 0)})

    async with _streams(nats_url) as manager:
        await _until_quiet(look, report, quiet_s=0)


async def catch_up(nats_url: str, clients: Clients, report: Report, *, quiet_s: float = QUIET_SECONDS) -> None:
    """Wait until nothing has been on its way for `quiet_s` seconds; raises Stuck when nothing moves for two minutes."""
    async with _streams(nats_url) as manager:
        await _until_quiet(lambda: _waiting(manager, clients), report, quiet_s)


@contextlib.asynccontextmanager
async def _streams(nats_url: str) -> AsyncIterator[JetStreamManager]:
    bus = await nats.connect(nats_url, connect_timeout=5)
    try:
        yield bus.jsm(timeout=5)
    finally:
        await bus.close()


async def booked(clients: Clients, report: Report) -> None:
    """Wait until every accepted record is in the book; raises Stuck after two minutes."""
    most, deadline = 0, time.monotonic() + STUCK_SECONDS
    while time.monotonic() < deadline:
        quality = await clients.ingest.GetQuality(GetQualityRequest())
        pending = _pending(quality)
        most = max(most, pending)
        report(most - pending, most)
        if not pending:
            return
        await asyncio.sleep(POLL_SECONDS)
    raise Stuck(f"{pending} records did not reach the book in {STUCK_SECONDS:.0f} s")


async def _until_quiet(look: Callable[[], Awaitable[Waiting]], report: Report, quiet_s: float) -> None:
    most, last, waiting = 0, -1, Waiting({"answers of the services": 1})
    moved_at = busy_at = time.monotonic()
    while True:
        with contextlib.suppress(Unavailable):  # too busy to answer in time is not stuck yet
            waiting = await look()
        now = time.monotonic()
        most = max(most, waiting.total)
        report(most - waiting.total, most)
        if waiting.total != last:
            last, moved_at = waiting.total, now
        if waiting.total:
            busy_at = now
        elif now - busy_at >= quiet_s:
            return
        if now - moved_at > STUCK_SECONDS:
            raise Stuck(f"nothing moved for {STUCK_SECONDS:.0f} s, still waiting: {waiting}")
        await asyncio.sleep(POLL_SECONDS)


async def _waiting(manager: JetStreamManager, clients: Clients) -> Waiting:
    quality, forecasts, ranking = await asyncio.gather(
        clients.ingest.GetQuality(GetQualityRequest()),
        clients.forecast.CountForecasts(CountForecastsRequest()),
        clients.recommend.CountRecommendations(CountRecommendationsRequest()),
    )
    amounts = await _lag(manager)
    amounts["records not yet in the book"] = _pending(quality)
    amounts["series not yet forecast"] = forecasts.waiting
    amounts["retailers not yet ranked"] = ranking.waiting
    return Waiting(amounts)


def _pending(quality: GetQualityResponse) -> int:
    return sum(each.pending for each in quality.balances)


async def _lag(manager: JetStreamManager) -> dict[str, int]:
    """Messages that each durable consumer has yet to handle."""
    amounts = {}
    for owner in await manager.streams_info():
        for consumer in await manager.consumers_info(str(owner.config.name)):
            if consumer.config.durable_name:
                amounts[f"messages for {consumer.name}"] = (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
    return amounts


async def train(clients: Clients, report: Report) -> None:
    """Run one training to its end; raises Stuck with its message when it fails."""
    training = (await clients.forecast.Train(TrainRequest())).training
    while training.status in ("queued", "running"):
        report(training.progress * 100, 100)
        await asyncio.sleep(POLL_SECONDS)
        training = (await clients.forecast.GetTraining(GetTrainingRequest(id=training.id))).training
    if training.status != "done":
        raise Stuck(f"the training {training.status}: {training.message}")
    report(100, 100)


async def deliver_cards(clients: Clients, report: Report) -> None:
    """Give the cards some seconds to leave; WeCom's own limits may hold the rest back for longer."""
    deadline = time.monotonic() + CARDS_SECONDS
    while time.monotonic() < deadline:
        cards = (await clients.recommend.CountRecommendations(CountRecommendationsRequest())).cards_by_state
        report(sum(cards.values()) - cards["queued"], sum(cards.values()))
        if not cards["queued"]:
            return
        await asyncio.sleep(POLL_SECONDS)
