"""`WS /live`: the live stream over WebSocket.

Close codes (private range of RFC 6455): 4400 not understood, 4401 sign in (again), 4403 not allowed; 1013 try later.
Before it closes, a message says the same at length: {"type": "problem", title, status, detail, errors, ...}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from chassis.errors import ChassisError, Denied, Invalid, Problem
from gateway.auth import Caller, unauthenticated
from gateway.live.filters import Filter, compiled
from gateway.live.readings import check_readings
from gateway.live.serving import Live, until_gone
from gateway.problems import problem_of

router = APIRouter()

PROTOCOL = "marketwin.v1"
SUBSCRIBE_WITHIN_S = 10.0
MAX_IDS = 1000
MAX_REASON_BYTES = 123
UNAUTHENTICATED, DENIED, INVALID, TRY_LATER = 4401, 4403, 4400, 1013
HOW = (
    'send {"subscribe": {"filter": "RQL", "model": "...", "ids": [...], "readings": true}, "after": sequence}; '
    "subscribe may be {}"
)


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Snapshot, then deltas; see docs/architecture.md."""
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
    try:
        caller = _caller(socket)
        with socket.app.state.seats.taken_by(caller.subject):
            asked = _asked(await _first_message(socket))
            await until_gone(caller, serving=_serve(socket, asked), leaving=_wait_for_leave(socket))
    except ChassisError as error:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            document = problem_of(error)
            await socket.send_json({**document, "type": "problem", "problem": document["type"]})
            await socket.close(_close_code(error), _reason(error.message))
    except WebSocketDisconnect:
        return


def _close_code(error: ChassisError) -> int:
    if isinstance(error, Denied):
        return UNAUTHENTICATED if error.code == "unauthenticated" else DENIED
    return INVALID if isinstance(error, Invalid) else TRY_LATER


def _reason(message: str) -> str:
    return message.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


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


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client wants, the sequence to go on after, and whether it wants readings, too."""

    wanted: Filter
    after: int | None
    measured: bool


def _asked(text: str) -> Asked:
    try:
        message: Any = json.loads(text)
        asked = message["subscribe"]
        query, model = asked.get("filter") or "", asked.get("model") or ""
        ids, after, measured = asked.get("ids") or [], message.get("after"), asked.get("readings") or False
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Invalid(HOW) from None
    well_formed = (
        isinstance(query, str)
        and _is_plain(model)
        and isinstance(ids, list)
        and len(ids) <= MAX_IDS
        and all(_is_plain(each) for each in ids)
        and (after is None or type(after) is int)
        and isinstance(measured, bool)
    )
    if not well_formed:
        raise Invalid(HOW)
    wanted = Filter(model, frozenset(ids), _readable(query.strip()))
    if measured:
        check_readings(wanted, "/subscribe/readings")
    return Asked(wanted, after, measured)


def _readable(query: str) -> str:
    """The query, if it is one; what is wrong with it is pointed at where it was sent."""
    try:
        if query:
            compiled(query)
    except Invalid as error:
        places = [replace(each, pointer="/subscribe/filter") for each in error.errors]
        raise Invalid(_in_short(places) or error.message, code=error.code, errors=places) from None
    return query


def _in_short(problems: list[Problem]) -> str:
    return "; ".join(f"{each.pointer} {each.message}" for each in problems)


def _is_plain(value: object) -> bool:
    """Text that a database can be asked for: no control characters, no half of a surrogate pair."""
    return isinstance(value, str) and (value == "" or value.isprintable())


async def _wait_for_leave(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _serve(socket: WebSocket, asked: Asked) -> None:
    stream: Live = socket.app.state.live
    reached = asked.after
    async with aclosing(stream.told(asked.wanted, asked.after, measured=asked.measured)) as everything:
        async for told in everything:
            if told.kind != "mark" or told.sequence != reached:
                await socket.send_text(told.text)
            if told.kind != "readings":
                reached = told.sequence
