"""Running connections: one replica at a time, started again after failures, stopped cleanly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from chassis.app import utc_now
from chassis.db import Database, database
from chassis.errors import Invalid, NotFound, Unavailable
from chassis.settings import CommonSettings
from chassis.testing import eventually
from services.ingest.app import MIGRATIONS
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.sources.asking import ask_for_run
from services.ingest.sources.connection import Connection, Connector, Intake, SourceAway
from services.ingest.sources.connectors import CONNECTORS
from services.ingest.sources.runner import Pauses, Runner, running
from services.ingest.store import SCHEMA, Connections, leases
from services.ingest.store.connections import note_news, seen
from services.ingest.usecases import Body, ConnectionSeen

Run = Callable[[Connection, Intake], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def book(common: CommonSettings) -> AsyncIterator[Database]:
    async with database(common.postgres_url, SCHEMA) as opened:
        await opened.migrate(MIGRATIONS)
        yield opened


@dataclass
class Door:
    """A door that keeps what it is given, or is full."""

    bodies: list[Body] = field(default_factory=list)
    full: int = 0

    async def take_in(self, body: Body) -> Receipt:
        if self.full:
            self.full -= 1
            raise Unavailable("the door is full", retry_after_s=0.01)
        self.bodies.append(body)
        return Receipt("B", 1, 0, 0, 0, 0)


def body(key: str = "k") -> Body:
    return Body(kind="pos_sale", source="till", content_type="application/json", idempotency_key=key, content=b"[]")


def named(name: str, **changes: Any) -> Connection:
    given: dict[str, Any] = {"type": "scripted", "source": "till", "kind": "pos_sale", "options": {}}
    return Connection(name=name, **{**given, **changes})


async def for_ever() -> None:
    await asyncio.Event().wait()


class Replica:
    """A replica of the service that runs connections."""

    def __init__(
        self, book: Database, common: CommonSettings, *, door: Door | None = None, look_s: float = 2.0
    ) -> None:
        self.look_s = look_s
        self.book = book
        self.common = common
        self.door = door or Door()
        self.stack = AsyncExitStack()
        self.held: Any = None

    async def start(self, run: Run, *connections: Connection) -> Replica:
        self.held = await self.stack.enter_async_context(leases(self.common.postgres_url, ping_s=0.05))
        runner = Runner(
            ledger=Connections(self.book, self.held),
            take_in=self.door.take_in,
            now=utc_now,
            pauses=Pauses(first_s=0.01, longest_s=0.05),
            look_s=self.look_s,
            connectors={"scripted": Connector(type="scripted", doc="", options={}, run=run, fetches=True)},
        )
        by_name = {connection.name: connection for connection in connections}
        await self.stack.enter_async_context(running(runner, by_name))
        return self

    async def stop(self) -> None:
        await self.stack.aclose()


async def state_of(book: Database, name: str) -> ConnectionSeen:
    (found,) = await seen(book, [name])
    return found


async def reached(book: Database, name: str, state: str) -> ConnectionSeen:
    async def there() -> ConnectionSeen | None:
        found = await state_of(book, name)
        return found if found.state == state else None

    return await eventually(there)


async def test_what_a_connection_brought_is_counted_and_it_goes_on_from_its_checkpoint(
    book: Database, common: CommonSettings
):
    heard: list[Any] = []

    async def run(_: Connection, intake: Intake) -> None:
        heard.append(await intake.recall())
        await intake.take_in(body())
        await intake.note({"cursor": "c7", "page": 3, "nothing": None}, 5)
        await for_ever()

    for _ in range(2):
        replica = await Replica(book, common).start(run, named("counted"))

        async def brought(expected: int = 5 * len(heard) + 5) -> bool:
            return (await state_of(book, "counted")).records == expected

        await eventually(brought)
        await replica.stop()

    found = await state_of(book, "counted")
    assert heard == [None, {"cursor": "c7", "page": 3, "nothing": None}]
    assert (found.state, found.records, found.checkpoint) == ("stopped", 10, "cursor=c7, page=3")
    assert found.last_success_at is not None


async def test_a_body_carries_the_name_of_its_connection_and_a_trace(book: Database, common: CommonSettings):
    async def run(_: Connection, intake: Intake) -> None:
        await intake.take_in(body())
        await intake.note({}, 1)
        await for_ever()

    replica = await Replica(book, common).start(run, named("traced"))
    await reached(book, "traced", "running")

    async def brought() -> bool:
        return len(replica.door.bodies) == 1

    await eventually(brought)
    await replica.stop()

    (sent,) = replica.door.bodies
    assert sent.sent_by == "connection:traced"
    assert len(sent.trace_id) == 32


async def test_a_source_that_is_away_is_tried_again_and_says_why(book: Database, common: CommonSettings):
    tries: list[float] = []
    back = asyncio.Event()

    async def run(_: Connection, intake: Intake) -> None:
        tries.append(asyncio.get_running_loop().time())
        if not back.is_set():
            raise SourceAway("the ERP does not answer; start it")
        await intake.note({"cursor": "1"}, 1)
        await for_ever()

    replica = await Replica(book, common).start(run, named("away"))
    failing = await reached(book, "away", "failing")

    async def tried() -> bool:
        return len(tries) > 6

    await eventually(tried)
    back.set()

    async def well() -> ConnectionSeen | None:
        found = await state_of(book, "away")
        return found if found.records else None

    found = await eventually(well)
    await replica.stop()

    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert failing.last_error == "the ERP does not answer; start it"
    assert (found.state, found.last_error) == ("running", "")
    # Half of the growing limit at least; the clock of the loop may be a little early.
    least = [0.45 * min(0.01 * 2.0**tried, 0.05) for tried in range(len(pauses))]
    assert all(pause > shortest for pause, shortest in zip(pauses, least, strict=True))


async def test_a_connector_with_a_fault_fails_alone_and_its_text_tells_no_data(book: Database, common: CommonSettings):
    async def run(connection: Connection, intake: Intake) -> None:
        if connection.name == "broken":
            raise KeyError("13812341234")
        await intake.note({"cursor": "1"}, 1)
        await for_ever()

    replica = await Replica(book, common).start(run, named("broken"), named("sound"))
    broken = await reached(book, "broken", "failing")
    sound = await reached(book, "sound", "running")
    await replica.stop()

    assert "KeyError" in broken.last_error
    assert "138" not in broken.last_error
    assert sound.state == "running"


async def test_a_full_door_is_asked_again(book: Database, common: CommonSettings):
    async def run(_: Connection, intake: Intake) -> None:
        await intake.take_in(body())
        await intake.note({}, 1)
        await for_ever()

    replica = await Replica(book, common, door=Door(full=1)).start(run, named("patient"))

    async def brought() -> bool:
        return len(replica.door.bodies) == 1

    await eventually(brought)
    await replica.stop()

    assert (await state_of(book, "patient")).last_error == ""


async def test_one_replica_runs_a_connection_and_another_takes_over_when_it_stops(
    book: Database, common: CommonSettings
):
    active: list[str] = []

    def run_as(name: str) -> Run:
        async def run(_: Connection, intake: Intake) -> None:
            active.append(name)
            await intake.note({"by": name}, 0)
            await for_ever()

        return run

    first = await Replica(book, common).start(run_as("first"), named("shared"))
    await reached(book, "shared", "running")
    second = await Replica(book, common).start(run_as("second"), named("shared"))

    async def asked_often() -> bool:
        # The second has asked for the lease and was refused.
        return second.held._connection is not None and not second.held._held

    await eventually(asked_often)
    assert active == ["first"]
    await first.stop()

    async def taken_over() -> bool:
        return active == ["first", "second"]

    await eventually(taken_over)
    await second.stop()


async def test_a_lease_that_is_lost_stops_the_run_at_once_and_is_taken_again(book: Database, common: CommonSettings):
    stopped: list[int] = []
    started: list[int] = []

    async def run(_: Connection, intake: Intake) -> None:
        started.append(1)
        try:
            await for_ever()
        finally:
            stopped.append(1)

    replica = await Replica(book, common).start(run, named("leased"))
    await reached(book, "leased", "running")

    async def has_started() -> bool:
        return len(started) == 1

    await eventually(has_started)
    admin = await asyncpg.connect(common.postgres_url)
    ended = await admin.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'marketwin-ingest-leases' AND datname = current_database()"
    )
    await admin.close()

    async def begun_again() -> bool:
        return len(started) == 2

    await eventually(begun_again)
    assert ended == 1
    assert len(stopped) == 1
    await replica.stop()


async def test_a_connection_that_means_another_source_forgets_where_it_was(book: Database, common: CommonSettings):
    async def run(_: Connection, intake: Intake) -> None:
        known = await intake.recall()
        await intake.note(known or {"cursor": "old"}, 1)
        await for_ever()

    async def after(connection: Connection) -> ConnectionSeen:
        before = (await seen(book, [connection.name]) or [None])[0]
        replica = await Replica(book, common).start(run, connection)

        async def noted() -> ConnectionSeen | None:
            found = await state_of(book, connection.name)
            return found if found.records > (before.records if before else 0) else None

        found = await eventually(noted)
        await replica.stop()
        return found

    await after(named("moved"))
    held = Connections(book, None)  # type: ignore[arg-type]  # no lease is needed to declare
    await held.declare([named("moved")])
    kept = await held.recall("moved")
    await held.declare([named("moved", source="other")])
    forgotten = await held.recall("moved")

    assert kept == {"cursor": "old"}
    assert forgotten is None


def test_pauses_grow_to_their_limit_and_are_never_in_step():
    pauses = Pauses(first_s=1, longest_s=60)

    drawn = {failures: [pauses.of(failures) for _ in range(50)] for failures in (1, 3, 50)}

    assert all(0.5 <= pause <= 1 for pause in drawn[1])
    assert all(2 <= pause <= 4 for pause in drawn[3])
    assert all(30 <= pause <= 60 for pause in drawn[50])
    assert len(set(drawn[3])) > 10


@pytest.mark.parametrize("failures", [1, 2, 31, 10_000])
def test_a_pause_is_always_a_number(failures: int):
    assert 0 < Pauses().of(failures) <= 300


async def test_a_connection_that_was_asked_for_begins_anew_in_the_replica_that_runs_it(
    book: Database, common: CommonSettings
):
    began: list[tuple[str, str]] = []
    connectors = {"scripted": Connector(type="scripted", doc="", options={}, run=None, fetches=True)}
    connections = [named("asked"), named("other")]

    def run_of(replica: str) -> Run:
        async def run(connection: Connection, intake: Intake) -> None:
            began.append((connection.name, replica))
            await intake.note({"begun": len(began)}, 1)
            await for_ever()

        return run

    async def both_run(times: int) -> bool:
        return [name for name, _ in began].count("asked") == times and ("other" in {name for name, _ in began})

    replicas = [
        await Replica(book, common, look_s=0.05).start(run_of(each), *connections) for each in ("first", "second")
    ]
    try:
        for times in range(1, 4):
            await eventually(partial(both_run, times))
            await ask_for_run({"asked": named("asked")}, connectors, partial(note_news, book), "asked")
        await eventually(partial(both_run, 4))
        meanwhile = list(began)
    finally:
        for replica in replicas:
            await replica.stop()

    assert [name for name, _ in meanwhile].count("other") == 1
    assert len({replica for name, replica in meanwhile if name == "asked"}) == 1


async def test_only_a_connection_that_is_there_and_fetches_can_be_asked_for():
    noted: list[str] = []
    heard = {"hears": Connector(type="hears", doc="", options={}, run=None)}

    async def note(topic: str) -> None:
        noted.append(topic)

    with pytest.raises(NotFound):
        await ask_for_run({}, heard, note, "nobody")
    with pytest.raises(Invalid):
        await ask_for_run({"tags": named("tags", type="hears")}, heard, note, "tags")

    assert not noted
    assert {name for name, each in CONNECTORS.items() if each.fetches} == {
        "file_drop",
        "postgres",
        "rest_pull",
        "wecom_book",
    }
