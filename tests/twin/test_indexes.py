"""Indexes are made where searches ask for them, are few, and change no answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from chassis.bus import bus
from chassis.db import Database, database
from chassis.outbox import Relay
from chassis.rql.search import search_for
from chassis.settings import CommonSettings
from services.twin.app import MIGRATIONS
from services.twin.domain.twins import Change, Origin, Relation, Twin
from services.twin.domain.types import Types
from services.twin.store import CONNECTIONS, OUTBOX, SCHEMA, PostgresStore
from services.twin.store.indexes import Indexes

ORIGIN = Origin.of(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), "bench", "")
SHOPS = 3000
LONG = 60.0
"""Seconds of a search that is worth any index."""
LENGTHY = "红" * 270
"""More than an order tells apart."""


@pytest_asyncio.fixture
async def db(common: CommonSettings) -> AsyncIterator[Database]:
    async with database(common.postgres_url, SCHEMA, **CONNECTIONS) as db:
        async with db.transaction() as session:
            await session.execute(sa.text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        await db.migrate(MIGRATIONS)
        yield db


@pytest_asyncio.fixture
async def store(db: Database, common: CommonSettings) -> AsyncIterator[PostgresStore]:
    async with bus(common.nats_url, "test") as log:
        store = PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped())
        twins = [*(_shop(number) for number in range(SHOPS)), *(_region(number) for number in range(20))]
        async with store.write() as unit:
            await unit.lock([twin.id for twin in twins], ORIGIN)
            await unit.save([(twin, Change(1, {"relations": []}, ORIGIN)) for twin in twins])
        async with db.driver() as connection:
            await connection.execute(f"ANALYZE {SCHEMA}.twin")
        yield store


def _shop(number: int) -> Twin:
    properties: dict[str, Any] = {
        "name": f"红店 {number}",
        "tier": number % 30,
        "price": f"{number % 7}.50",
        'it\'s "odd"': number,
        # A property of all kinds: an order has a place for each.
        "note": f"{LENGTHY} {number}" if number < 5 else "short",
        "mixed": [number % 50, f"text {number % 50}", number % 2 == 0, None, {"a": number}][number % 5],
    }
    relation = Relation("located_in", f"region:{number % 20}")
    return Twin(f"retailer:R{number:04}", "retailer", 1, properties, {}, (relation,), ORIGIN)


def _region(number: int) -> Twin:
    return Twin(f"region:{number}", "region", 1, {"name": f"Region {number}"}, {}, (), ORIGIN)


SEARCHES: dict[str, dict[str, Any]] = {
    "something": {"filter_text": 'eq(properties/name,"红店 77")'},
    "a truth": {"filter_text": "eq(properties/mixed,true)"},
    "one of several": {"filter_text": 'in(properties/mixed,7,"text 11")'},
    "a range": {"filter_text": "lt(properties/tier,2)"},
    "a range of texts": {"filter_text": 'ge(properties/name,"红店 2990")'},
    "an order": {"model": "retailer", "sort": "-properties/tier"},
    "an order of all kinds": {"sort": "properties/mixed"},
    "the same, from behind": {"sort": "-properties/mixed"},
    "spelt numbers": {"filter_text": "gt(number(properties/price),5)", "sort": "number(properties/price)"},
    "a beginning": {"filter_text": 'like(properties/name,"红店 12*")'},
    "any part": {"filter_text": 'like(properties/name,"*店 299*")'},
    "any part, case aside": {"filter_text": 'ilike(properties/name,"*EGION 1*")'},
    "an odd name": {"filter_text": "lt(properties/it's%20%22odd%22,9)".replace("'", "%27")},
}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
async def test_a_search_that_took_long_gets_an_index_that_answers_it(
    store: PostgresStore, db: Database, search: dict[str, Any]
):
    before = await _all_pages(store, search)

    store.indexes.note(search_for(**search, limit=10), LONG)
    while await store.indexes.tend():
        pass

    assert store.indexes.ready.ranges or store.indexes.ready.parts
    assert await _all_pages(store, search) == before
    assert await _used(db) > 0


@pytest.mark.parametrize(
    ("query", "count"),
    [("eq", 1), ("ne", SHOPS - 1), ("gt", 2), ("ge", 3), ("lt", 2 + SHOPS - 5), ("le", 3 + SHOPS - 5)],
)
async def test_a_text_longer_than_an_index_tells_apart_is_compared_whole(store: PostgresStore, query: str, count: int):
    search = {"filter_text": f'{query}(properties/note,"{LENGTHY} 2")'}
    before = await _all_pages(store, search)

    store.indexes.note(search_for(filter_text='eq(properties/note,"short")', limit=10), LONG)
    await store.indexes.tend()

    assert store.indexes.ready.ranges
    assert len(before) == count
    assert await _all_pages(store, search) == before


async def test_there_are_never_more_indexes_than_allowed(store: PostgresStore, db: Database):
    few = Indexes(db, most=2)
    for field in ("tier", "name", "price", "mixed"):
        few.note(search_for(sort=f"properties/{field}", limit=1), LONG)

    made = [await few.tend() for _ in range(5)]

    assert made == [True, True, False, False, False]
    assert len(few.ready.ranges) == 2


async def test_a_fast_or_rare_search_gets_none(store: PostgresStore):
    search = search_for(sort="properties/tier", limit=1)
    for _ in range(1000):
        store.indexes.note(search, 0.001)
    store.indexes.note(search, 0.05)

    assert not await store.indexes.tend()


async def test_an_index_whose_maker_died_is_made_anew(store: PostgresStore, db: Database):
    store.indexes.note(search_for(sort="properties/tier", limit=1), LONG)
    await store.indexes.tend()
    async with db.driver() as connection:
        await connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN "
            "(SELECT oid FROM pg_class WHERE starts_with(relname, 'twin_by_'))"
        )

    store.indexes.note(search_for(sort="properties/tier", limit=1), LONG)
    unusable = store.indexes.ready
    await store.indexes.tend()
    store.indexes.note(search_for(sort="properties/tier", limit=1), LONG)
    await store.indexes.tend()

    assert unusable.ranges
    assert store.indexes.ready.ranges
    async with db.driver() as connection:
        assert await connection.fetchval(
            "SELECT bool_and(indisvalid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
            "WHERE starts_with(relname, 'twin_by_')"
        )


async def test_a_second_replica_makes_none_while_the_first_does(store: PostgresStore, db: Database):
    second = Indexes(db)
    second.note(search_for(sort="properties/tier", limit=1), LONG)
    async with db.driver() as connection:
        await connection.execute("SELECT pg_advisory_lock(hashtext('twin.indexes'))")

        made = await second.tend()

        await connection.execute("SELECT pg_advisory_unlock(hashtext('twin.indexes'))")
    assert not made
    assert await second.tend()


async def _all_pages(store: PostgresStore, search: dict[str, Any]) -> list[str]:
    found: list[str] = []
    cursor, more = "", True
    while more:
        page, cursor = await store.search(search_for(**search, cursor=cursor, limit=700))
        found += [twin.id for twin in page]
        more = bool(cursor)
    return found


async def _used(db: Database) -> int:
    """How often indexes made for searches were read."""
    async with db.asking() as searching:
        # Whoever has counted tells it.
        await searching.execute("SELECT pg_stat_force_next_flush()")
    async with db.transaction() as session:
        query = "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE starts_with(indexrelname, 'twin_by_')"
        return int(await session.scalar(sa.text(query)) or 0)
