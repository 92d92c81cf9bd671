"""The live stream over real WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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

PATIENCE_S = 10.0
EVERYTHING: dict[str, Any] = {"subscribe": {}}


@asynccontextmanager
async def _socket(
    opened: Door, *roles: str, token: str | None = None, **options: Any
) -> AsyncIterator[ClientConnection]:
    bearer = f"bearer.{opened.token(*roles) if token is None else token}"
    async with connect(opened.live_url, subprotocols=["marketwin.v1", bearer], proxy=None, **options) as socket:
        yield socket


async def _heard(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
    return message


async def _subscribed(socket: ClientConnection, **asked: Any) -> tuple[int, list[dict[str, Any]]]:
    """Subscribes; returns sequence and twins of the snapshot."""
    await socket.send(json.dumps({"subscribe": asked}))
    twins: list[dict[str, Any]] = []
    while True:
        part = await _heard(socket)
        assert part["type"] == "snapshot"
        twins += part["twins"]
        if not part["more"]:
            return part["sequence"], twins


async def _close_code(socket: ClientConnection) -> tuple[int, str]:
    """The code and the reason of a refusal, which a problem says at length beforehand."""
    problem = await _heard(socket)
    assert (problem["type"], problem["title"] != "") == ("problem", True)
    return await _closed(socket)


async def _closed(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed):
        await _heard(socket)
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def _put(api: httpx.AsyncClient, twin_id: str = "", *, name: str = "x") -> dict[str, Any]:
    """Creates or replaces a twin of a product."""
    address = f"/api/v1/twins/{twin_id or f'sku:{uuid.uuid4().hex}'}"
    body = {"model": "sku", "properties": {"name_zh": name}}
    condition = {"if-match": "*"} if twin_id else {"if-none-match": "*"}
    response = await api.put(address, json=body, headers=condition)
    assert response.status_code in {200, 201}, response.text
    twin: dict[str, Any] = response.json()
    return twin


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c"])
async def test_a_token_that_is_not_ours_is_refused_with_4401(door: Door, token: str):
    async with _socket(door, token=token) as socket:
        code, reason = await _close_code(socket)

    assert code == 4401
    assert reason


async def test_no_token_is_refused_with_4401_and_an_expired_one_too(door: Door):
    async with connect(door.live_url, subprotocols=["marketwin.v1"], proxy=None) as without:
        missing, _ = await _close_code(without)
    async with _socket(door, token=door.token(hours=-1)) as late:
        expired, _ = await _close_code(late)

    assert (missing, expired) == (4401, 4401)


async def test_who_may_not_read_twins_is_refused_with_4403(door: Door):
    async with _socket(door, "nobody") as socket:
        code, _ = await _close_code(socket)

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
    async with _socket(door) as socket:
        await socket.send(text)
        code, reason = await _close_code(socket)

    assert code == 4400
    assert "subscribe" in reason


async def test_a_message_larger_than_any_subscription_is_not_read(door: Door):
    async with _socket(door) as socket:
        await socket.send("x" * 300_000)
        code, _ = await _closed(socket)

    assert code == 1009


async def test_who_says_nothing_is_not_waited_for(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(route, "SUBSCRIBE_WITHIN_S", 0.05)

    async with _socket(door) as socket:
        code, _ = await _close_code(socket)

    assert code == 4400


async def test_a_connection_ends_with_its_token(door: Door):
    began = time.monotonic()

    async with _socket(door, token=door.token(hours=2 / 3600)) as socket:
        await _subscribed(socket, model="region")
        code, _ = await _close_code(socket)

    assert code == 4401
    assert time.monotonic() - began < 5


async def test_the_snapshot_comes_in_parts_and_is_whole(
    door: Door, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "PAGE", 2)
    for _ in range(5):
        await _put(api)
    known = (await api.get("/api/v1/twins", params={"limit": 1000})).json()["items"]

    parts = []
    async with _socket(door) as socket:
        await socket.send(json.dumps(EVERYTHING))
        while not parts or parts[-1]["more"]:
            parts.append(await _heard(socket))

    twins = [twin for part in parts for twin in part["twins"]]
    assert len(parts) >= 3
    assert all(len(part["twins"]) <= 2 for part in parts)
    assert len({part["sequence"] for part in parts}) == 1
    assert [twin["id"] for twin in twins] == [twin["id"] for twin in known]
    assert twins[0] == known[0]


async def test_the_protocol_is_agreed_on(door: Door):
    async with _socket(door) as socket:
        agreed = socket.subprotocol
    async with connect(door.live_url, subprotocols=[f"bearer.{door.token()}"], proxy=None) as bare:
        sequence, _ = await _subscribed(bare, model="region")

    assert agreed == "marketwin.v1"
    assert bare.subprotocol is None
    assert sequence >= 0


async def test_changes_follow_the_snapshot_with_growing_sequence_and_the_same_shape(door: Door, api: httpx.AsyncClient):
    async with _socket(door) as socket:
        sequence, _ = await _subscribed(socket, model="sku")

        written, deltas = [], []
        for _ in range(5):
            written.append(await _put(api))
            deltas.append(await _heard(socket))

    sequences = [delta["sequence"] for delta in deltas]
    assert {delta["type"] for delta in deltas} == {"delta"}
    assert [twin for delta in deltas for twin in delta["twins"]] == written
    assert sequences == sorted(set(sequences))
    assert sequences[0] > sequence


async def test_a_deleted_twin_is_told_as_deleted(door: Door, api: httpx.AsyncClient):
    twin = await _put(api)
    async with _socket(door) as socket:
        _, before = await _subscribed(socket, ids=[twin["id"]])

        await api.delete(f"/api/v1/twins/{twin['id']}", headers={"if-match": "*"})
        told = twin
        # The change that made the twin may follow the snapshot that shows it already.
        while told["revision"] <= twin["revision"]:
            [told] = (await _heard(socket))["twins"]

    assert before == [twin]
    assert (told["id"], told["revision"], told["deleted"]) == (twin["id"], 2, True)


async def test_a_client_that_comes_back_gets_what_it_missed_and_no_snapshot(door: Door, api: httpx.AsyncClient):
    async with _socket(door) as socket:
        sequence, _ = await _subscribed(socket, model="sku")
    missed = [await _put(api) for _ in range(3)]
    hub: Hub = door.web.state.hub

    async def all_heard() -> bool:
        return hub.sequence >= sequence + 3

    await eventually(all_heard)
    async with _socket(door) as socket:
        await socket.send(json.dumps({"subscribe": {"model": "sku"}, "after": sequence}))
        delta = await _heard(socket)
        live = await _put(api)
        following = await _heard(socket)

    assert (delta["type"], delta["twins"]) == ("delta", missed)
    assert following["twins"] == [live]


async def test_a_sequence_means_the_same_at_another_gateway_and_one_of_the_future_gets_a_snapshot(
    whole: House, api: httpx.AsyncClient
):
    async with _socket(whole.door) as socket:
        sequence, _ = await _subscribed(socket, model="region")
    async with door(whole.common, **whole.addresses) as other:
        await asyncio.wait_for(other.web.state.hub.listening.wait(), PATIENCE_S)
        async with _socket(other) as socket:
            await socket.send(json.dumps({"subscribe": {"model": "sku"}, "after": sequence}))
            change = await _put(api)
            same = await _heard(socket)
        async with _socket(other) as socket:
            await socket.send(json.dumps({"subscribe": {"model": "region"}, "after": sequence + 10**9}))
            unheard_of = await _heard(socket)

    assert (same["type"], same["twins"]) == ("delta", [change])
    assert unheard_of["type"] == "snapshot"


async def test_nothing_is_lost_between_snapshot_and_changes(door: Door, api: httpx.AsyncClient):
    """A writer goes on while clients come: each hears every revision from its snapshot to the end."""
    twin_id = (await _put(api))["id"]
    may_write = True

    async def write() -> None:
        while may_write:
            await _put(api, twin_id, name=uuid.uuid4().hex)

    async def follow() -> list[int]:
        async with _socket(door) as socket:
            _, [twin] = await _subscribed(socket, ids=[twin_id])
            revisions = [twin["revision"]]
            while twin["properties"]["name_zh"] != "the end":
                for twin in (await _heard(socket))["twins"]:
                    revisions += [twin["revision"]] if twin["revision"] > revisions[-1] else []
            return revisions

    writing = asyncio.create_task(write())
    followers = []
    for _ in range(10):
        followers.append(asyncio.create_task(follow()))
        await _put(api)
    may_write = False
    await writing
    last = (await _put(api, twin_id, name="the end"))["revision"]
    heard = await asyncio.gather(*followers)

    assert last > 5
    assert all(revisions == list(range(revisions[0], last + 1)) for revisions in heard)


async def test_a_hundred_clients_hear_every_change(door: Door, api: httpx.AsyncClient):
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(_socket(door)) for _ in range(100)]
        await asyncio.gather(*(_subscribed(socket, model="sku") for socket in sockets))

        written = [await _put(api) for _ in range(10)]

        async def all_of(socket: ClientConnection) -> list[dict[str, Any]]:
            twins: list[dict[str, Any]] = []
            while len(twins) < len(written):
                twins += (await _heard(socket))["twins"]
            return twins

        heard = await asyncio.gather(*(all_of(socket) for socket in sockets))

    assert all(each == written for each in heard)


async def test_a_slow_client_gets_a_fresh_snapshot_and_delays_nobody(whole: House, api: httpx.AsyncClient):
    newest = await _put(api)
    async with door(whole.common, **whole.addresses) as own:
        hub: Hub = own.web.state.hub
        await asyncio.wait_for(hub.listening.wait(), PATIENCE_S)
        hub._max_deltas = 8
        async with _socket(own, max_queue=1) as slow, _socket(own, max_size=None) as quick:
            await _subscribed(slow, model="sku")
            await _subscribed(quick, model="sku")

            began = time.monotonic()
            for number in range(60):
                hub.publish(hub.sequence + 1, [_large(number)])
                assert (await _heard(quick))["twins"][0]["id"] == f"sku:large-{number}"
            took_s = time.monotonic() - began
            before: list[dict[str, Any]] = []
            while not before or before[-1]["type"] == "delta":
                before.append(await _heard(slow))
            snapshot = before.pop()
            hub.publish(hub.sequence + 1, [_large("last")])
            after: dict[str, Any] = {"sequence": -1}
            while after["sequence"] < hub.sequence:
                after = await _heard(slow)

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
            await _subscribed(await stack.enter_async_context(_socket(door)), model="region")

        async def all_wait() -> bool:
            return len(hub._waiting) >= 20

        await eventually(all_wait)

    async def nobody_waits() -> bool:
        return not hub._waiting

    await eventually(nobody_waits)


async def test_without_twin_a_client_is_asked_to_come_again(door_without_twin: Door):
    async with _socket(door_without_twin) as socket:
        await socket.send(json.dumps(EVERYTHING))
        code, reason = await _close_code(socket)

    assert code == 1013
    assert reason


async def test_a_stopping_gateway_tells_its_clients_to_come_again(whole: House):
    async with AsyncExitStack() as house, AsyncExitStack() as outside:
        opened = await house.enter_async_context(door(whole.common, **whole.addresses))
        client = await outside.enter_async_context(_socket(opened))
        await _subscribed(client, model="region")
        began = time.monotonic()

        await house.aclose()
        code, _ = await _closed(client)

    assert code == 1012
    assert time.monotonic() - began < 8


async def test_too_many_connections_of_one_caller_are_asked_to_come_again(whole: House):
    async with door(whole.common, requests_per_s=1, **whole.addresses) as guarded:
        codes = []
        for _ in range(4):
            async with _socket(guarded) as socket:
                with contextlib.suppress(ConnectionClosed):
                    await socket.send("nonsense")
                codes.append((await _close_code(socket))[0])

    assert codes[0] == 4400
    assert codes[-1] == 1013
