"""What PostgreSQL keeps of twins: states, and the journal that they follow from."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from chassis.bus import bus
from chassis.db import Database, Unstorable, database
from chassis.outbox import Relay
from chassis.settings import CommonSettings
from chassis.testing import eventually, fresh_database
from services.twin import usecases
from services.twin.app import MIGRATIONS
from services.twin.domain.past import Range, nothing, true_then
from services.twin.domain.statements import Sighting, apply
from services.twin.domain.twins import Origin, Relation
from services.twin.domain.types import Types
from services.twin.store import OUTBOX, SCHEMA, PostgresStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BY_ANN = Origin.of(NOW + timedelta(days=1), NOW + timedelta(days=1), "user:ann", "")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(common: CommonSettings) -> AsyncIterator[PostgresStore]:
    async with database(common.postgres_url, SCHEMA) as db, bus(common.nats_url, "test") as log:
        await db.migrate(MIGRATIONS)
        yield PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped())


def _machine() -> str:
    return f"machine:{uuid.uuid4().hex}"


def _seen(twin_id: str, hour: int, source: str = "mes", quality: float = 1.0, **properties: Any) -> Sighting:
    at = NOW + timedelta(hours=hour)
    return Sighting.of(twin_id, properties, (), Origin.of(at, at, source, ""), quality)


async def _lines(store: PostgresStore, twin_id: str) -> list[tuple[int, Any, Any, bool]]:
    changes, _ = await store.lines(twin_id, Range(), limit=1000)
    return [(each.revision, each.patch, each.said, each.late) for each in changes]


async def test_sightings_of_one_twin_in_one_batch_each_make_their_line_in_order(store: PostgresStore):
    twin_id = _machine()
    batch = [_seen(twin_id, 1, state="run"), _seen(twin_id, 3, state="stop"), _seen(twin_id, 2, state="idle")]

    said = await usecases.seed(store, batch)

    assert said == 3
    assert await _lines(store, twin_id) == [
        (1, {"model": "machine", "properties": {"state": "run"}, "desired": {}, "relations": []}, None, False),
        (2, {"properties": {"state": "stop"}}, None, False),
        (3, {}, {"properties": {"state": "idle"}}, True),
    ]
    assert (await store.get(twin_id)).revision == 3


async def test_of_new_twins_those_that_somebody_else_makes_meanwhile_are_seen_as_they_are(store: PostgresStore):
    theirs, ours = sorted([_machine(), _machine()])
    batch = [_seen(each, 2, "scada", speed=1) for each in (theirs, ours)]

    async with asyncio.TaskGroup() as together, store.write() as unit:
        before = (await unit.lock([theirs], BY_ANN))[theirs]
        await unit.save([apply(before, _seen(theirs, 1, state="run").said) or pytest.fail("no news")])
        # More than a few go with locks from the start.
        more = [_seen(_machine(), 1, speed=1) for _ in range(usecases.taking.FEW)]
        waiting = together.create_task(usecases.seed(store, [*batch, *more]))
        await eventually(lambda: _waits_for_a_lock(store))

    assert waiting.result() == 66
    assert (await store.get(theirs)).properties == {"state": "run", "speed": 1}
    assert [line[0] for line in await _lines(store, theirs)] == [1, 2]
    assert [line[0] for line in await _lines(store, ours)] == [1]


async def _waits_for_a_lock(store: PostgresStore) -> bool:
    query = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
    async with store._db.transaction() as session:
        return bool(await session.scalar(sa.text(query)))


async def test_what_was_said_before_makes_no_line_even_within_one_batch(store: PostgresStore):
    twin_id = _machine()
    late = _seen(twin_id, 1, state="run")
    await usecases.seed(store, [_seen(twin_id, 3, state="stop"), late])

    said = await usecases.seed(store, [late, _seen(twin_id, 2, state="idle"), _seen(twin_id, 2, state="idle")])

    assert said == 1
    assert [line[2] for line in await _lines(store, twin_id)][1:] == [
        {"properties": {"state": "run"}},
        {"properties": {"state": "idle"}},
    ]


async def test_the_kept_state_is_the_fold_of_the_journal(store: PostgresStore):
    twin_id = _machine()
    located = Sighting.of(twin_id, {}, (Relation("on_line", "line:1"),), _seen(twin_id, 5, "erp").said.origin)
    await usecases.seed(store, [_seen(twin_id, 1, state="run"), located, _seen(twin_id, 2, "scada", 0.8, state="idle")])
    await usecases.patch_twin(store, twin_id, {"properties": {"state": None}}, usecases.Precondition(), BY_ANN)
    await usecases.seed(store, [_seen(twin_id, 30, state="stop"), _seen(twin_id, 4, state="run")])

    async with store.write() as unit:
        kept = (await unit.lock([twin_id], BY_ANN))[twin_id]
    _, changes = await store.told(twin_id, revision=None, at=None, known_at=None)

    assert true_then(nothing(twin_id), changes) == kept
    assert kept.properties == {"state": "stop"}


async def test_a_write_sets_right_what_a_source_said_of_a_time_to_come(store: PostgresStore):
    twin_id = _machine()
    await usecases.seed(store, [_seen(twin_id, 1000, state="run")])

    written = await usecases.patch_twin(
        store, twin_id, {"properties": {"state": "stop"}}, usecases.Precondition(), BY_ANN
    )

    assert written.properties == {"state": "stop"}
    assert (await store.get(twin_id)).properties == {"state": "stop"}


async def test_a_write_of_something_else_is_not_dated_ahead(store: PostgresStore):
    twin_id = _machine()
    await usecases.seed(store, [_seen(twin_id, 1000, state="run")])
    patch = {"properties": {"shift": "B"}}

    await usecases.patch_twin(store, twin_id, patch, usecases.Precondition(), BY_ANN)
    await usecases.seed(store, [_seen(twin_id, 30, shift="C")])

    assert (await store.get(twin_id)).properties == {"state": "run", "shift": "C"}


async def _execute(db: Database, statement: str, **values: Any) -> list[Any]:
    async with db.transaction() as session:
        result = await session.execute(sa.text(statement), values)
        return list(result.all()) if result.returns_rows else []


@pytest.mark.parametrize(("value", "is_refused"), [("a\0b", True), ("\\\0", True), ("a\\u0000b", False)])
async def test_a_value_that_cannot_be_kept_is_refused_even_where_it_would_not_be_shown(
    store: PostgresStore, value: str, is_refused: bool
):
    machine = _machine()
    await usecases.seed(store, [_seen(machine, 5, state="run")])

    with pytest.raises(Unstorable) if is_refused else nullcontext():
        await usecases.seed(store, [_seen(machine, 1, state=value)])

    found = await store.get(machine)
    assert found is not None
    assert (found.revision, found.properties) == (1 if is_refused else 2, {"state": "run"})


@pytest.mark.parametrize(
    "at", [datetime(9998, 1, 2, 3, 4, 5, 678901, UTC), datetime(1911, 10, 10, 1, 2, 3, 456789, UTC)]
)
async def test_any_time_is_kept_to_the_microsecond(store: PostgresStore, at: datetime):
    machine = _machine()

    await usecases.seed(store, [Sighting.of(machine, {"state": "run"}, (), Origin.of(at, NOW, "mes", ""))])

    changes, _ = await store.lines(machine, Range(), limit=1)
    assert [(await store.get(machine)).origin.changed_at, changes[0].origin.changed_at] == [at, at]


async def test_a_target_that_would_end_a_column_of_targets_is_refused_and_nothing_is_written(store: PostgresStore):
    machine, led = _machine(), (Relation("on_line", "line:1"), Relation("part_of", "machine:a\x1eb"))

    with pytest.raises(Unstorable):
        await usecases.seed(store, [Sighting.of(machine, {}, led, Origin.of(NOW, NOW, "mes", ""))])

    assert await store.get(machine) is None


async def test_states_of_before_statements_were_kept_stay_what_they_are(common: CommonSettings):
    row = """
        INSERT INTO twin.twin (id, model, revision, properties, desired, relations, times, changed_at, known_at, source,
                               trace_id, deleted)
        VALUES (:id, 'sku', 2, CAST(:properties AS jsonb), '{"tier": 1}', CAST(:relations AS jsonb),
                CAST(:times AS jsonb), '2026-03-01T00:00:00.25Z', '2026-03-02Z', :source, '', :deleted)
    """
    times = json.dumps({"name": "1931-02-01T00:00:00.000001+00:00", "gone": "2026-02-01T00:00:00+00:00"})
    relations = json.dumps([{"name": "of", "target": "brand:1"}, {"name": "of", "target": "brand:2"}])
    async with fresh_database(common.postgres_url) as url, database(url, SCHEMA) as db:
        async with db.engine.begin() as connection:
            await connection.execute(sa.text("CREATE SCHEMA twin"))
        await db.revise(MIGRATIONS, "0002")
        alive = {"properties": '{"name": "甲"}', "relations": relations, "times": times, "source": "crm"}
        await _execute(db, row, id="sku:1", deleted=False, **alive)
        gone = {"properties": "{}", "relations": "[]", "times": "{}", "source": "user:ann"}
        await _execute(db, row, id="sku:2", deleted=True, **gone)

        await db.revise(MIGRATIONS, "0003")
        (first,), (second,) = await _execute(db, "SELECT inputs FROM twin.twin ORDER BY id")
        async with db.engine.begin() as connection:
            await connection.run_sync(db._downgrade, MIGRATIONS, "0002")
        (again,), _ = await _execute(db, "SELECT times FROM twin.twin ORDER BY id")

    known, changed = 1772409600000000, 1772323200250000
    assert first == {
        "name": {"crm": ["甲", -1228089599999999, known, 1.0, 0]},
        "gone": {"crm": [None, 1769904000000000, known, 1.0, 0]},
        "relations/of": {"crm": [["brand:1", "brand:2"], changed, known, 1.0, 0]},
        "/desired": {"crm": [{"tier": 1}, changed, known, 1.0, 0]},
    }
    assert second == {"/deleted": {"user:ann": [True, changed, known, 1.0, 1]}}
    assert {name: datetime.fromisoformat(at) for name, at in again.items()} == {
        name: datetime.fromisoformat(at) for name, at in json.loads(times).items()
    }


async def test_inputs_by_facet_become_statements_and_the_other_way(common: CommonSettings):
    row = """
        INSERT INTO twin.twin (id, model, revision, properties, desired, relations, inputs, changed_at, known_at,
                               source, trace_id, deleted, model_version)
        VALUES ('sku:1', 'sku', 2, '{}', '{}', '[]', CAST(:inputs AS jsonb), now(), now(), 'crm', '', false, '')
    """
    marked = """
        INSERT INTO twin.snapshot (id, revision, state, changed_at, known_at, source, trace_id)
        SELECT id, revision, jsonb_build_object('inputs', inputs, 'model', model), now(), now(), source, ''
        FROM twin.twin
    """
    by_facet = {
        "name": {"crm": ["甲", 5, 6, 1.0, 0], "user:ann": ["乙", 3, 3, 1.0, 1]},
        "tier": {"crm": [None, 5, 6, 1.0, 0]},
        "spec": {"crm": [{"a": [1]}, 4, 4, 0.8, 0]},
    }
    async with fresh_database(common.postgres_url) as url, database(url, SCHEMA) as db:
        async with db.engine.begin() as connection:
            await connection.execute(sa.text("CREATE SCHEMA twin"))
        await db.revise(MIGRATIONS, "0007")
        await _execute(db, row, inputs=json.dumps(by_facet))
        await _execute(db, marked)

        await db.revise(MIGRATIONS, "0008")
        (kept,) = await _execute(db, "SELECT inputs, state FROM twin.twin JOIN twin.snapshot USING (id)")
        async with db.engine.begin() as connection:
            await connection.run_sync(db._downgrade, MIGRATIONS, "0007")
        (again,) = await _execute(db, "SELECT inputs, state FROM twin.twin JOIN twin.snapshot USING (id)")

    by_source = {
        "crm": [[5, 6, 1.0, False, {"name": "甲", "tier": None}], [4, 4, 0.8, False, {"spec": {"a": [1]}}]],
        "user:ann": [[3, 3, 1.0, True, {"name": "乙"}]],
    }
    assert tuple(kept) == (by_source, {"inputs": by_source, "model": "sku"})
    assert tuple(again) == (by_facet, {"inputs": by_facet, "model": "sku"})
