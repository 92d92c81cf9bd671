"""What a few records say is written by one statement, without a lock before: nothing is lost or said twice."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
import sqlalchemy as sa

from chassis.bus import bus
from chassis.db import Database, database
from chassis.outbox import Relay
from chassis.settings import CommonSettings
from services.twin import usecases
from services.twin.app import MIGRATIONS
from services.twin.domain import statements
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin
from services.twin.domain.types import Types
from services.twin.store import INBOX, OUTBOX, SCHEMA, PostgresStore
from services.twin.usecases import Unit

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONSUMER = "test"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def db(common: CommonSettings) -> AsyncIterator[Database]:
    async with database(common.postgres_url, SCHEMA) as db:
        await db.migrate(MIGRATIONS)
        yield db


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(common: CommonSettings, db: Database) -> AsyncIterator[PostgresStore]:
    async with bus(common.nats_url, "test") as log:
        yield PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped())


@pytest_asyncio.fixture(loop_scope="session")
async def machine(store: PostgresStore) -> str:
    twin_id = f"machine:{uuid.uuid4().hex}"
    await usecases.seed(store, [_seen(twin_id, 0, state="run")])
    return twin_id


def _seen(twin_id: str, hour: int, source: str = "mes", **properties: object) -> Sighting:
    at = NOW + timedelta(hours=hour)
    return Sighting.of(twin_id, properties, (), Origin.of(at, at, source, ""))


def _work(
    seen: Sighting, message_id: str, meanwhile: Callable[[], Awaitable[object]] | None = None
) -> tuple[Callable[[Unit], Awaitable[bool]], list[type]]:
    """Says what was seen, as a consumer of messages does; and by which units it was tried."""
    tried: list[type] = []

    async def work(unit: Unit) -> bool:
        tried.append(type(unit))
        is_new = bool(await unit.mark_new(CONSUMER, [message_id]))
        twin = (await unit.lock([seen.id], seen.said.origin))[seen.id]
        if meanwhile is not None and len(tried) == 1:
            await meanwhile()
        outcome = statements.apply(twin, seen.said, unit.rules) if is_new else None
        await unit.save([outcome] if outcome else [])
        return outcome is not None

    return work, tried


async def _number(db: Database, statement: str, **values: str) -> int:
    async with db.transaction() as session:
        return int((await session.execute(sa.text(statement), values)).scalar_one())


async def _marks(db: Database, message_id: str) -> int:
    return await _number(db, f"SELECT count(*) FROM {INBOX.fullname} WHERE message_id = :id", id=message_id)


async def test_state_line_mark_and_event_are_there_after_one_try_without_locks(
    store: PostgresStore, db: Database, machine: str
):
    work, tried = _work(_seen(machine, 1, state="stop"), message_id := uuid.uuid4().hex)
    told = await _number(db, f"SELECT count(*) FROM {OUTBOX.fullname}")

    assert await store.in_one(work, few=True)

    assert [each.__name__ for each in tried] == ["UnlockedUnit"]
    assert (twin := await store.get(machine)) is not None
    assert (twin.revision, twin.properties) == (2, {"state": "stop"})
    assert await _number(db, f"SELECT count(*) FROM {SCHEMA}.journal WHERE id = :id", id=machine) == 2
    assert await _marks(db, message_id) == 1
    assert await _number(db, f"SELECT count(*) FROM {OUTBOX.fullname}") == told + 1


async def test_a_row_that_only_holds_the_place_of_a_twin_to_be_is_none(store: PostgresStore):
    seen = _seen(f"machine:{uuid.uuid4().hex}", 1, state="stop")
    async with store.write() as unit:
        await unit.lock([seen.id], seen.said.origin)
    work, tried = _work(seen, uuid.uuid4().hex)

    assert await store.in_one(work, few=True)

    assert [each.__name__ for each in tried] == ["UnlockedUnit", "PostgresUnit"]
    assert (twin := await store.get(seen.id)) is not None
    assert (twin.model, twin.revision, twin.properties) == ("machine", 1, {"state": "stop"})


async def test_a_twin_that_moves_while_it_is_decided_about_loses_nothing(
    store: PostgresStore, db: Database, machine: str
):
    async def somebody_else() -> None:
        await usecases.seed(store, [_seen(machine, 2, source="erp", shift="B")])

    work, tried = _work(_seen(machine, 1, state="stop"), message_id := uuid.uuid4().hex, somebody_else)

    assert await store.in_one(work, few=True)

    assert [each.__name__ for each in tried] == ["UnlockedUnit", "PostgresUnit"]
    assert (twin := await store.get(machine)) is not None
    assert (twin.revision, twin.properties) == (3, {"state": "stop", "shift": "B"})
    assert await _marks(db, message_id) == 1


@pytest.mark.parametrize("hour", [1, 0])
async def test_a_message_that_is_heard_meanwhile_says_nothing_a_second_time(
    store: PostgresStore, db: Database, machine: str, hour: int
):
    message_id = uuid.uuid4().hex

    async def heard_elsewhere() -> None:
        async with db.transaction() as session:
            await session.execute(sa.insert(INBOX).values(consumer=CONSUMER, message_id=message_id))

    work, _ = _work(_seen(machine, hour, state="run" if hour == 0 else "stop"), message_id, heard_elsewhere)

    assert not await store.in_one(work, few=True)

    assert (twin := await store.get(machine)) is not None
    assert (twin.revision, twin.properties) == (1, {"state": "run"})
    assert await _marks(db, message_id) == 1


async def test_a_twin_that_is_not_there_yet_is_made_with_locks(store: PostgresStore, db: Database):
    twin_id = f"machine:{uuid.uuid4().hex}"
    work, tried = _work(_seen(twin_id, 1, state="run"), message_id := uuid.uuid4().hex)

    assert await store.in_one(work, few=True)

    assert [each.__name__ for each in tried][1:] == ["PostgresUnit"]
    assert await store.get(twin_id) is not None
    assert await _marks(db, message_id) == 1
