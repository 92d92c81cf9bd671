"""Fills a running local stack with a market pack through the public door, and plays its last weeks live."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
from rich.console import Console

from demo import packs
from deploy.catch_up import booked, catch_up, deliver_cards, heard, train
from deploy.clients import Clients
from deploy.environment import Layout
from deploy.keys import bearer_token
from deploy.progress import bar
from marketwin.forecast.v1.service_pb2 import CountForecastsRequest

DOOR_TIMEOUT_S = 60.0
TOKEN_HOURS = 24.0 * 90


async def fill(layout: Layout, nats_url: str, environ: Mapping[str, str], clients: Clients, console: Console) -> None:
    """Load what is not loaded yet, wait until everybody has it, and train where that is due."""
    pack, state = layout.pack, _state_path(layout, environ)
    before = packs.Checkpoint.of(state, pack).loaded
    async with _door(layout) as door:
        with bar(console, f"loading {pack.name}", len(pack.feeds)) as report:
            done: dict[str, float] = {}

            def on_progress(feed: str, rows: int, total: int) -> None:
                done[feed] = rows / total if total else 1.0
                report(sum(done.values()), len(pack.feeds))

            after = await packs.load(pack, door, on_progress, state_path=state)
    forecasts = await clients.forecast.CountForecasts(CountForecastsRequest())
    trained = state.with_suffix(".trained")
    # A run may have been cut off between loading and the end of training.
    is_warm = after == before and trained.exists() and bool(forecasts.annual + forecasts.demand)
    if is_warm:
        with bar(console, "balancing") as report:
            await booked(clients, report)
        return
    # What is made before the training is made again after it: only the records themselves are waited for.
    with bar(console, "following") as report:
        await heard(nats_url, clients, report)
    with bar(console, "training") as report:
        await train(clients, report)
    trained.touch()
    with bar(console, "recommending") as report:
        await catch_up(nats_url, clients, report)
    with bar(console, "sending cards") as report:
        await deliver_cards(clients, report)


async def play(layout: Layout, environ: Mapping[str, str]) -> None:
    """Send the pack's last weeks day by day, from where an earlier run stopped, until there are none left."""
    async with _door(layout) as door:
        await packs.replay(layout.pack, door, lambda *_: None, state_path=_state_path(layout, environ))


@contextlib.asynccontextmanager
async def _door(layout: Layout) -> AsyncIterator[httpx.AsyncClient]:
    token = bearer_token(layout.jwt_key, user=f"pack-{layout.pack.name}", roles=["partner"], hours=TOKEN_HOURS)
    async with httpx.AsyncClient(
        base_url=layout.gateway_url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=DOOR_TIMEOUT_S,
        trust_env=False,
    ) as client:
        yield client


def _state_path(layout: Layout, environ: Mapping[str, str]) -> Path:
    """How far the pack came belongs to the database it went to: another one starts from nothing."""
    elsewhere = environ.get("MARKETWIN_POSTGRES_URL", "")
    suffix = f"-{hashlib.sha256(elsewhere.encode()).hexdigest()[:12]}" if elsewhere else ""
    return layout.data / "packs" / f"{layout.pack.name}{suffix}.json"
