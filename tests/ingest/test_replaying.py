"""A record set aside enters the book at most once: whoever dies, however many send it, however often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio

from chassis.app import in_thread, utc_now
from chassis.bus import Bus
from chassis.db import Database, read_frame
from chassis.errors import Unavailable
from chassis.testing import eventually
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.domain.decode import Limits
from services.ingest.domain.known.directory import Directory
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.privacy.tokens import TokenKey
from services.ingest.store import PostgresShelf, PostgresStore, StreamLog, spooling
from services.ingest.usecases import Accepted, Entered, FrontDoor, Log, Newest, SetAside, Taken, replay_quarantine
from services.ingest.usecases.grouping import Lanes
from services.ingest.usecases.holding import Holding
from services.ingest.usecases.quarantine import Wanted
from services.ingest.usecases.replaying import Outcome, Replay
from tests.ingest.builders import sale
from tests.ingest.running import Stub, at, balances, booked, caught_up, now, push
from tests.ingest.test_quarantine import fates, get, replay, set_aside

KEY = TokenKey("k1", b"a secret of the tests, long enough")


class Forgetful:
    """A memory that keeps nothing, as that of a process that dies."""

    async def recall(self, batches: object) -> dict[str, Taken]:
        return {}

    def note(self, answers: object, entries: object) -> None:
        pass


class DiesAfterPublishing:
    """The log of a process that dies when its message is durable, before it can say so."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.parts: list[Accepted] = []

    async def accept(self, part: Accepted) -> Entered:
        self.parts.append(part)
        await self._log.accept(part)
        raise Unavailable("the process died here")

    async def refuse(self, part: SetAside) -> Entered:
        return await self._log.refuse(part)


@pytest_asyncio.fixture(loop_scope="session")
async def shelf(db: Database) -> PostgresShelf:
    return PostgresShelf(db)


@dataclass(frozen=True)
class SecondDoor:
    """A door beside the one that runs, as another replica would have it."""

    door: FrontDoor
    store: PostgresStore

    async def learn(self) -> None:
        """Takes the master data of the book."""
        await self.store.fill(self.door.directory)

    async def replay(self, shelf: PostgresShelf, log: object = None, **wanted: Any) -> Outcome:
        door = self.door if log is None else replace(self.door, log=log)
        return await replay_quarantine(door, shelf, Replay(**wanted))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stream(log: Bus, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StreamLog]:
    async with spooling(tmp_path_factory.mktemp("spool"), max_bytes=2**20) as spool:
        yield StreamLog(log, spool)


@pytest_asyncio.fixture(loop_scope="session")
async def second(ingest: Stub, db: Database, stream: StreamLog) -> SecondDoor:
    door = FrontDoor(
        log=stream,
        memory=Forgetful(),
        directory=Directory(),
        regions=Regions({}),
        tokens=KEY,
        mappings={},
        limits=Limits(),
        newest=Newest(),
        now=utc_now,
        off_loop=in_thread,
        passage=Lanes(),
        holding=Holding(max_bytes=2**30, source_quota=2**30),
        counted=lambda *_: None,
    )
    return SecondDoor(door, PostgresStore(db, Forgetful()))  # type: ignore[arg-type]  # only read from


async def waiting(stub: Stub, log: Bus, second: SecondDoor, source: str, count: int) -> list[Any]:
    """Records of a product that was not known when they came, and is now."""
    code = f"sku-of-{source}"
    rows = [sale(order_no=f"{source}-{n}", sku_code=code, sold_at=at(hours=1)) for n in range(count)]
    items = await set_aside(stub, log, source, *rows)
    await push(stub, "sku", [{"sku_code": code, "name_zh": "新品", "price_guide": "260.00"}])

    async def is_known() -> bool:
        await second.learn()
        return not second.door.directory.sku.missing({code})

    await eventually(is_known)
    await caught_up(log)
    return items


async def rows_of(db: Database, source: str) -> tuple[int, int]:
    """Rows in the book and beside it."""
    async with db.transaction() as session:
        book = await read_frame(session, "SELECT count(*) n FROM ingest.pos_sale WHERE source = :s", {"s": source})
        old = await read_frame(
            session, "SELECT count(*) n FROM ingest.superseded WHERE record ->> 'source' = :s", {"s": source}
        )
    return int(book["n"][0]), int(old["n"][0])


async def test_a_crash_between_the_log_and_the_answer_loses_and_doubles_nothing(
    ingest: Stub, log: Bus, db: Database, second: SecondDoor, shelf: PostgresShelf
):
    items = await waiting(ingest, log, second, "crash", 3)
    ids = [item.id for item in items]

    with pytest.raises(Unavailable):
        await second.replay(shelf, DiesAfterPublishing(second.door.log), ids=ids, by="ann")
    await caught_up(log)
    again = await replay(ingest, *items)

    after = [await get(ingest, id) for id in ids]
    assert (again.sent, again.duplicates) == (3, 3)
    assert {item.state for item in after} == {"replayed"}
    assert await rows_of(db, "crash") == (3, 0)
    assert fates((await balances(ingest, log))["crash", "pos_sale"]) == (3, 3, 0, 0, 0)


async def test_a_claim_of_the_dead_is_free_again_and_what_they_published_counts_once(
    ingest: Stub, log: Bus, db: Database, second: SecondDoor, shelf: PostgresShelf
):
    """The book hears of the dead one's message only after somebody else has sent the same items in another order."""
    items = await waiting(ingest, log, second, "late_claim", 2)
    async with db.engine.begin() as blocker:
        await blocker.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('ingest.pos_sale'))")
        with pytest.raises(Unavailable):
            await second.replay(shelf, DiesAfterPublishing(second.door.log), ids=[item.id for item in items])
        busy = await second.replay(shelf, ids=[items[1].id])
        await _expire_claims(db)
        one = asyncio.create_task(second.replay(shelf, ids=[items[1].id]))
        other = asyncio.create_task(second.replay(shelf, ids=[items[0].id]))
        await eventually(lambda: _pending(log))

    outcomes = await asyncio.gather(one, other)

    await caught_up(log)
    assert (busy.sent, busy.duplicates) == (1, 1)
    assert [outcome.accepted for outcome in outcomes] == [1, 1]
    assert await rows_of(db, "late_claim") == (2, 0)
    assert fates((await balances(ingest, log))["late_claim", "pos_sale"]) == (2, 2, 0, 0, 0)


async def _expire_claims(db: Database) -> None:
    async with db.transaction() as session:
        await read_frame(
            session, "UPDATE ingest.quarantine SET claimed_at = now() - interval '2 minutes' RETURNING 1 AS x"
        )


async def _pending(log: Bus) -> bool:
    return await log.pending("INGEST", "ingest-book") >= 3


async def test_many_who_send_the_same_items_at_once_change_what_one_would(
    ingest: Stub, log: Bus, db: Database, second: SecondDoor, shelf: PostgresShelf
):
    items = await waiting(ingest, log, second, "crowd", 40)
    ids = [item.id for item in items]
    wishes: list[dict[str, Any]] = [{"ids": ids}, {"source": "crowd"}, {"ids": ids[::-1]}, {"ids": ids[10:30]}] * 3

    outcomes = await asyncio.gather(*(second.replay(shelf, **wish) for wish in wishes))

    await caught_up(log)
    assert sum(outcome.accepted for outcome in outcomes) == 40
    assert await rows_of(db, "crowd") == (40, 0)
    assert fates((await balances(ingest, log))["crowd", "pos_sale"]) == (40, 40, 0, 0, 0)


async def test_a_message_of_the_log_that_comes_again_does_not_take_a_mended_record_back(
    ingest: Stub, log: Bus, db: Database, second: SecondDoor, shelf: PostgresShelf
):
    """Sent, and mended before the book heard of it: the older revision must not enter."""
    [item] = await waiting(ingest, log, second, "overtaken", 1)
    async with db.engine.begin() as blocker:
        await blocker.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('ingest.pos_sale'))")
        with pytest.raises(Unavailable):
            await second.replay(shelf, DiesAfterPublishing(second.door.log), ids=[item.id])
        await _expire_claims(db)
        mend = pb.MendQuarantineRequest(id=item.id, patch_json='{"pay_kind": "card"}', mended_by="ann")
        await ingest.MendQuarantine(mend)

    await caught_up(log)
    still = await get(ingest, item.id)
    await replay(ingest, item)

    record = await booked(ingest, "pos_sale", "R340100000001~overtaken-0~1")
    assert still.state == "mended"
    assert record["pay_kind"] == "card"
    assert fates((await balances(ingest, log))["overtaken", "pos_sale"]) == (1, 1, 0, 0, 0)


async def test_when_the_log_is_away_everything_stays_as_it_was(
    ingest: Stub, log: Bus, second: SecondDoor, shelf: PostgresShelf
):
    items = await waiting(ingest, log, second, "away", 2)

    class Away:
        async def accept(self, part: Accepted) -> Entered:
            raise Unavailable("no log")

        async def refuse(self, part: SetAside) -> Entered:
            raise Unavailable("no log")

    with pytest.raises(Unavailable):
        await second.replay(shelf, Away(), ids=[item.id for item in items])

    assert {(await get(ingest, item.id)).state for item in items} == {"open"}
    assert fates((await balances(ingest, log))["away", "pos_sale"]) == (2, 0, 0, 2, 0)


async def test_thousands_go_in_columns_in_messages_of_a_thousand(
    ingest: Stub, log: Bus, db: Database, second: SecondDoor, shelf: PostgresShelf
):
    await waiting(ingest, log, second, "bulk_replay", 3500)
    counting = Counting(second.door.log)
    begun = now()

    outcome = await second.replay(shelf, counting, source="bulk_replay", rule="DQ-10")

    await caught_up(log)
    taken = (now() - begun).total_seconds()
    found = await shelf.find(Wanted(source="bulk_replay", states=("replayed",)), limit=1, cursor="")
    assert (outcome.sent, outcome.accepted) == (3500, 3500)
    assert sorted(counting.sizes) == [500, 1000, 1000, 1000]
    assert found.total == 3500
    assert await rows_of(db, "bulk_replay") == (3500, 0)
    assert fates((await balances(ingest, log))["bulk_replay", "pos_sale"]) == (3500, 3500, 0, 0, 0)
    assert taken < 30


class Counting:
    """The log, with the sizes of its messages."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.sizes: list[int] = []

    async def accept(self, part: Accepted) -> Entered:
        self.sizes.append(part.records.height)
        return await self._log.accept(part)

    async def refuse(self, part: SetAside) -> Entered:
        return await self._log.refuse(part)
