"""The live stream as server-sent events."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from chassis.testing import eventually
from gateway.live import serving
from tests.gateway.contract import judge
from tests.gateway.events import EVENTS, events_of
from tests.gateway.house import Door, House, door
from tests.gateway.streams import put


async def test_only_the_last_part_of_a_snapshot_has_a_place_to_go_on_after(
    door: Door, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "PAGE", 2)
    ids = [(await put(api))["id"] for _ in range(5)]

    async with events_of(door, ids=ids) as events:
        parts = [await events.told() for _ in range(3)]

    assert [bool(part.id) for part in parts] == [False, False, True]
    assert [part.data["more"] for part in parts] == [True, True, False]
    assert sorted(twin["id"] for part in parts for twin in part.data["twins"]) == sorted(ids)


async def test_a_snapshot_then_deltas_each_with_the_place_to_go_on_after(door: Door, api: httpx.AsyncClient):
    name = uuid.uuid4().hex
    there = await put(api, name=name)
    async with events_of(door, filter=f'eq(properties/name_zh,"{name}")') as events:
        head = events.response
        sequence, twins = await events.snapshot()
        new = await put(api, name=name)
        delta = await events.told()
        while delta.data["twins"] != [new]:
            delta = await events.told()

    assert head.headers["content-type"] == "text/event-stream"
    assert head.headers["cache-control"] == "no-store"
    assert head.headers["traceparent"]
    assert twins == [there]
    assert (delta.kind, delta.data["sequence"], delta.data["gone"]) == ("delta", int(delta.id), [])
    assert int(delta.id) > sequence


@pytest.mark.parametrize("by", ["after", "header", "header before after"])
async def test_a_client_goes_on_after_the_last_event_it_saw(door: Door, api: httpx.AsyncClient, by: str):
    async with events_of(door, model="sku") as events:
        sequence, _ = await events.snapshot()
    missed = await put(api)
    asked = {"after": sequence} if by == "after" else {"after": 0} if "before" in by else {}
    headers = {"last-event-id": str(sequence)} if "header" in by else {}

    async with events_of(door, headers=headers, model="sku", **asked) as events:
        delta = await events.told()

    assert (delta.kind, delta.data["twins"]) == ("delta", [missed])


async def test_twins_are_asked_for_by_id_too(door: Door, api: httpx.AsyncClient):
    twins = [await put(api) for _ in range(3)]
    wanted = sorted(twin["id"] for twin in twins[:2])

    async with events_of(door, ids=wanted) as events:
        _, found = await events.snapshot()

    assert [twin["id"] for twin in found] == wanted


async def test_who_hears_nothing_sees_that_the_stream_lives_and_how_far_it_is(
    whole: House, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.live.serving.QUIET_S", 0.05)
    async with door(whole.common, **whole.addresses) as own, events_of(own, filter='eq(id,"sku:nothing")') as events:
        sequence, _ = await events.snapshot()
        await put(api)
        event = await events.next()
        while int(event.id) <= sequence:
            event = await events.next()

    assert (event.kind, event.text) == ("", "")


@pytest.mark.parametrize(
    ("asked", "status", "pointer"),
    [
        ({"filter": "gt(properties/a"}, 400, "/query/filter"),
        ({"filter": "related(of,exists(id))"}, 400, "/query/filter"),
        ({"filter": "not(" * 500}, 400, "/query/filter"),
        ({"after": "soon"}, 422, "/query/after"),
        ({"after": -1}, 422, "/query/after"),
        ({"ids": ["x"] * 1001}, 422, "/query/ids"),
        ({"modle": "sku"}, 400, "/query/modle"),
    ],
)
async def test_what_cannot_be_followed_is_a_problem_before_the_stream_begins(
    api: httpx.AsyncClient, asked: dict[str, Any], status: int, pointer: str
):
    response = await api.get(EVENTS, params=asked)

    judge(response)
    assert response.status_code == status
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_an_event_that_cannot_be_one_is_a_problem(api: httpx.AsyncClient):
    response = await api.get(EVENTS, headers={"last-event-id": "yesterday"})

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/header/last-event-id"


async def test_without_twin_it_is_a_problem_that_says_when_to_come_again(door_without_twin: Door):
    client = await door_without_twin.client("admin")

    response = await client.get(EVENTS)

    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert door_without_twin.web.state.seats.taken == 0


async def test_seats_are_shared_with_the_other_transport_and_given_back(whole: House):
    async with door(whole.common, live_per_caller=1, **whole.addresses) as own:
        client = await own.client("admin")
        async with events_of(own, model="region") as events:
            await events.snapshot()
            refused = await client.get(EVENTS)

        async def given_back() -> bool:
            return bool(own.web.state.seats.taken == 0)

        await eventually(given_back)

    assert refused.status_code == 429
    assert refused.headers["retry-after"]


async def test_a_stream_ends_with_its_token(door: Door):
    async with events_of(door, token=door.token(hours=2 / 3600), model="region") as events:
        await events.snapshot()
        last = await events.told()
        with pytest.raises(EOFError):
            await events.next()

    assert (last.kind, last.data["status"]) == ("problem", 401)
