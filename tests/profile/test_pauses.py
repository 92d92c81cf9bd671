"""When a bulk change is over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import polars as pl
import pytest_asyncio

from chassis.app import background
from chassis.bus import Bus, bus
from chassis.db import Database, database
from chassis.outbox import Relay
from chassis.settings import CommonSettings
from chassis.testing import eventually, fresh_database
from deploy.servers import Servers
from services.profile.app import MIGRATIONS
from services.profile.consumers import DURABLE, hear_records
from services.profile.domain.outcome import feature_names
from services.profile.settings import ProfileSettings
from services.profile.store import OUTBOX, SCHEMA, PostgresStore
from services.profile.wire import ProfileWriter
from tests.profile.builders import publish, retailer


class Noting(PostgresStore):
    """Remembers how many messages were said to wait."""

    def __init__(self, db: Database, log: Bus) -> None:
        rules = ProfileSettings().rules()
        super().__init__(db, Relay(db, log, OUTBOX), ProfileWriter(feature_names(rules), rules.key.threshold))
        self.noted: list[int] = []

    def note_waiting(self, messages: int) -> None:
        super().note_waiting(messages)
        self.noted.append(messages)


@pytest_asyncio.fixture
async def url(shared_servers: Servers) -> AsyncIterator[str]:
    async with fresh_database(shared_servers.postgres_url) as url:
        yield url


@pytest_asyncio.fixture
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        await connected.ensure_stream("ingest")
        yield connected
        # Each test begins with nothing to hear.
        await connected.jetstream.delete_consumer("INGEST", DURABLE)
        await connected.jetstream.purge_stream("INGEST")


@pytest_asyncio.fixture
async def store(url: str, log: Bus) -> AsyncIterator[Noting]:
    async with database(url, SCHEMA) as db:
        await db.migrate(MIGRATIONS)
        yield Noting(db, log)


async def _shop(log: Bus) -> None:
    await publish(log, "retailer", pl.DataFrame([retailer("R1")]))


async def test_a_message_that_is_being_taken_in_is_no_pause_however_long_it_takes(
    store: Noting, log: Bus, url: str
) -> None:
    blocker = await asyncpg.connect(url)
    async with background() as tasks:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE profile.retailer")
            await _shop(log)
            tasks.spawn(hear_records(log, store), name="records")

            async def stands_still() -> bool:
                return bool(await blocker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

            await eventually(stands_still)
            quiet_meanwhile = store.quiet_s()
        await blocker.close()

        await eventually(lambda: _is_quiet(store))

    assert quiet_meanwhile == 0.0


async def test_between_groups_of_messages_those_behind_still_wait(store: Noting, log: Bus) -> None:
    for _ in range(40):
        await _shop(log)

    async with background() as tasks:
        tasks.spawn(hear_records(log, store), name="records")

        async def all_taken() -> bool:
            return sum(store.noted[::2]) == 40 and len(store.noted) % 2 == 0

        await eventually(all_taken)

    groups, behind = store.noted[::2], store.noted[1::2]
    assert len(groups) > 1
    assert behind == [40 - sum(groups[: place + 1]) for place in range(len(groups))]


async def test_a_message_that_cannot_be_read_is_set_aside_and_then_there_is_a_pause(store: Noting, log: Bus) -> None:
    await log.publish("marketwin.ingest.v1.RecordsAccepted.sku", b"\xff", message_id="broken")

    async with background() as tasks:
        tasks.spawn(hear_records(log, store), name="records")

        async def is_buried() -> bool:
            return not await log.pending("INGEST", DURABLE)

        await eventually(lambda: _noted(store))
        await eventually(is_buried, within_s=20)

        assert await _is_quiet(store)


async def _noted(store: Noting) -> bool:
    return bool(store.noted)


async def _is_quiet(store: Noting) -> bool:
    return store.quiet_s() > 0
