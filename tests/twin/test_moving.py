"""Migrations of living twins, a group at a time, over real PostgreSQL."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from chassis.bus import bus
from chassis.db import database
from chassis.errors import Conflict, Invalid, Unavailable
from chassis.outbox import Relay
from chassis.settings import CommonSettings
from chassis.testing import fresh_database
from services.twin import usecases
from services.twin.app import MIGRATIONS
from services.twin.domain.feeding.feeds import Feeds
from services.twin.domain.fusion.rule_book import SetRule
from services.twin.domain.model_jobs import Job
from services.twin.domain.model_versions import read_request
from services.twin.domain.past import Range
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin, Twin
from services.twin.domain.types import Types
from services.twin.store import OUTBOX, SCHEMA, FusionRules, PostgresStore
from services.twin.store.unit import PostgresUnit
from services.twin.usecases import Asked, Precondition
from services.twin.wire import readings_messages
from tests.twin.fed_records import records
from tests.twin.made_models import made, prop

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RENAME = [{"op": "rename", "property": "colour", "to": "paint"}]
ANY = Precondition()


@asynccontextmanager
async def process(url: str, nats_url: str) -> AsyncIterator[PostgresStore]:
    """What one process knows."""
    async with database(url, SCHEMA) as db, bus(nats_url, "test") as log:
        await db.migrate(MIGRATIONS)
        store = PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped())
        await store.renew_types()
        yield store


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(common: CommonSettings) -> AsyncIterator[str]:
    async with fresh_database(common.postgres_url) as fresh:
        yield fresh


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(common: CommonSettings, url: str) -> AsyncIterator[PostgresStore]:
    async with process(url, common.nats_url) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rules(url: str, store: PostgresStore) -> AsyncIterator[FusionRules]:
    async with database(url, SCHEMA) as db:
        yield FusionRules(db)


def _name() -> str:
    return "m" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:12])


async def _add(store: PostgresStore, body: Any) -> Any:
    return await usecases.add_models(store, read_request(json.dumps(body).encode()), Asked("user:ann", NOW))


async def _put(store: PostgresStore, twin_id: str, **properties: Any) -> Twin:
    body = {"model": twin_id.partition(":")[0], "properties": properties}
    return (await usecases.put_twin(store, twin_id, body, ANY, _by_ann()))[0]


def _by_ann() -> Origin:
    return Origin.of(NOW, NOW, "user:ann", "")


async def _begun(store: PostgresStore, twins: int, steps: Any = None) -> tuple[str, Job]:
    """A type with so many twins, and a migration of them to its second version."""
    name = _name()
    await _add(store, made(f"dtmi:acme:{name};1", prop("colour"), prop("size")))
    for number in range(twins):
        await _put(store, f"{name}:{number}", colour=f"c{number}", size=str(number))
    done = await _add(store, _second(name, steps))
    return name, done.jobs[0]


def _second(name: str, steps: Any = None) -> Any:
    after = made(f"dtmi:acme:{name};2", prop("paint"), prop("size", "integer"))
    convert = {"op": "convert", "property": "size", "by": "to_integer"}
    return {"models": [after], "migration": {name: steps or [*RENAME, convert]}}


async def _finish(store: PostgresStore) -> Job:
    while True:
        try:
            job = await usecases.migrate_some(store, NOW, group=2)
        except Unavailable:
            # Others write so much that it did not get its turn: it comes again, as the worker does.
            continue
        assert job is not None
        if job.state != "running":
            return job


async def _shown(store: PostgresStore, name: str) -> dict[str, Any]:
    async with store.write() as unit:
        return {twin.id.partition(":")[2]: twin.properties for twin in await unit.living(name, behind="", limit=100)}


async def test_a_migration_goes_on_in_another_process_where_one_ended(
    store: PostgresStore, common: CommonSettings, url: str
):
    name, begun = await _begun(store, 5)

    first = await usecases.migrate_some(store, NOW, group=2)
    between = await _shown(store, name)
    async with process(url, common.nats_url) as other:
        done = await _finish(other)

    assert first is not None
    assert (first.id, first.state, first.moved, first.twins) == (begun.id, "running", 2, 5)
    assert [set(each) for each in between.values()] == [{"paint", "size"}] * 2 + [{"colour", "size"}] * 3
    assert (done.state, done.moved, done.changed) == ("done", 5, 5)
    assert await _shown(store, name) == {str(n): {"paint": f"c{n}", "size": n} for n in range(5)}
    assert await usecases.migrate_some(store, NOW) is None


async def test_a_group_that_is_broken_off_leaves_nothing_behind(store: PostgresStore):
    name, _ = await _begun(store, 4)

    for pause_s in (0.0, 0.001, 0.003, 0.006, 0.01, 0.02):
        task = asyncio.create_task(usecases.migrate_some(store, NOW, group=2))
        await asyncio.sleep(pause_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    jobs = await store.jobs(name)
    if jobs[-1].state == "running":
        await _finish(store)

    for number in range(4):
        lines, _ = await store.lines(f"{name}:{number}", Range(), limit=10)
        assert [line.origin.source for line in lines] == ["user:ann", f"model:{name};2"]
    assert (await store.jobs(name))[-1].moved == 4


async def test_while_twins_are_migrated_each_is_written_in_the_words_it_is_at(store: PostgresStore):
    name, _ = await _begun(store, 3)
    await usecases.migrate_some(store, NOW, group=2)

    await _put(store, f"{name}:0", paint="new", size=7)
    await _put(store, f"{name}:2", colour="old", size="8")
    await _put(store, f"{name}:9", colour="late")
    await _put(store, f"{name}:00", colour="behind")
    refused = []
    for twin_id, properties in ((f"{name}:0", {"colour": "x"}), (f"{name}:2", {"paint": "x"})):
        with pytest.raises(Invalid) as fault:
            await _put(store, twin_id, **properties)
        refused += [each.pointer for each in fault.value.errors]
    done = await _finish(store)

    assert refused == ["/properties/colour", "/properties/paint"]
    assert (done.state, done.moved) == ("done", 5)
    assert await _shown(store, name) == {
        "0": {"paint": "new", "size": 7},
        "00": {"paint": "behind"},
        "1": {"paint": "c1", "size": 1},
        "2": {"paint": "old", "size": 8},
        "9": {"paint": "late"},
    }
    assert (await _put(store, f"{name}:9", paint="x")).properties == {"paint": "x"}


async def test_a_twin_that_comes_meanwhile_and_does_not_fit_stops_it_until_other_steps_are_given(store: PostgresStore):
    name, _ = await _begun(store, 3)
    await usecases.migrate_some(store, NOW, group=2)
    await _put(store, f"{name}:9", size="large")

    stuck = await _finish(store)
    values = {"op": "convert", "property": "size", "by": "values", "values": {"large": 9}}
    with pytest.raises(Conflict) as refused:
        await _add(store, made(f"dtmi:acme:{name};3", prop("paint")))
    resumed = await _add(store, _second(name, [*RENAME, values]))
    done = await _finish(store)

    assert (stuck.state, stuck.moved, stuck.misfits) == ("stuck", 3, 1)
    assert [(each["id"], each["pointer"]) for each in stuck.first_misfits] == [(f"{name}:9", "/properties/size")]
    assert refused.value.errors[0].rule == "migration_unfinished"
    assert (resumed.is_new, resumed.plans[0].twins) == (False, 1)
    assert (done.state, done.moved) == ("done", 1)
    assert (await _shown(store, name))["9"] == {"size": 9}


async def test_a_cancelled_migration_leaves_each_twin_where_it_is_and_can_go_on(store: PostgresStore):
    name, begun = await _begun(store, 3)
    await usecases.migrate_some(store, NOW, group=2)

    cancelled = await usecases.cancel_migration(store, name, begun.id, now=NOW)
    idle = await usecases.migrate_some(store, NOW, group=2)
    states = {
        each.kind.dtmi.partition(";")[2]: (each.state, each.twins) for each in await usecases.get_versions(store, name)
    }
    await _put(store, f"{name}:2", colour="still", size="5")
    await _add(store, {"models": _second(name)["models"]})
    done = await _finish(store)

    assert (cancelled.state, idle) == ("cancelled", None)
    assert states == {"1": ("current", 1), "2": ("migrating", 2)}
    assert (done.state, done.moved) == ("done", 1)
    assert (await _shown(store, name))["2"] == {"paint": "still", "size": 5}


async def test_a_migration_that_is_cancelled_before_it_began_takes_its_version_with_it(store: PostgresStore):
    name, begun = await _begun(store, 1)

    await usecases.cancel_migration(store, name, begun.id, now=NOW)

    assert [each.kind.dtmi for each in await usecases.get_versions(store, name)] == [f"dtmi:acme:{name};1"]
    assert (await _put(store, f"{name}:0", colour="x")).properties == {"colour": "x"}
    with pytest.raises(Conflict):
        await usecases.cancel_migration(store, name, begun.id, now=NOW)


async def test_a_rule_that_came_meanwhile_is_not_said_to_be_followed_yet(rules: FusionRules):
    first, second = (SetRule(_name(), "weight", version, {"method": "mean"}, NOW, "user:ann") for version in (1, 2))
    second = dataclasses.replace(second, model=first.model)
    await rules.keep(first)
    await rules.keep(second)

    await rules.note_applied(first, NOW)

    followed = {each.version: each.applied_at for each in await rules.rules() if each.model == first.model}
    assert followed == {1: NOW, 2: None}


async def test_a_renamed_property_keeps_its_fusion_rule(store: PostgresStore, rules: FusionRules):
    name = _name()
    await _add(store, made(f"dtmi:acme:{name};1", prop("weight", "double")))
    told = {"method": "mean"}
    await rules.keep(SetRule(name, "weight", 1, told, NOW, "user:ann"))
    for hour, source, weight in ((1, "crm", 4.0), (2, "mes", 2.0)):
        at = NOW + timedelta(hours=hour)
        await usecases.seed(store, [Sighting.of(f"{name}:1", {"weight": weight}, (), Origin.of(at, at, source, ""))])
    steps = {name: [{"op": "rename", "property": "weight", "to": "mass"}]}

    await _add(store, {"models": [made(f"dtmi:acme:{name};2", prop("mass", "double"))], "migration": steps})
    store.book.renew(await rules.rules())
    await _finish(store)

    held = [each for each in await rules.rules() if (each.model, each.property) == (name, "mass")]
    assert [(each.version, each.told, each.set_by) for each in held] == [(1, told, "user:ann")]
    assert await _shown(store, name) == {"1": {"mass": 3.0}}


async def test_what_is_written_while_a_version_is_looked_at_is_looked_at_too(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
):
    name = _name()
    await _add(store, made(f"dtmi:acme:{name};1", prop("size")))
    await _put(store, f"{name}:1")
    stop = PostgresUnit.stop_writers

    async def write_first(unit: PostgresUnit) -> None:
        await _put(store, f"{name}:1", size="7")
        await stop(unit)

    monkeypatch.setattr(PostgresUnit, "stop_writers", write_first)

    with pytest.raises(Invalid) as refused:
        await _add(store, made(f"dtmi:acme:{name};2", prop("size", "integer")))

    assert refused.value.code == "migration_needed"
    assert store.types[name].dtmi == f"dtmi:acme:{name};1"


async def test_under_many_writers_no_twin_is_left_that_does_not_fit(
    store: PostgresStore, common: CommonSettings, url: str
):
    name, ended = _name(), asyncio.Event()
    first = made(f"dtmi:acme:{name};1", prop("colour"), prop("size"))
    second = made(f"dtmi:acme:{name};2", prop("colour"), prop("size", "integer"))
    third = made(f"dtmi:acme:{name};3", prop("paint"), prop("size", "long"))
    await _add(store, first)

    async def write(one: PostgresStore, start: int) -> int:
        done = 0
        while not ended.is_set():
            for properties in ({"size": str(done)}, {"size": done, "colour": "x"}, {"paint": "y", "size": done}):
                try:
                    await _put(one, f"{name}:{start + done % 7}", **properties)
                except Invalid:
                    continue
            done += 1
        return done

    async with process(url, common.nats_url) as other:
        writers = [asyncio.create_task(write(one, start)) for one in (store, other) for start in (0, 5)]
        convert = {"op": "convert", "property": "size", "by": "to_integer"}
        try:
            await _add(store, {"models": [second], "migration": {name: [convert]}})
            await _finish(other)
            await _add(other, {"models": [third], "migration": {name: RENAME}})
            await _finish(store)
        finally:
            ended.set()
            written = await asyncio.gather(*writers)

    kind = store.types[name]
    assert kind.dtmi == f"dtmi:acme:{name};3"
    assert all(written)
    for properties in (await _shown(store, name)).values():
        assert kind.check(properties) == []


async def _measured(store: PostgresStore, value: float) -> tuple[Any, str]:
    """What is told of a sample of the machine's speed as it passes by, and in the words of which version."""
    feeds = Feeds.load(store.types.base)
    row = {"tag": "M1.speed", "machine": "M1", "value": value, "quality": "good"}
    part = usecases.Part(uuid.uuid4().hex, "scada_sample", records("scada_sample", row))
    taken = await usecases.take_in_records(store, feeds, [part], consumer="test", known_at=NOW)
    (event,) = readings_messages(taken.readings, taken.versions)
    (reading,) = [each for each in event.readings if each.id == "machine:M1"]
    return json.loads(reading.properties_json), reading.version


async def test_records_go_on_to_feed_twins_of_a_version_with_other_words(common: CommonSettings):
    shipped = json.loads(Types.shipped()["machine"].dtdl)
    contents = [each for each in shipped["contents"] if each["name"] not in ("speed_per_min", "shift")]
    second = {**shipped, "@id": "dtmi:marketwin:machine;2", "contents": [*contents, prop("pace", "double")]}
    steps = [{"op": "rename", "property": "speed_per_min", "to": "pace"}, {"op": "remove", "property": "shift"}]

    def seen(hour: int, **properties: Any) -> Sighting:
        at = NOW + timedelta(hours=hour)
        return Sighting.of("machine:M1", properties, (), Origin.of(at, at, "mes", ""))

    async with fresh_database(common.postgres_url) as fresh, process(fresh, common.nats_url) as store:
        await usecases.seed(store, [seen(1, speed_per_min=5.0, shift="A")])
        await _add(store, {"models": [second], "migration": {"machine": steps}})
        done = await _finish(store)
        moved = await store.get("machine:M1")
        await usecases.seed(store, [seen(2, speed_per_min=6.0, shift="B", state="run")])
        fed = await store.get("machine:M1")
        async with process(fresh, common.nats_url) as restarted:
            await usecases.seed(restarted, [seen(3, speed_per_min=7.0)])
            again = await restarted.get("machine:M1")
        measured = await _measured(store, 6100.0)

    assert done.state == "done"
    assert measured == ({"pace": 6100.0}, "dtmi:marketwin:machine;2")
    assert [each and each.properties for each in (moved, fed, again)] == [
        {"pace": 5.0},
        {"pace": 6.0, "state": "run"},
        {"pace": 7.0, "state": "run"},
    ]
