"""`WS /live`: the hub over WebSocket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from chassis.errors import ChassisError, Denied, Invalid, Problem
from gateway.auth import Caller, Tokens
from gateway.clients import Services
from gateway.live import Filter, Hub, Subscription, snapshot_text
from gateway.views import twin_text
from marketwin.twin.v1 import service_pb2 as pb

router = APIRouter()

PROTOCOL = "marketwin.v1"
SUBSCRIBE_WITHIN_S = 10.0
PAGE = 1000
MAX_IDS = 1000
# Close codes: 4401 sign in, 4403 not allowed, 4400 not understood (private range of RFC 6455).
UNAUTHENTICATED, DENIED, INVALID = 4401, 4403, 4400


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Snapshot, then deltas; see docs/architecture.md."""
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
    try:
        _caller(socket)
        async with asyncio.timeout(SUBSCRIBE_WITHIN_S):
            wanted, after = _asked(await socket.receive_text())
        await _serve(socket, wanted, after)
    except Denied as error:
        await socket.close(UNAUTHENTICATED if error.code == "unauthenticated" else DENIED, error.message)
    except (Invalid, TimeoutError):
        await socket.close(INVALID, 'send {"subscribe": {"model": "...", "ids": [...]}}')
    except ChassisError as error:
        await socket.close(1013, error.message)
    except WebSocketDisconnect:
        return


def _caller(socket: WebSocket) -> Caller:
    tokens: Tokens = socket.app.state.tokens
    offered = [each for each in socket.scope["subprotocols"] if each.startswith("bearer.")]
    if not offered:
        raise Denied("offer the subprotocol bearer.TOKEN", code="unauthenticated")
    caller = tokens.verify(offered[0].removeprefix("bearer."))
    if not caller.may("twins:read"):
        raise Denied("this needs the scope twins:read")
    return caller


def _asked(text: str) -> tuple[Filter, int | None]:
    """The filter, and the sequence to go on after."""
    try:
        message: Any = json.loads(text)
        asked = message["subscribe"]
        model, ids, after = asked.get("model") or "", asked.get("ids") or [], message.get("after")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Invalid("not understood") from None
    well_formed = (
        isinstance(model, str)
        and isinstance(ids, list)
        and len(ids) <= MAX_IDS
        and all(isinstance(each, str) for each in ids)
        and (after is None or isinstance(after, int))
    )
    if not well_formed:
        raise Invalid("not understood", errors=[Problem("/subscribe", "wrong_type", "see the documentation")])
    return Filter(model, frozenset(ids)), after


async def _serve(socket: WebSocket, wanted: Filter, after: int | None) -> None:
    hub: Hub = socket.app.state.hub
    while True:
        subscription = hub.subscribe(wanted)
        try:
            await _begin(socket, hub, wanted, after)
            await _until_gone(socket, subscription)
        finally:
            hub.unsubscribe(subscription)
        if not subscription.overflowed:
            return
        after = None


async def _begin(socket: WebSocket, hub: Hub, wanted: Filter, after: int | None) -> None:
    """What the client missed, or else a whole snapshot; changes meanwhile wait in the subscription."""
    missed = hub.since(after) if after is not None else None
    if missed is not None:
        for delta in missed:
            if text := delta.text(wanted):
                await socket.send_text(text)
        return
    await _snapshot(socket, hub.sequence, wanted)


async def _snapshot(socket: WebSocket, sequence: int, wanted: Filter) -> None:
    behind: Services = socket.app.state.services
    cursor, more = "", True
    while more:
        page = await behind.twin.ListTwins(
            pb.ListTwinsRequest(model=wanted.model, ids=sorted(wanted.ids), page_size=PAGE, cursor=cursor)
        )
        cursor, more = page.next_cursor, bool(page.next_cursor)
        await socket.send_text(snapshot_text(sequence, [twin_text(twin) for twin in page.twins], more=more))


async def _until_gone(socket: WebSocket, subscription: Subscription) -> None:
    """Sends deltas until the client leaves or falls too far behind."""
    sending = asyncio.create_task(_send(socket, subscription))
    leaving = asyncio.create_task(_wait_for_leave(socket))
    _, pending = await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(sending, leaving, return_exceptions=True)


async def _send(socket: WebSocket, subscription: Subscription) -> None:
    while not subscription.overflowed:
        delta = await subscription.queue.get()
        if text := delta.text(subscription.wanted):
            await socket.send_text(text)


async def _wait_for_leave(socket: WebSocket) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
