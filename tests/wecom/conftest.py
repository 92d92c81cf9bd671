from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from demo.wecom.app import create_app
from deploy.servers import Servers
from services.recommend.wecom import Alert, WeComClient, WeComSettings
from tests.wecom.world import AGENT, CORP, SECRET, CallbackAddress, Clock, Settings, Stage, StandIn, stage

# Or each client would read them from their file.
AUTHORITIES = ssl.create_default_context()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def redis(shared_servers: Servers) -> AsyncIterator[Redis]:
    """The real Valkey, in a database of its own that each test finds empty."""
    client = Redis.from_url(shared_servers.redis_url.removesuffix("/0") + "/9")
    await client.flushdb()
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def address(clock: Clock) -> CallbackAddress:
    return CallbackAddress(clock)


@pytest_asyncio.fixture(scope="session")
async def stages() -> AsyncIterator[tuple[Stage, Stage]]:
    """Where the stand-in and its callback address are served."""
    async with stage() as service, stage() as callback:
        yield service, callback


@pytest_asyncio.fixture
async def stand_in(stages: tuple[Stage, Stage], clock: Clock, address: CallbackAddress) -> AsyncIterator[StandIn]:
    """A new stand-in with a working callback address."""
    service, callback = stages
    callback.app = address.app()
    service.app = create_app(Settings(callback_url=f"{callback.url}/callback").build(), now=clock)
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, verify=AUTHORITIES) as http:
        yield StandIn(service.url, clock, http)


@pytest.fixture
def alerts() -> list[Alert]:
    return []


@pytest_asyncio.fixture
async def new_client(
    redis: Redis, stand_in: StandIn, clock: Clock, alerts: list[Alert]
) -> AsyncIterator[Callable[..., WeComClient]]:
    """Makes clients of the stand-in that share one Valkey, as replicas do."""
    async with AsyncExitStack() as stack:
        opened: list[WeComClient] = []

        def make(*, store: Redis = redis, **changes: Any) -> WeComClient:
            given: dict[str, Any] = {
                "corp_id": CORP,
                "secret": SECRET,
                "agent_id": AGENT,
                "account_cap": 1000,
                "base_url": stand_in.url,
                "first_backoff_s": 0.01,
            }
            client = WeComClient(
                WeComSettings(**(given | changes)), store, alert=alerts.append, now=clock, jitter=lambda: 0.5
            )
            opened.append(client)
            stack.push_async_exit(client)
            return client

        yield make


@pytest.fixture
def client(new_client: Callable[..., WeComClient]) -> WeComClient:
    return new_client()
