"""Real servers for every test that asks for them: PostgreSQL and Valkey once, a NATS and a database per module."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import psutil
import pytest
import pytest_asyncio
import redis.asyncio
from hypothesis import HealthCheck, settings
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from xdist.remote import Producer

from chassis.settings import CommonSettings
from chassis.testing import fresh_database
from deploy import postgres
from deploy.servers import Servers
from tests.sharing import ByFile

MEMORY = Path("/dev/shm")
SCRATCH = "marketwin-tests-of-"
ROOM_BYTES = 4 * 1024**3
# What they hold need not outlive a power cut.
UNSAFE = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}
# Without a provider every trace id is empty, and tests that compare trace ids could not fail.
trace.set_tracer_provider(TracerProvider())
# How long an example takes says something about the machine only.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    """Several processes share the tests by file."""
    return ByFile(config, log) if config.getvalue("dist") in {"loadfile", "loadgroup"} else None


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """Where the servers of the tests keep what need not outlive them: in memory where there is room.

    Databases come and go with hundreds of files each, and on a disk that is a third of what the tests cost.
    What a killed run has left there is removed.
    """
    for left in MEMORY.glob(f"{SCRATCH}*"):
        if not psutil.pid_exists(int(left.name.removeprefix(SCRATCH).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    with TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-", dir=MEMORY if has_room else None) as folder:
        yield Path(folder)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_servers(scratch: Path) -> AsyncIterator[Servers]:
    running = Servers(scratch / "shared")
    with patch.dict(postgres.SETTINGS, UNSAFE):
        await running.start()
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture(scope="session")
def template() -> str:
    """What the database of an installation is copied from: nothing."""
    return "template1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def common(shared_servers: Servers, template: str, scratch: Path) -> AsyncIterator[CommonSettings]:
    """Settings of a fresh, empty installation: own database, own NATS, emptied Valkey, every trace kept."""
    given = {
        "MARKETWIN_POSTGRES_URL": shared_servers.postgres_url,
        "MARKETWIN_REDIS_URL": shared_servers.redis_url,
    }
    client = redis.asyncio.from_url(shared_servers.redis_url)
    await client.flushall()
    await client.aclose()
    with TemporaryDirectory(prefix="installation-", dir=scratch) as folder:
        own = Servers(Path(folder), environ=given)
        await own.start()
        try:
            async with fresh_database(shared_servers.postgres_url, template=template) as postgres_url:
                yield CommonSettings(
                    postgres_url=postgres_url,
                    nats_url=own.nats_url,
                    redis_url=shared_servers.redis_url,
                    data=Path(folder),
                    environment="test",
                    trace_ratio=1.0,
                )
        finally:
            await own.stop()
