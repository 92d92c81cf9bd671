"""The live stream over real WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from chassis.testing import eventually
from gateway.live import serving
from gateway.live.hub import Hub
from gateway.routes import live as route
from marketwin.twin.v1 import types_pb2
from tests.gateway.house import Door, House, door
from tests.gateway.streams import PATIENCE_S, closed, connected, heard, put, refused, subscribed

EVERYTHING: dict[str, Any] = {"subscribe": {}}


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c"])
async def test_a_token_that_is_not_ours_is_refused_with_4401(door: Door, token: str):
    async with connected(door, token=token) as socket:
        code, reason = await refused(socket)

    assert code == 4401
    assert reason


async def test_no_token_is_refused_with_4401_and_an_expired_one_too(door: Door):
    async with connect(door.live_url, subprotocols=["marketwin.v1"], proxy=None) as without:
        missing, _ = await refused(without)
    async with connected(door, token=door.token(hours=-1)) as late:
        expired, _ = await refused(late)

    assert (missing, expired) == (4401, 4401)


async def test_who_may_not_read_twins_is_refused_with_4403(door: Door):
    async with connected(door, "nobody") as socket:
        code, _ = await refused(socket)

    assert code == 4403


@pytest.mark.parametrize(
    "text",
    [
        "",
        "subscribe",
        "[]",
        "{}",
        '{"subscribe": 1}',
        '{"subscribe": {"model": 7}}',
        '{"subscribe": {"ids": "sku:1"}}',
        '{"subscribe": {"ids": [1]}}',
        '{"subscribe": {"ids": ["a\\u0000b"]}}',
        '{"subscribe": {"model": "\\ud800"}}',
        '{"subscribe": {}, "after": "7"}',
        '{"subscribe": {}, "after": true}',
        json.dumps({"subscribe": {"ids": ["x"] * 1001}}),
        "[" * 50_000,
        b'{"subscribe": {}}',
    ],
    ids=range(15),
)
async def test_what_is_not_understood_is_refused_with_4400_and_how_to_ask(door: Door, text: str | bytes):
    async with connected(door) as socket:
        await socket.send(text)
        code, reason = await refused(socket)

    assert code == 4400
    assert "subscribe" in reason


async def test_a_message_larger_than_any_subscription_is_not_read(door: Door):
    async with connected(door) as socket:
        await socket.send("x" * 300_000)
        code, _ = await closed(socket)

    assert code == 1009


async def test_who_says_nothing_is_not_waited_for(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(route, "SUBSCRIBE_WITHIN_S", 0.05)

    async with connected(door) as socket:
        code, _ = await refused(socket)

    assert code == 4400


async def test_a_connection_ends_with_its_token(door: Door):
    began = time.monotonic()

    async with connected(door, token=door.token(hours=2 / 3600)) as socket:
        await subscribed(socket, model="region")
        code, _ = await refused(socket)

    assert code == 4401
    assert time.monotonic() - began < 5


async def test_the_snapshot_comes_in_parts_and_is_whole(
    door: Door, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "PAGE", 2)
    for _ in range(5):
        await put(api)
    known = (await api.get("/api/v1/twins", params={"limit": 1000})).json()["items"]

    parts = []
    async with connected(door) as socket:
        await socket.send(json.dumps(EVERYTHING))
        while not parts or parts[-1]["more"]:
            parts.append(await heard(socket))

    twins = [twin for part in parts for twin in part["twins"]]
    assert len(parts) >= 3
    assert all(len(part["twins"]) <= 2 for part in parts)
    assert len({part["sequence"] for part in parts}) == 1
    assert [twin["id"] for twin in twins] == [twin["id"] for twin in known]
    assert twins[0] == known[0]


async def test_the_protocol_is_agreed_on(door: Door):
    async with connected(door) as socket:
        agreed = socket.subprotocol
    async with connect(door.live_url, subprotocols=[f"bearer.{door.token()}"], proxy=None) as bare:
        sequence, _ = await subscribed(bare, model="region")

    assert agreed == "marketwin.v1"
    assert bare.subprotocol is None
    assert sequence >= 0


async def test_changes_follow_the_snapshot_with_growing_sequence_and_the_same_shape(door: Door, api: httpx.AsyncClient):
    async with connected(door) as socket:
        sequence, _ = await subscribed(socket, model="sku")

        written, deltas = [], []
        for _ in range(5):
            written.append(await put(api))
            deltas.append(await heard(socket))

    sequences = [delta["sequence"] for delta in deltas]
    assert {delta["type"] for delta in deltas} == {"delta"}
    assert [twin for delta in deltas for twin in delta["twins"]] == written
    assert sequences == sorted(set(sequences))
    assert sequences[0] > sequence


async def test_a_deleted_twin_is_told_as_deleted(door: Door, api: httpx.AsyncClient):
    twin = await put(api)
    async with connected(door) as socket:
        _, before = await subscribed(socket, ids=[twin["id"]])

        await api.delete(f"/api/v1/twins/{twin['id']}", headers={"if-match": "*"})
        told = twin
        # The change that made the twin may follow the snapshot that shows it already.
        while told["revision"] <= twin["revision"]:
            [told] = (await heard(socket))["twins"]

    assert before == [twin]
    assert (told["id"], told["revision"], told["deleted"]) == (twin["id"], 2, True)


async def test_a_client_that_comes_back_gets_what_it_missed_and_no_snapshot(door: Door, api: httpx.AsyncClient):
    async with connected(door) as socket:
        sequence, _ = await subscribed(socket, model="sku")
    missed = [await put(api) for _ in range(3)]
    hub: Hub = door.web.state.hub

    async def all_heard() -> bool:
        return hub.sequence >= sequence + 3

    await eventually(all_heard)
    async with connected(door) as socket:
        await socket.send(json.dumps({"subscribe": {"model": "sku"}, "after": sequence}))
        delta = await heard(socket)
        live = await put(api)
        following = await heard(socket)

    assert (delta["type"], delta["twins"]) == ("delta", missed)
    assert following["twins"] == [live]


async def test_a_sequence_means_the_same_at_another_gateway_and_one_of_the_future_gets_a_snapshot(
    whole: House, api: httpx.AsyncClient
):
    async with connected(whole.door) as socket:
        sequence, _ = await subscribed(socket, model="region")
    async with door(whole.common, **whole.addresses) as other:
        await asyncio.wait_for(other.web.state.hub.listening.wait(), PATIENCE_S)
        async with connected(other) as socket:
            await socket.send(json.dumps({"subscribe": {"model": "sku"}, "after": sequence}))
            change = await put(api)
            same = await heard(socket)
        async with connected(other) as socket:
            await socket.send(json.dumps({"subscribe": {"model": "region"}, "after": sequence + 10**9}))
            unheard_of = await heard(socket)

    assert (same["type"], same["twins"]) == ("delta", [change])
    assert unheard_of["type"] == "snapshot"


async def test_nothing_is_lost_between_snapshot_and_changes(door: Door, api: httpx.AsyncClient):
    """A writer goes on while clients come: each hears every revision from its snapshot to the end."""
    twin_id = (await put(api))["id"]
    may_write = True

    async def write() -> None:
        while may_write:
            await put(api, twin_id, name=uuid.uuid4().hex)

    async def follow() -> list[int]:
        async with connected(door) as socket:
            _, [twin] = await subscribed(socket, ids=[twin_id])
            revisions = [twin["revision"]]
            while twin["properties"]["name_zh"] != "the end":
                for twin in (await heard(socket))["twins"]:
                    revisions += [twin["revision"]] if twin["revision"] > revisions[-1] else []
            return revisions

    writing = asyncio.create_task(write())
    followers = []
    for _ in range(10):
        followers.append(asyncio.create_task(follow()))
        await put(api)
    may_write = False
    await writing
    last = (await put(api, twin_id, name="the end"))["revision"]
    everything = await asyncio.gather(*followers)

    assert last > 5
    assert all(revisions == list(range(revisions[0], last + 1)) for revisions in everything)


async def test_a_hundred_clients_hear_every_change(door: Door, api: httpx.AsyncClient):
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(connected(door)) for _ in range(100)]
        await asyncio.gather(*(subscribed(socket, model="sku") for socket in sockets))

        written = [await put(api) for _ in range(10)]

        async def all_of(socket: ClientConnection) -> list[dict[str, Any]]:
            twins: list[dict[str, Any]] = []
            while len(twins) < len(written):
                twins += (await heard(socket))["twins"]
            return twins

        everything = await asyncio.gather(*(all_of(socket) for socket in sockets))

    assert all(each == written for each in everything)


async def test_a_slow_client_gets_a_fresh_snapshot_and_delays_nobody(whole: House, api: httpx.AsyncClient):
    newest = await put(api)
    async with door(whole.common, **whole.addresses) as own:
        hub: Hub = own.web.state.hub
        await asyncio.wait_for(hub.listening.wait(), PATIENCE_S)
        hub._max_deltas = 8
        async with connected(own, max_queue=1) as slow, connected(own, max_size=None) as quick:
            await subscribed(slow, model="sku")
            await subscribed(quick, model="sku")

            began = time.monotonic()
            for number in range(60):
                hub.publish(hub.sequence + 1, [_large(number)])
                assert (await heard(quick))["twins"][0]["id"] == f"sku:large-{number}"
            took_s = time.monotonic() - began
            before: list[dict[str, Any]] = []
            while not before or before[-1]["type"] == "delta":
                before.append(await heard(slow))
            snapshot = before.pop()
            hub.publish(hub.sequence + 1, [_large("last")])
            after: dict[str, Any] = {"sequence": -1}
            while after["sequence"] < hub.sequence:
                after = await heard(slow)

    assert took_s < PATIENCE_S
    assert 0 < len(before) < 60
    assert newest["id"] in [twin["id"] for twin in snapshot["twins"]]
    assert snapshot["sequence"] > before[-1]["sequence"]
    assert (after["type"], after["twins"][0]["id"]) == ("delta", "sku:large-last")


def _large(code: object) -> types_pb2.Twin:
    """A change so large that sixty of them fill every buffer on the way to a client that does not read."""
    text = json.dumps({"name_zh": "x" * 500_000})
    return types_pb2.Twin(id=f"sku:large-{code}", model="sku", revision=1, properties_json=text, desired_json="{}")


async def test_clients_that_leave_are_forgotten(door: Door):
    hub: Hub = door.web.state.hub
    async with AsyncExitStack() as stack:
        for _ in range(20):
            await subscribed(await stack.enter_async_context(connected(door)), model="region")

        async def all_wait() -> bool:
            return len(hub._waiting) >= 20

        await eventually(all_wait)

    async def nobody_waits() -> bool:
        return not hub._waiting

    await eventually(nobody_waits)


async def test_without_twin_a_client_is_asked_to_come_again(door_without_twin: Door):
    async with connected(door_without_twin) as socket:
        await socket.send(json.dumps(EVERYTHING))
        code, reason = await refused(socket)

    assert code == 1013
    assert reason


async def test_a_stopping_gateway_tells_its_clients_to_come_again(whole: House):
    async with AsyncExitStack() as house, AsyncExitStack() as outside:
        opened = await house.enter_async_context(door(whole.common, **whole.addresses))
        client = await outside.enter_async_context(connected(opened))
        await subscribed(client, model="region")
        began = time.monotonic()

        await house.aclose()
        code, _ = await closed(client)

    assert code == 1012
    assert time.monotonic() - began < 8


async def test_too_many_connections_of_one_caller_are_asked_to_come_again(whole: House):
    async with door(whole.common, requests_per_s=1, **whole.addresses) as guarded:
        codes = []
        for _ in range(4):
            async with connected(guarded) as socket:
                with contextlib.suppress(ConnectionClosed):
                    await socket.send("nonsense")
                codes.append((await refused(socket))[0])

    assert codes[0] == 4400
    assert codes[-1] == 1013
