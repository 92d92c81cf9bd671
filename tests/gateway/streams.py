"""A client of the live stream, as tests use it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.gateway.contract import judge_message
from tests.gateway.house import Door

PATIENCE_S = 10.0


@asynccontextmanager
async def connected(
    opened: Door, *roles: str, token: str | None = None, **options: Any
) -> AsyncIterator[ClientConnection]:
    bearer = f"bearer.{opened.token(*roles) if token is None else token}"
    async with connect(opened.live_url, subprotocols=["marketwin.v1", bearer], proxy=None, **options) as socket:
        yield socket


async def heard(socket: ClientConnection) -> dict[str, Any]:
    """The next message, held against the contract."""
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
    judge_message(message)
    return message


async def subscribed(socket: ClientConnection, **asked: Any) -> tuple[int, list[dict[str, Any]]]:
    """Subscribes; returns sequence and twins of the snapshot."""
    await socket.send(json.dumps({"subscribe": asked}))
    twins: list[dict[str, Any]] = []
    while True:
        part = await heard(socket)
        assert part["type"] == "snapshot"
        twins += part["twins"]
        if not part["more"]:
            return part["sequence"], twins


async def refused(socket: ClientConnection) -> tuple[int, str]:
    """The code and the reason of a refusal, which a problem says at length beforehand."""
    problem = await heard(socket)
    assert (problem["type"], problem["title"] != "") == ("problem", True)
    return await closed(socket)


async def closed(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed):
        await heard(socket)
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def put(api: httpx.AsyncClient, twin_id: str = "", *, name: str = "x") -> dict[str, Any]:
    """Creates or replaces a twin of a product."""
    address = f"/api/v1/twins/{twin_id or f'sku:{uuid.uuid4().hex}'}"
    body = {"model": "sku", "properties": {"name_zh": name}}
    condition = {"if-match": "*"} if twin_id else {"if-none-match": "*"}
    response = await api.put(address, json=body, headers=condition)
    assert response.status_code in {200, 201}, response.text
    twin: dict[str, Any] = response.json()
    return twin
