"""`WS /live`: the hub over WebSocket.

Close codes (private range of RFC 6455): 4400 not understood, 4401 sign in (again), 4403 not allowed; 1013 try later.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from chassis.errors import ChassisError, Denied, Invalid, Unavailable
from gateway.auth import Caller, unauthenticated
from gateway.clients import Services
from gateway.live import Filter, Hub, Subscription, snapshot_text
from gateway.views import twin_text
from marketwin.twin.v1 import service_pb2 as pb

router = APIRouter()

PROTOCOL = "marketwin.v1"
SUBSCRIBE_WITHIN_S = 10.0
LISTENING_WITHIN_S = 5.0
PAGE = 1000
MAX_IDS = 1000
UNAUTHENTICATED, DENIED, INVALID, TRY_LATER = 4401, 4403, 4400, 1013
HOW = 'send {"subscribe": {"model": "...", "ids": [...]}, "after": sequence}; only subscribe is required'


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Snapshot, then deltas; see docs/architecture.md."""
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
    try:
        caller = _caller(socket)
        wanted, after = _asked(await _first_message(socket))
        await _until_gone(socket, caller, asyncio.create_task(_serve(socket, wanted, after)))
    except ChassisError as error:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(_close_code(error), error.message)
    except WebSocketDisconnect:
        return


def _close_code(error: ChassisError) -> int:
    if isinstance(error, Denied):
        return UNAUTHENTICATED if error.code == "unauthenticated" else DENIED
    return INVALID if isinstance(error, Invalid) else TRY_LATER


def _caller(socket: WebSocket) -> Caller:
    offered = [each for each in socket.scope["subprotocols"] if each.startswith("bearer.")]
    if not offered:
        raise unauthenticated("offer the subprotocol bearer.TOKEN")
    caller: Caller = socket.app.state.tokens.verify(offered[0].removeprefix("bearer."))
    if not caller.may("twins:read"):
        raise Denied("this needs the scope twins:read")
    socket.app.state.callers_limit.take(caller.subject)
    return caller


async def _first_message(socket: WebSocket) -> str:
    try:
        async with asyncio.timeout(SUBSCRIBE_WITHIN_S):
            message = await socket.receive()
    except TimeoutError:
        raise Invalid(HOW) from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    return str(message.get("text") or "")


def _asked(text: str) -> tuple[Filter, int | None]:
    """The filter, and the sequence to go on after."""
    try:
        message: Any = json.loads(text)
        asked = message["subscribe"]
        model, ids, after = asked.get("model") or "", asked.get("ids") or [], message.get("after")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Invalid(HOW) from None
    well_formed = (
        _is_plain(model)
        and isinstance(ids, list)
        and len(ids) <= MAX_IDS
        and all(_is_plain(each) for each in ids)
        and (after is None or type(after) is int)
    )
    if not well_formed:
        raise Invalid(HOW)
    return Filter(model, frozenset(ids)), after


def _is_plain(value: object) -> bool:
    """Text that a database can be asked for: no control characters, no half of a surrogate pair."""
    return isinstance(value, str) and (value == "" or value.isprintable())


async def _until_gone(socket: WebSocket, caller: Caller, serving: asyncio.Task[None]) -> None:
    """Lets the client be served until it leaves, its token expires, or serving fails."""
    leaving = asyncio.create_task(_wait_for_leave(socket))
    try:
        left = max(0.0, caller.expires_at - time.time())
        done, _ = await asyncio.wait({serving, leaving}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    finally:
        serving.cancel()
        leaving.cancel()
        await asyncio.gather(serving, leaving, return_exceptions=True)
    if not done:
        raise unauthenticated("the token has expired")
    if serving in done:
        serving.result()


async def _wait_for_leave(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _serve(socket: WebSocket, wanted: Filter, after: int | None) -> None:
    """Sends what the client missed, or else a snapshot, then deltas; begins anew when the client falls behind."""
    hub: Hub = socket.app.state.hub
    try:
        await asyncio.wait_for(hub.listening.wait(), LISTENING_WITHIN_S)
    except TimeoutError:
        raise Unavailable("the stream of changes cannot be reached") from None
    subscription = hub.subscribe(wanted, after)
    while True:
        if subscription.needs_snapshot:
            await _snapshot(socket, subscription)
        try:
            while True:
                await socket.send_text(await subscription.next_text())
        except LookupError:
            subscription = hub.subscribe(wanted)


async def _snapshot(socket: WebSocket, subscription: Subscription) -> None:
    """The twins as they are now, in parts; changes meanwhile wait in the hub."""
    behind: Services = socket.app.state.services
    wanted = subscription.wanted
    cursor, more = "", True
    while more:
        page = await behind.twin.ListTwins(
            pb.ListTwinsRequest(model=wanted.model, ids=sorted(wanted.ids), page_size=PAGE, cursor=cursor)
        )
        cursor, more = page.next_cursor, bool(page.next_cursor)
        texts = [twin_text(twin) for twin in page.twins]
        await socket.send_text(snapshot_text(subscription.sequence, texts, more=more))
