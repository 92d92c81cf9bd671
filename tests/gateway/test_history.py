"""The history of a twin over REST: by range, page by page, and as lines."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from chassis.bus import bus
from chassis.db import database
from chassis.outbox import Relay
from chassis.settings import CommonSettings
from services.twin import usecases
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin
from services.twin.domain.types import Types
from services.twin.store import OUTBOX, SCHEMA, PostgresStore
from tests.gateway.house import House
from tests.gateway.problem import pointers_of, problem_of

BEGUN = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NDJSON = "application/x-ndjson"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(whole: House, installation: CommonSettings) -> AsyncIterator[PostgresStore]:
    """The twins of the house, reached from behind: to say what was said years ago."""
    async with database(installation.postgres_url, SCHEMA) as db, bus(installation.nats_url, "test") as log:
        yield PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped())


async def _told(store: PostgresStore, *said: tuple[float, float, dict[str, Any]], source: str = "mes") -> str:
    """A machine of which something was said: hours since the beginning when it was true and learnt."""
    twin_id = f"machine:{uuid.uuid4().hex}"
    origins = [Origin.of(BEGUN + true * HOUR, BEGUN + known * HOUR, source, "ab" * 16) for true, known, _ in said]
    told = zip(said, origins, strict=True)
    await usecases.seed(store, [Sighting.of(twin_id, each[2], (), origin) for each, origin in told])
    return f"/api/v1/twins/{twin_id}/history"


async def _counted(store: PostgresStore, count: int) -> str:
    return await _told(store, *((hour, hour, {"good_base": hour}) for hour in range(1, count + 1)))


async def _revisions(api: httpx.AsyncClient, address: str, **asked: Any) -> list[int]:
    """Of all pages."""
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await api.get(address, params={**asked, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [each["revision"] for each in page["items"]]
        cursor = page["next_cursor"]
    return found


async def test_each_change_says_what_was_said_and_whether_it_came_late(api: httpx.AsyncClient, store: PostgresStore):
    address = await _told(store, (5, 5, {"state": "run"}), (2, 6, {"state": "stop"}), (7, 7, {"state": "run"}))

    items = (await api.get(address)).json()["items"]

    assert [(each["patch"], each["said"], each["late"]) for each in items[1:]] == [
        ({}, {"properties": {"state": "stop"}}, True),
        ({}, {"properties": {"state": "run"}}, False),
    ]
    assert items[0]["said"] is None
    assert items[0]["patch"]["properties"] == {"state": "run"}
    assert items[1] == {
        "revision": 2,
        "patch": {},
        "said": {"properties": {"state": "stop"}},
        "late": True,
        "changed_at": "2020-01-01T02:00:00Z",
        "known_at": "2020-01-01T06:00:00Z",
        "source": "mes",
        "trace_id": "ab" * 16,
    }


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, range(1, 31)),
        ({"order": "newest"}, range(30, 0, -1)),
        ({"from_revision": 7, "to_revision": 19}, range(7, 19)),
        ({"from_revision": 7, "to_revision": 19, "order": "newest"}, range(18, 6, -1)),
        ({"changed_from": "2020-01-01T09:00:00Z", "changed_to": "2020-01-01T20:00:00+08:00"}, range(9, 12)),
        ({"known_from": "2020-01-02T00:00:00Z", "order": "newest"}, range(30, 23, -1)),
        ({"known_to": "2020-01-01T03:00:00Z", "from_revision": 2}, [2]),
        ({"from_revision": 19, "to_revision": 7}, []),
        ({"from_revision": 31}, []),
    ],
)
async def test_a_range_holds_its_beginning_and_not_its_end(
    api: httpx.AsyncClient, store: PostgresStore, asked: dict[str, Any], expected: Any
):
    address = await _counted(store, 30)

    assert await _revisions(api, address, **asked) == list(expected)
    assert await _revisions(api, address, **asked, limit=4) == list(expected)


async def test_what_was_true_in_a_range_may_have_been_learnt_out_of_it(api: httpx.AsyncClient, store: PostgresStore):
    address = await _told(store, (5, 5, {"state": "run"}), (2, 6, {"state": "stop"}), (7, 7, {"state": "idle"}))

    asked = {"changed_to": "2020-01-01T05:00:00Z"}

    assert await _revisions(api, address, **asked) == [2]
    assert await _revisions(api, address, **asked, known_to="2020-01-01T06:00:00Z") == []


async def test_all_of_a_range_comes_as_lines(api: httpx.AsyncClient, store: PostgresStore):
    address = await _counted(store, 2100)

    answer = await api.get(
        address, params={"from_revision": 3, "order": "newest"}, headers={"accept": f"{NDJSON}, text/plain;q=0.5"}
    )

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == NDJSON
    assert [each["revision"] for each in lines] == list(range(2100, 2, -1))
    assert lines[0]["patch"] == {"properties": {"good_base": 2100}}


async def test_lines_of_nothing_are_no_lines_and_of_nobody_a_problem(api: httpx.AsyncClient, store: PostgresStore):
    address = await _counted(store, 1)

    nothing = await api.get(address, params={"from_revision": 9}, headers={"accept": NDJSON})
    nobody = await api.get(f"/api/v1/twins/machine:{uuid.uuid4().hex}/history", headers={"accept": NDJSON})

    assert (nothing.status_code, nothing.text) == (200, "")
    problem_of(nobody, 404, "twin_not_found")


async def test_what_is_no_longer_kept_is_said_to_be_gone(api: httpx.AsyncClient, store: PostgresStore):
    address = await _counted(store, 100)
    await usecases.drop_history(store, BEGUN + 60.5 * HOUR)

    by_revision = await api.get(address, params={"from_revision": 60})
    as_lines = await api.get(
        address,
        params={"known_from": "2020-01-01T00:00:00Z", "changed_from": "2020-01-04T00:00:00Z"},
        headers={"accept": NDJSON},
    )
    then = await api.get(address.removesuffix("/history"), params={"at": "2020-01-02T00:00:00Z"})

    assert pointers_of(problem_of(by_revision, 410, "history_dropped")) == ["/query/from_revision"]
    assert pointers_of(problem_of(as_lines, 410, "history_dropped")) == ["/query/known_from"]
    problem = problem_of(then, 410, "history_dropped")
    assert pointers_of(problem) == ["/query/at"]
    assert "2020-01-03T12:00:00" in problem["detail"]
    assert await _revisions(api, address) == list(range(61, 101))
    kept = await api.get(address.removesuffix("/history"), params={"revision": 60})
    assert kept.json()["properties"] == {"good_base": 60}


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"from_revision": "0"}, "/query/from_revision"),
        ({"to_revision": str(2**63)}, "/query/to_revision"),
        ({"changed_from": "yesterday"}, "/query/changed_from"),
        ({"known_to": "2020-01-01T00:00:00"}, "/query/known_to"),
        ({"order": "upwards"}, "/query/order"),
        ({"cursor": "x"}, "/query/cursor"),
        ({"limit": "1001"}, "/query/limit"),
    ],
)
async def test_a_range_that_cannot_be_is_refused(
    api: httpx.AsyncClient, store: PostgresStore, asked: dict[str, str], pointer: str
):
    answer = await api.get(await _counted(store, 1), params=asked)

    assert pointers_of(problem_of(answer, 422, "invalid_parameter")) == [pointer]
