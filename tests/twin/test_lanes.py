"""Writes that come at the same time share transactions, and each is answered as if it were alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from chassis.bus import bus
from chassis.db import Database, database
from chassis.errors import ChassisError, Conflict, Invalid, NotFound, Unavailable
from chassis.outbox import Relay
from chassis.settings import CommonSettings
from services.twin import usecases
from services.twin.app import MIGRATIONS
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin, Relation, Twin, empty
from services.twin.domain.types import Types
from services.twin.store import CONNECTIONS, OUTBOX, SCHEMA, PostgresStore, lanes, unlocked
from services.twin.usecases import Precondition

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHOPS = [f"retailer:R{number}" for number in range(60)]


class Market:
    """Two stores over the same tables, as two replicas have them."""

    def __init__(self, db: Database, one: PostgresStore, other: PostgresStore) -> None:
        self._db = db
        self.one = one
        self.other = other
        self._ticks = 0

    def origin(self, source: str = "user:test") -> Origin:
        self._ticks += 1
        then = NOW + timedelta(seconds=self._ticks)
        return Origin.of(then, then, source, "")

    async def patch(
        self, twin_id: str, tier: Any, precondition: Precondition | None = None, *, store: Any = None
    ) -> Twin:
        body = {"properties": {"tier": tier}}
        return await usecases.patch_twin(
            store or self.one, twin_id, body, precondition or Precondition(), self.origin()
        )

    async def number(self, query: str) -> int:
        async with self._db.transaction() as session:
            return int(await session.scalar(sa.text(query)) or 0)


@pytest_asyncio.fixture
async def market(common: CommonSettings) -> AsyncIterator[Market]:
    async with database(common.postgres_url, SCHEMA, **CONNECTIONS) as db, bus(common.nats_url, "test") as log:
        async with db.transaction() as session:
            await session.execute(sa.text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        await db.migrate(MIGRATIONS)
        relay = Relay(db, log, OUTBOX)
        types = Types.shipped()
        built = Market(db, PostgresStore(db, relay, types), PostgresStore(db, relay, types))
        region = Sighting.of("region:1", {"name_zh": "合肥"}, (), built.origin("crm"))
        seen = [Sighting.of(each, {"name": each}, (), built.origin("crm")) for each in SHOPS]
        await usecases.seed(built.one, [region, *seen])
        await built.number(f"SELECT count(*) FROM {SCHEMA}.twin")
        yield built


async def test_whoever_is_answered_may_come_again_at_once(market: Market):
    body = {"model": "retailer", "properties": {"tier": "high"}}

    async with asyncio.timeout(30):
        for _ in range(3):
            with pytest.raises(Invalid):
                await usecases.put_twin(market.one, "retailer:to-be", body, Precondition(), market.origin())


async def test_writes_that_come_at_once_share_transactions(market: Market):
    written = await asyncio.gather(*(market.patch(each, place) for place, each in enumerate(SHOPS)))

    assert [twin.properties["tier"] for twin in written] == list(range(len(SHOPS)))
    assert [twin.revision for twin in written] == [2] * len(SHOPS)
    # The first of each lane found nobody waiting.
    together = f"SELECT count(DISTINCT xmin::text) FROM {SCHEMA}.twin WHERE id LIKE 'retailer:%'"
    assert await market.number(together) <= 2 * lanes.LANES


async def test_everybody_reads_what_they_wrote(market: Market):
    async def write(twin_id: str, tier: int) -> None:
        await market.patch(twin_id, tier)
        assert (await usecases.get_twin(market.other, twin_id)).properties["tier"] == tier

    await asyncio.gather(*(write(each, place) for place, each in enumerate(SHOPS)))


async def test_a_write_that_is_refused_spares_those_it_travels_with(market: Market):
    asked = [
        market.patch(SHOPS[0], 1),
        market.patch(SHOPS[1], 2, Precondition(revision=7)),
        market.patch("retailer:nobody", 3),
        market.patch(SHOPS[2], "no tier"),
        market.patch(SHOPS[3], 4),
    ]

    found = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(each) for each in found] == [Twin, Conflict, NotFound, Invalid, Twin]
    assert [await _tier(market, place) for place in range(4)] == [1, None, None, 4]


async def test_what_the_database_refuses_spares_those_it_travels_with(market: Market):
    async def named(twin_id: str, name: str) -> Twin:
        patch = {"properties": {"name": name}}
        return await usecases.patch_twin(market.one, twin_id, patch, Precondition(), market.origin())

    found = await asyncio.gather(
        named(SHOPS[0], "a"), named(SHOPS[1], "nul \0 inside"), named(SHOPS[2], "c"), return_exceptions=True
    )

    assert [type(each) for each in found if not isinstance(each, ChassisError)] == [Twin, Twin]
    assert isinstance(found[1], Invalid)
    names = [(await usecases.get_twin(market.one, each)).properties["name"] for each in SHOPS[:3]]
    assert names == ["a", SHOPS[1], "c"]


async def test_writes_of_one_twin_are_applied_in_their_turn(market: Market):
    written = await asyncio.gather(*(market.patch(SHOPS[0], tier) for tier in range(120)))

    assert [twin.revision for twin in written] == list(range(2, 122))
    assert await _tier(market, 0) == 119
    assert await market.number(f"SELECT count(*) FROM {SCHEMA}.journal WHERE id = '{SHOPS[0]}'") == 121
    assert await market.number(f"SELECT count(*) FROM {SCHEMA}.snapshot WHERE id = '{SHOPS[0]}'") == 2
    then = await usecases.get_twin(market.one, SHOPS[0], 60)
    assert (then.revision, then.properties["tier"]) == (60, 58)


async def test_of_many_who_mean_the_same_revision_one_writes(market: Market):
    meant = Precondition(revision=1)
    found = await asyncio.gather(
        *(
            market.patch(SHOPS[0], tier, meant, store=store)
            for tier in range(20)
            for store in (market.one, market.other)
        ),
        return_exceptions=True,
    )

    assert [type(each) for each in found].count(Twin) == 1
    assert [type(each) for each in found].count(Conflict) == 39


async def test_two_replicas_lose_no_write_of_each_other(market: Market):
    every = [market.patch(SHOPS[place % 3], place, store=(market.one, market.other)[place % 2]) for place in range(150)]

    written = await asyncio.gather(*every)

    for shop in SHOPS[:3]:
        assert sorted(twin.revision for twin in written if twin.id == shop) == list(range(2, 52))
        assert await market.number(f"SELECT max(revision) FROM {SCHEMA}.journal WHERE id = '{shop}'") == 51


async def test_records_and_people_write_the_same_twin_without_loss(market: Market):
    async def see(place: int) -> None:
        sighting = Sighting.of(SHOPS[0], {"order_cycle_days": place}, (), market.origin("crm"))
        await usecases.seed(market.other, [sighting])

    await asyncio.gather(*(market.patch(SHOPS[0], tier) for tier in range(30)), *(see(place) for place in range(30)))

    twin = await usecases.get_twin(market.one, SHOPS[0])
    assert twin.properties.keys() >= {"tier", "order_cycle_days"}
    lines = f"SELECT count(*) FROM {SCHEMA}.journal WHERE id = '{SHOPS[0]}'"
    assert await market.number(lines) == twin.revision


async def test_relations_and_new_twins_are_written_among_others(market: Market):
    related = {"relations": [{"name": "located_in", "target": "region:1"}]}
    new = {"model": "retailer", "properties": {"tier": 5}}

    await asyncio.gather(
        usecases.patch_twin(market.one, SHOPS[0], related, Precondition(), market.origin()),
        usecases.put_twin(market.one, "retailer:new", new, Precondition(revision=0), market.origin()),
        usecases.delete_twin(market.one, SHOPS[1], Precondition(), market.origin()),
        market.patch(SHOPS[2], 9),
    )

    assert (await usecases.get_twin(market.one, SHOPS[0])).relations == (Relation("located_in", "region:1"),)
    assert await market.number(f"SELECT count(*) FROM {SCHEMA}.relation WHERE id = '{SHOPS[0]}'") == 1
    assert (await usecases.get_twin(market.one, "retailer:new")).properties == {"tier": 5}
    assert await _tier(market, 2) == 9
    with pytest.raises(NotFound):
        await usecases.get_twin(market.one, SHOPS[1])


async def test_who_writes_a_twin_again_need_not_read_it(market: Market, monkeypatch: pytest.MonkeyPatch):
    await market.patch(SHOPS[0], 1)
    monkeypatch.setattr(unlocked, "_READ", "no statement")

    second = await market.patch(SHOPS[0], 2)

    assert (second.revision, second.properties["tier"]) == (3, 2)
    assert await _tier(market, 0) == 2


async def test_nobody_is_refused_because_of_what_is_remembered(market: Market):
    await market.patch(SHOPS[0], 1)
    await market.patch(SHOPS[0], 2, store=market.other)

    third = await market.patch(SHOPS[0], 3, Precondition(revision=3))
    await usecases.delete_twin(market.other, SHOPS[0], Precondition(), market.origin())

    assert third.revision == 4
    with pytest.raises(NotFound):
        await market.patch(SHOPS[0], 4)


def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lanes, "REMEMBERED", 3)
    monkeypatch.setattr(lanes, "REMEMBERED_CHARACTERS", 100)
    lately = lanes.Lately()
    twins = {each: empty(each, Origin.of(NOW, NOW, "user:test", "")) for each in SHOPS[:5]}
    for each, twin in twins.items():
        lately.keep({each: twin}, {each: 100})
    lately.keep({SHOPS[3]: twins[SHOPS[3]]}, {SHOPS[3]: 101})

    assert list(lately.some_of(SHOPS)) == [SHOPS[2], SHOPS[4]]


async def test_more_writes_than_can_wait_are_sent_away(market: Market, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lanes, "WAITING", 10)

    found = await asyncio.gather(*(market.patch(SHOPS[0], tier) for tier in range(50)), return_exceptions=True)

    away = [each for each in found if isinstance(each, Unavailable)]
    written = [each for each in found if isinstance(each, Twin)]
    assert (len(written), len(away)) == (10, 40)
    assert {each.code for each in away} == {"too_many_requests"}


async def test_one_who_goes_away_stops_nobody(market: Market):
    gone = asyncio.create_task(market.patch(SHOPS[0], 1))
    stays = asyncio.create_task(market.patch(SHOPS[0], 2))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await stays).properties["tier"] == 2
    assert (await market.patch(SHOPS[0], 3)).properties["tier"] == 3


async def _tier(market: Market, shop: int) -> Any:
    return (await usecases.get_twin(market.one, SHOPS[shop])).properties.get("tier")
