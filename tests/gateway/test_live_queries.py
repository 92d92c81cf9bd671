"""Subscriptions by RQL over WebSocket, what is refused, and how many there may be."""

from __future__ import annotations

import json
import uuid
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from chassis.testing import eventually
from gateway.live.hub import Hub
from tests.gateway.house import Door, House, door
from tests.gateway.streams import closed, connected, heard, put, subscribed


def _named(name: str) -> str:
    return f'eq(properties/name_zh,"{name}")'


async def test_a_subscription_by_query_begins_with_what_fulfils_it_and_hears_who_comes_and_goes(
    door: Door, api: httpx.AsyncClient
):
    name = uuid.uuid4().hex
    there = await put(api, name=name)
    async with connected(door) as socket:
        _, snapshot = await subscribed(socket, filter=_named(name))

        other = await put(api)
        comes = await put(api, other["id"], name=name)
        came = await _first_of(socket, other["id"], comes["revision"])
        await put(api, other["id"], name="elsewhere")
        gone = await heard(socket)
        await api.delete(f"/api/v1/twins/{there['id']}", headers={"if-match": "*"})
        deleted = await heard(socket)

    assert snapshot == [there]
    assert came == comes
    assert (gone["twins"], gone["gone"]) == ([], [other["id"]])
    assert (deleted["twins"], deleted["gone"]) == ([], [there["id"]])


async def _first_of(socket: Any, twin_id: str, revision: int) -> dict[str, Any]:
    """The twin at a revision; changes that the snapshot shows already may come before."""
    while True:
        for twin in (await heard(socket))["twins"]:
            if (twin["id"], twin["revision"]) == (twin_id, revision):
                found: dict[str, Any] = twin
                return found


@pytest.mark.parametrize(
    ("query", "rule", "place"),
    [
        ("gt(properties/price", "syntax", 20),
        ('related(located_in,eq(id,"region:1"))', "unsupported_operator", 1),
        ("and(" * 40, "too_deep", 129),
        ("eq(id,'" + "é" * 5000 + "')", "too_long", 8193),
    ],
)
async def test_a_query_that_cannot_be_followed_is_refused_with_pointer_and_place(
    door: Door, query: str, rule: str, place: int
):
    async with connected(door) as socket:
        await socket.send(json.dumps({"subscribe": {"filter": query}}))
        problem = await heard(socket)
        code, reason = await closed(socket)

    [fault] = problem["errors"]
    assert (problem["type"], problem["status"], problem["problem"]) == ("problem", 400, "urn:marketwin:problem:invalid")
    assert (fault["pointer"], fault["rule"]) == ("/subscribe/filter", rule)
    assert f"at character {place}:" in fault["message"]
    assert code == 4400
    assert reason.startswith("/subscribe/filter at character")
    assert len(reason.encode()) <= 123


@pytest.mark.parametrize("query", [7, ["eq(id,'x')"], {"and": []}, True])
async def test_a_query_that_is_no_text_is_refused(door: Door, query: object):
    async with connected(door) as socket:
        await socket.send(json.dumps({"subscribe": {"filter": query}}))
        problem = await heard(socket)
        code, _ = await closed(socket)

    assert (problem["status"], code) == (400, 4400)


async def test_one_caller_has_so_many_subscriptions_and_all_together_so_many(whole: House):
    few = {"live_per_caller": 2, "live_overall": 3}
    async with door(whole.common, **few, **whole.addresses) as own, AsyncExitStack() as following:

        async def follows(user: str) -> Any:
            socket = await following.enter_async_context(connected(own, token=own.token(user=user)))
            await subscribed(socket, model="region")
            return socket

        async def refused(user: str) -> tuple[int, str, int]:
            async with connected(own, token=own.token(user=user)) as socket:
                problem = await heard(socket)
                code, _ = await closed(socket)
                return problem["status"], problem["problem"].rpartition(":")[2], code

        first = await follows("ann")
        await follows("ann")
        one_too_many = await refused("ann")
        await follows("bob")
        too_many_of_all = await refused("cyd")
        await first.close()

        async def has_left() -> bool:
            return bool(own.web.state.seats.taken == 2)

        await eventually(has_left)
        await follows("cyd")

    assert one_too_many == (429, "too_many_requests", 1013)
    assert too_many_of_all == (503, "unavailable", 1013)


async def test_who_hears_nothing_for_long_is_told_how_far_the_stream_is(
    whole: House, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.live.serving.QUIET_S", 0.05)
    async with door(whole.common, **whole.addresses) as own, connected(own) as socket:
        sequence, _ = await subscribed(socket, filter=_named(uuid.uuid4().hex))

        await put(api)
        mark = await heard(socket)
        hub: Hub = own.web.state.hub

    assert (mark["type"], mark["twins"], mark["gone"]) == ("delta", [], [])
    assert sequence < mark["sequence"] <= hub.sequence
