"""One house for all tests of the gateway, with a small market in it where a test asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.settings import CommonSettings
from chassis.testing import fresh_database
from deploy.servers import Servers
from tests.gateway.house import Door, House, house
from tests.gateway.house import door as open_door
from tests.gateway.market import Market
from tests.gateway.tracing import remember_spans


@pytest.fixture(scope="package", autouse=True)
def spans() -> InMemorySpanExporter:
    """Every span of this process from here on."""
    return remember_spans()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def installation(shared_servers: Servers, scratch: Path) -> AsyncIterator[CommonSettings]:
    """Own database, own NATS, own number of the shared Valkey, every trace kept."""
    folder = scratch / "gateway"
    given = {"MARKETWIN_POSTGRES_URL": shared_servers.postgres_url, "MARKETWIN_REDIS_URL": shared_servers.redis_url}
    own = Servers(folder, environ=given)
    await own.start()
    try:
        async with fresh_database(shared_servers.postgres_url) as postgres_url:
            yield CommonSettings(
                postgres_url=postgres_url,
                nats_url=own.nats_url,
                redis_url=shared_servers.redis_url.removesuffix("/0") + "/7",
                data=folder,
                environment="test",
                trace_ratio=1.0,
            )
    finally:
        await own.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def whole(installation: CommonSettings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(installation, tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def door(whole: House) -> Door:
    return whole.door


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def api(door: Door) -> httpx.AsyncClient:
    """A client with an administrator's token."""
    return await door.client("admin")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def market(api: httpx.AsyncClient) -> Market:
    """Shops, products, orders and sales; profiles, forecasts and recommendations have followed."""
    opened = Market(api)
    await opened.open()
    return opened


@pytest_asyncio.fixture(loop_scope="session")
async def door_without_twin(whole: House) -> AsyncIterator[Door]:
    """A gateway that can reach every service but twin."""
    addresses = {name: address for name, address in whole.addresses.items() if name != "twin_address"}
    async with open_door(whole.common, **addresses) as opened:
        yield opened
