"""Real servers for every test that asks for them: PostgreSQL and Valkey once, a NATS and a database per module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import redis.asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from xdist.remote import Producer

from chassis.settings import CommonSettings
from chassis.testing import fresh_database
from deploy.servers import Servers, servers
from tests.sharing import ByFile

# Without a provider every trace id is empty, and tests that compare trace ids could not fail.
trace.set_tracer_provider(TracerProvider())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    """Several processes share the tests by file."""
    return ByFile(config, log) if config.getvalue("dist") in {"loadfile", "loadgroup"} else None


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def common(shared_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CommonSettings]:
    """Settings of a fresh, empty installation: own database, own NATS, emptied Valkey, every trace kept."""
    folder = tmp_path_factory.mktemp("installation")
    given = {
        "MARKETWIN_POSTGRES_URL": shared_servers.postgres_url,
        "MARKETWIN_REDIS_URL": shared_servers.redis_url,
    }
    own = Servers(folder, environ=given)
    await own.start()
    client = redis.asyncio.from_url(shared_servers.redis_url)
    await client.flushall()
    await client.aclose()
    try:
        async with fresh_database(shared_servers.postgres_url) as postgres_url:
            yield CommonSettings(
                postgres_url=postgres_url,
                nats_url=own.nats_url,
                redis_url=shared_servers.redis_url,
                data=folder,
                environment="test",
                trace_ratio=1.0,
            )
    finally:
        await own.stop()
