"""The past of twins in PostgreSQL: told from snapshots, and only as far back as it is kept."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from msgspec.structs import replace

from chassis.app import background
from chassis.bus import bus
from chassis.db import database
from chassis.errors import NotFound
from chassis.outbox import Relay
from chassis.settings import CommonSettings
from chassis.testing import eventually
from services.twin import usecases
from services.twin.app import MIGRATIONS
from services.twin.domain.past import Range, nothing, true_then
from services.twin.domain.statements import Sighting, apply
from services.twin.domain.twins import Change, Origin, Twin
from services.twin.domain.types import Types
from services.twin.store import OUTBOX, SCHEMA, PostgresStore, journal
from services.twin.store.retention import DUE
from services.twin.workers import forget_history

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(common: CommonSettings) -> AsyncIterator[PostgresStore]:
    async with database(common.postgres_url, SCHEMA) as db, bus(common.nats_url, "test") as log:
        await db.migrate(MIGRATIONS)
        yield PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped())


def _id() -> str:
    return f"machine:{uuid.uuid4().hex}"


def _seen(twin_id: str, true: float, known: float, speed: int, fault: str = "") -> Sighting:
    origin = Origin.of(NOW + true * DAY, NOW + known * DAY, f"mes-{speed % 2}", "")
    return Sighting.of(twin_id, {"fault_code": fault} if fault else {"good_base": speed}, (), origin)


async def _said(store: PostgresStore, twin_id: str, count: int, *, seed: int = 0) -> list[Twin]:
    """So many statements, a day each, one in four of them late; the states after each."""
    dice = random.Random(seed)
    said = [
        _seen(twin_id, day if dice.random() < 0.75 else day - dice.randrange(1, 60) - 0.5, day, day)
        for day in range(1, count + 1)
    ]
    await usecases.seed(store, said)
    states, twin = [], nothing(twin_id)
    for each in said:
        outcome = apply(twin, each.said)
        assert outcome is not None
        twin = outcome[0]
        states.append(twin)
    return states


async def _lines(store: PostgresStore, twin_id: str) -> list[Change]:
    return (await store.lines(twin_id, Range(), limit=1000))[0]


async def test_a_revision_is_told_from_the_snapshot_before_it(store: PostgresStore):
    twin_id = _id()
    states = await _said(store, twin_id, 1000)

    fetched = {}
    for revision in (1, 49, 50, 51, 499, 500, 549, 1000):
        _, lines = await store.told(twin_id, revision=revision, at=None, known_at=None)
        fetched[revision] = len(lines)
        then = await usecases.get_twin(store, twin_id, revision)
        assert then == replace(states[revision - 1], inputs={})

    assert fetched == {1: 1, 49: 49, 50: 0, 51: 1, 499: 49, 500: 0, 549: 49, 1000: 0}
    with pytest.raises(NotFound):
        await usecases.get_twin(store, twin_id, 1001)


async def test_a_time_is_told_from_a_snapshot_as_from_the_beginning(store: PostgresStore):
    twin_id, dice = _id(), random.Random(7)
    hours = [day + dice.choice([0, 0, 0, 0, -0.5, -3.5, -60.5, -399.5, 30.5]) for day in range(1, 401)]
    # Clocks of replicas differ a little, so that lines are not quite learnt in their order.
    said = [_seen(twin_id, true, day - dice.random() / 100, day) for day, true in enumerate(hours, 1)]
    await usecases.seed(store, said)
    lines = await _lines(store, twin_id)
    edges = [(dice.choice(hours), dice.choice([None, dice.randrange(1, 410)])) for _ in range(60)]
    edges += [(None, dice.randrange(1, 410)) for _ in range(10)]

    for at, known_at in edges:
        bounds = [None if each is None else NOW + each * DAY for each in (at, known_at)]
        meant = [
            each
            for each in lines
            if (bounds[0] is None or each.origin.changed_at <= bounds[0])
            and (bounds[1] is None or each.origin.known_at <= bounds[1])
        ]
        try:
            told = await usecases.get_twin(store, twin_id, at=bounds[0], known_at=bounds[1])
        except NotFound:
            assert meant == []
        else:
            assert told == true_then(nothing(twin_id), meant)


async def test_what_was_known_at_a_time_is_told_with_lines_that_other_clocks_put_behind_a_later_snapshot(
    store: PostgresStore,
):
    twin_id, minute = _id(), DAY / 1440
    said = [_seen(twin_id, day, day, day) for day in range(1, 50)]
    ahead, behind = _seen(twin_id, 50, 50, 50), _seen(twin_id, 51, 50 - 30 * (minute / DAY), 51)
    await usecases.seed(store, [*said, ahead, behind])

    told = await usecases.get_twin(store, twin_id, known_at=NOW + 50 * DAY - 10 * minute)

    assert told.properties["good_base"] == 51


async def test_a_time_long_ago_is_told_from_few_lines(store: PostgresStore):
    twin_id = _id()
    said = [_seen(twin_id, day if day != 900 else 310.5, day, day) for day in range(1, 1001)]
    await usecases.seed(store, said)

    start, behind = await store.told(twin_id, revision=None, at=NOW + 320 * DAY, known_at=None)
    first, within = await store.told(twin_id, revision=None, at=None, known_at=NOW + 320 * DAY)

    assert start is not None
    assert first is not None
    assert (start.revision, [each.revision for each in behind]) == (300, [*range(301, 321), 900])
    assert (first.revision, [each.revision for each in within]) == (300, list(range(301, 321)))


async def test_a_range_of_times_holds_the_lines_that_lie_in_it(store: PostgresStore):
    twin_id, dice = _id(), random.Random(11)
    said = [
        _seen(twin_id, day - dice.choice([0, 0, 0, 0.5, 40.5, 290.5]), day - dice.random() / 100, day)
        for day in range(1, 301)
    ]
    await usecases.seed(store, said)
    lines = await _lines(store, twin_id)

    for _ in range(80):
        begin, end = sorted((dice.randrange(-10, 310), dice.randrange(-10, 310)))
        name = dice.choice(["changed", "known"])
        bounds = {f"{name}_from": NOW + begin * DAY, f"{name}_to": NOW + end * DAY}
        told, following = await store.lines(twin_id, Range(**bounds, newest_first=dice.random() < 0.5), limit=1000)

        times = {each.revision: getattr(each.origin, f"{name}_at") for each in lines}
        meant = {revision for revision, time in times.items() if bounds[f"{name}_from"] <= time < bounds[f"{name}_to"]}
        assert {each.revision for each in told} == meant
        assert not following


async def test_lines_that_were_learnt_out_of_their_order_lie_in_the_range_in_which_they_were_learnt(
    store: PostgresStore,
):
    twin_id, dice, minute = _id(), random.Random(5), 1 / 1440
    learnt = [place * minute - dice.choice([0, dice.random() * 50 * minute]) for place in range(300)]
    await usecases.seed(store, [_seen(twin_id, place, known, place) for place, known in enumerate(learnt)])
    lines = await _lines(store, twin_id)

    for _ in range(60):
        begin, end = sorted(NOW + dice.randrange(-60, 310) * minute * DAY for _ in range(2))
        told, _ = await store.lines(twin_id, Range(known_from=begin, known_to=end), limit=1000)

        meant = [each.revision for each in lines if begin <= each.origin.known_at < end]
        assert [each.revision for each in told] == meant


async def test_what_was_learnt_in_a_range_is_looked_for_in_few_of_many_lines(
    store: PostgresStore, common: CommonSettings
):
    twin_id = _id()
    await usecases.seed(store, [_seen(twin_id, day, day, day) for day in range(1, 1001)])
    begin, end = NOW + 900 * DAY, NOW + 905 * DAY
    ranges = [Range(known_from=begin, known_to=end), Range(known_from=begin), Range(known_to=end), Range()]

    async with database(common.postgres_url, SCHEMA) as db, db.transaction() as session:
        looked_at = [await journal.learnt_within(session, twin_id, wanted) for wanted in ranges]

    assert looked_at == [(851, 950), (851, journal.LAST), (1, 950), (1, journal.LAST)]


async def test_what_is_older_than_it_is_kept_goes_and_the_rest_is_told_as_before(store: PostgresStore):
    twin_id = _id()
    states = await _said(store, twin_id, 180)
    before = NOW + 120.25 * DAY
    moments = [NOW + day * DAY for day in (120.5, 133, 150.5, 180)]
    told = [
        await usecases.get_twin(store, twin_id, at=at, known_at=known) for at in moments for known in (None, *moments)
    ]

    dropped = await usecases.drop_history(store, before)

    assert dropped >= 120
    kept = await store.kept(twin_id)
    assert kept is not None
    assert (kept.revision, kept.since) == (120, states[119].origin.known_at)
    assert (await _lines(store, twin_id))[0].revision == 121
    for revision in range(120, 181):
        assert await usecases.get_twin(store, twin_id, revision) == replace(states[revision - 1], inputs={})
    assert told == [
        await usecases.get_twin(store, twin_id, at=at, known_at=known) for at in moments for known in (None, *moments)
    ]
    assert await usecases.drop_history(store, before) == 0


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"revision": 119}, ["revision"]),
        ({"at": NOW + 60 * DAY}, ["at"]),
        ({"known_at": NOW + 60 * DAY}, ["known_at"]),
        ({"at": NOW + 170 * DAY, "known_at": NOW + 60 * DAY}, ["at", "known_at"]),
    ],
)
async def test_what_is_gone_is_said_to_be_gone_and_since_when(store: PostgresStore, asked: Any, names: list[str]):
    twin_id = _id()
    await _said(store, twin_id, 180)
    await usecases.drop_history(store, NOW + 120.25 * DAY)

    with pytest.raises(NotFound) as refused:
        await usecases.get_twin(store, twin_id, **asked)

    assert refused.value.code == "history_dropped"
    assert [each.pointer for each in refused.value.errors] == [f"/query/{name}" for name in names]
    assert "(revision 120)" in refused.value.message


@pytest.mark.parametrize(
    "begun", [Range(from_revision=120), Range(changed_from=NOW + 100 * DAY), Range(known_from=NOW + 119 * DAY)]
)
async def test_a_range_that_begins_with_what_is_gone_is_refused_and_one_without_beginning_tells_the_rest(
    store: PostgresStore, begun: Range
):
    twin_id = _id()
    await _said(store, twin_id, 180)
    await usecases.drop_history(store, NOW + 120.25 * DAY)

    with pytest.raises(NotFound) as refused:
        await usecases.list_history(store, twin_id, begun, limit=10)
    rest, following = await usecases.list_history(store, twin_id, Range(), limit=10)

    assert refused.value.code == "history_dropped"
    assert ([each.revision for each in rest], following) == (list(range(121, 131)), 131)


async def test_a_line_that_speaks_of_a_time_within_what_is_kept_stays(store: PostgresStore):
    twin_id = _id()
    said = [_seen(twin_id, 1, 1, 1), _seen(twin_id, 300, 2, 2), _seen(twin_id, 3, 3, 4)]
    await usecases.seed(store, said)

    await usecases.drop_history(store, NOW + 120 * DAY)

    assert [each.revision for each in await _lines(store, twin_id)] == [2, 3]
    then = await usecases.get_twin(store, twin_id, at=NOW + 200 * DAY)
    assert then.properties == {"good_base": 4}


async def test_a_twin_all_of_whose_lines_are_gone_is_still_there_and_goes_on(store: PostgresStore):
    twin_id = _id()
    states = await _said(store, twin_id, 7)
    await usecases.drop_history(store, NOW + 120 * DAY)

    assert await usecases.get_twin(store, twin_id) == replace(states[-1], inputs={})
    assert await usecases.get_twin(store, twin_id, at=NOW + 120 * DAY) == states[-1]
    assert await usecases.list_history(store, twin_id, Range(), limit=10) == ([], 0)
    await usecases.seed(store, [_seen(twin_id, 130, 130, 9)])
    assert (await usecases.get_twin(store, twin_id, 8)).properties == {"good_base": 9}


async def test_many_lines_go_some_at_a_time(store: PostgresStore):
    twin_id = _id()
    await _said(store, twin_id, 60)

    gone = [await store.drop(twin_id, NOW + 40.25 * DAY, limit=15) for _ in range(4)]

    assert gone == [15, 15, 10, 0]
    assert (await usecases.get_twin(store, twin_id, 40)).revision == 40


async def test_the_service_forgets_by_itself(store: PostgresStore):
    twin_id = _id()
    await _said(store, twin_id, 30)
    clock = NOW + 120.5 * DAY

    async def gone() -> bool:
        kept = await store.kept(twin_id)
        return kept is not None and kept.revision == 20

    async with background() as tasks:
        tasks.spawn(forget_history(store, lambda: clock, kept_days=100), name="retention")
        await eventually(gone)


async def test_who_looks_for_what_may_go_reads_no_journal_whole(store: PostgresStore, common: CommonSettings):
    async with database(common.postgres_url, SCHEMA) as db, db.transaction() as session:
        # The table of a test is small: its index is only taken where nothing else may be.
        await session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        asked = {"after": "", "limit": 500, "before": NOW}
        plan = (await session.execute(sa.text(f"EXPLAIN {DUE}"), asked)).scalars().all()

    assert not [line for line in plan if "Seq Scan on journal" in line]
    assert [line for line in plan if "journal_pkey" in line]


async def test_who_looks_for_what_may_go_comes_by_every_twin(store: PostgresStore):
    ids = sorted([_id() for _ in range(5)])
    for twin_id in ids:
        await _said(store, twin_id, 1)

    found, after, pages = [], "machine:", 0
    while after and pages < 1000:
        due, after = await store.due(NOW + 40 * DAY, after=after, limit=2)
        found, pages = [*found, *due], pages + 1

    assert [each for each in found if each in ids] == ids
    assert pages > 2


async def test_nobody_knows_a_history_of_what_never_was(store: PostgresStore):
    with pytest.raises(NotFound) as refused:
        await usecases.list_history(store, _id(), Range(), limit=10)

    assert refused.value.code == "twin_not_found"


@pytest.mark.parametrize("limit", [5, 8])
async def test_a_page_of_long_lines_is_shorter_and_the_next_goes_on(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, limit: int
):
    twin_id = _id()
    said = [_seen(twin_id, day, day, day, "x" * 1000 * day) for day in range(1, 9)]
    await usecases.seed(store, said)
    monkeypatch.setattr(journal, "PAGE_CHARACTERS", 10_000)

    pages, cursor = [], 0
    while not pages or cursor:
        lines, cursor = await usecases.list_history(
            store, twin_id, Range(newest_first=True), cursor=cursor, limit=limit
        )
        pages.append([each.revision for each in lines])

    assert pages == [[8, 7], [6, 5], [4, 3, 2, 1]]
