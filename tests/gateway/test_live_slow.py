"""A client that never reads what it asked for: it costs little, nobody waits for it, and it is let go."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from chassis.testing import eventually
from gateway.live.hub import RING_CHARACTERS, Hub
from gateway.readers import Watch
from marketwin.twin.v1 import types_pb2
from tests.gateway.house import Door, House, door
from tests.gateway.streams import PATIENCE_S, connected, heard, subscribed

CHANGES = 10_000


def _changed(number: int) -> list[types_pb2.Twin]:
    text = json.dumps({"name_zh": "x" * 2000})
    return [types_pb2.Twin(id=f"sku:{number}", model="sku", revision=1, properties_json=text, desired_json="{}")]


def _socket(opened: Door) -> tuple[bytes, bytes]:
    """What a WebSocket client sends: its handshake, and, once that is answered, its subscription."""
    client = ClientProtocol(
        parse_uri(opened.live_url),
        subprotocols=["marketwin.v1", f"bearer.{opened.token()}"],  # type: ignore[list-item]  # texts are taken
    )
    client.send_request(client.connect())
    subscribe = b'{"subscribe": {"model": "sku"}}'
    # A frame of text, masked with zeros (RFC 6455, 5.2).
    frame = bytes([0x81, 0x80 | len(subscribe), 0, 0, 0, 0]) + subscribe
    return b"".join(client.data_to_send()), frame


def _events(opened: Door) -> tuple[bytes, bytes]:
    path = "/api/v1/live/events?model=sku"
    return f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {opened.token()}\r\n\r\n".encode(), b""


@asynccontextmanager
async def _never_reading(opened: Door, first: bytes, second: bytes) -> AsyncIterator[None]:
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = opened.url.removeprefix("http://").split(":")
        link.connect((host, int(port)))
        link.sendall(first)
        if second:
            assert await asyncio.to_thread(link.recv, 4096)
            link.sendall(second)
        yield


@pytest.mark.parametrize("asks", [_socket, _events])
async def test_ten_thousand_changes_pass_a_client_that_never_reads(
    whole: House, asks: Any, monkeypatch: pytest.MonkeyPatch
):
    waiting: list[int] = []
    look = Watch._look

    def noted(watch: Watch) -> None:
        waiting.append(watch._transport.get_write_buffer_size())
        look(watch)

    monkeypatch.setattr(Watch, "_look", noted)
    async with door(whole.common, read_within_s=1.0, **whole.addresses) as own:
        hub: Hub = own.web.state.hub
        await asyncio.wait_for(hub.listening.wait(), PATIENCE_S)
        async with _never_reading(own, *asks(own)), connected(own, max_size=None) as quick:
            await subscribed(quick, model="sku")

            async def both_follow() -> bool:
                return bool(own.web.state.seats.taken == 2)

            await eventually(both_follow)
            told: list[str] = []
            for number in range(CHANGES):
                hub.publish(hub.sequence + 1, _changed(number))
                if number % 10 == 9:
                    while len(told) <= number:
                        told += [twin["id"] for twin in (await heard(quick))["twins"]]

            async def one_was_let_go() -> bool:
                return bool(own.web.state.seats.taken == 1)

            await eventually(one_was_let_go)
            hub.publish(hub.sequence + 1, _changed(CHANGES))
            last = await heard(quick)

    assert told == [f"sku:{number}" for number in range(CHANGES)]
    assert last["twins"][0]["id"] == f"sku:{CHANGES}"
    assert waiting
    assert max(waiting) < 1024 * 1024
    assert hub._characters <= RING_CHARACTERS


async def test_a_client_that_reads_slowly_is_not_let_go(whole: House):
    async with door(whole.common, read_within_s=0.6, **whole.addresses) as own:
        hub: Hub = own.web.state.hub
        await asyncio.wait_for(hub.listening.wait(), PATIENCE_S)
        async with connected(own, max_queue=1, max_size=None, close_timeout=0.1) as slow:
            await subscribed(slow, model="region")
            kinds = []
            text = json.dumps({"name_zh": "x" * 300_000})
            for number in range(40):
                twin = types_pb2.Twin(id=f"region:{number}", model="region", properties_json=text, desired_json="{}")
                hub.publish(hub.sequence + 1, [twin])
            while len(kinds) < 20:
                kinds.append((await heard(slow))["type"])
                await asyncio.sleep(0.1)

    assert set(kinds) == {"delta"}
