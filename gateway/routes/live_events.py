"""`GET /live/events`: the live stream as server-sent events.

    retry: 1000                                    : alive            every 15 s when nothing comes,
                                                   id: 42             with the place to go on after
    id: 41
    event: delta                                   event: problem     the end: the token has expired, or
    data: {"type": "delta", "sequence": 41, ...}   data: {...}        no snapshot can be had

A part of a snapshot has no id but the last one: there is nothing to go on after before that.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chassis.errors import ChassisError, Invalid, Problem
from gateway.auth import Caller, ReadsTwins
from gateway.live.filters import Filter, compiled
from gateway.live.hub import Told
from gateway.live.readings import check_readings
from gateway.live.seats import Seats
from gateway.live.serving import until_gone
from gateway.problems import chassis_response, problem_of

router = APIRouter(tags=["twins"])

EVENTS = "text/event-stream"
MAX_IDS = 1000
LONG = 32768
MAX_SEQUENCE = 2**63 - 1
FIRST = "retry: 1000\n\n"
DESCRIBED = "A snapshot, then deltas, until the token expires"
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": DESCRIBED, "content": {EVENTS: {"schema": {"type": "string"}}}}
}
HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
"""The last one asks proxies to pass on what there is."""


@router.get("/live/events", response_class=Response, responses=RESPONSES)
async def follow_events(
    request: Request,
    caller: ReadsTwins,
    filter: Annotated[
        str, Query(max_length=LONG, description="RQL without related(), e.g. `gt(properties/stock,5)`; none: all")
    ] = "",
    model: Annotated[str, Query(max_length=64)] = "",
    ids: Annotated[list[str] | None, Query(max_length=MAX_IDS, description="Once for each twin; none: all")] = None,
    after: Annotated[
        int | None, Query(ge=0, le=MAX_SEQUENCE, description="Sequence to go on after; none: begin with a snapshot")
    ] = None,
    readings: Annotated[
        bool, Query(description="Tell what is measured between changes, too; not with a filter")
    ] = False,
    last_event_id: Annotated[str, Header(max_length=64, description="Goes before `after`")] = "",
) -> Response:
    """Follows changes of twins as server-sent events: a snapshot, then deltas with sequence."""
    query = filter.strip()
    if query:
        compiled(query)
    wanted = Filter(model, frozenset(each for each in ids or () if each), query)
    if readings:
        check_readings(wanted, "/query/readings")
    state = request.app.state
    told = state.live.told(wanted, _known(last_event_id, after), measured=readings)
    return EventStream(told, state.seats, caller)


def _known(last_event_id: str, after: int | None) -> int | None:
    if not last_event_id.strip():
        return after
    if not (last_event_id.isascii() and last_event_id.isdecimal()):
        problem = Problem("/header/last-event-id", "wrong_type", "send the id of the last event, a whole number")
        raise Invalid("there is no such event", errors=[problem])
    return min(int(last_event_id), MAX_SEQUENCE)


class EventStream(Response):
    """Serves one client; what is wrong before the first event is a problem, as on every path."""

    def __init__(self, told: AsyncGenerator[Told, None], seats: Seats, caller: Caller) -> None:
        super().__init__()
        self._told = told
        self._seats = seats
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False
        try:
            with self._seats.taken_by(self._caller.subject):
                async with aclosing(self._told) as everything:
                    first = await anext(everything)
                    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
                    has_begun = True
                    await _write(send, FIRST + _event(first))
                    await until_gone(self._caller, serving=_serve(everything, send), leaving=_left(receive))
        except ChassisError as error:
            if not has_begun:
                await chassis_response(error)(scope, receive, send)
                return
            await _write(send, f"event: problem\ndata: {json.dumps(problem_of(error), ensure_ascii=False)}\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _serve(everything: AsyncGenerator[Told, None], send: Send) -> None:
    async for told in everything:
        await _write(send, _event(told))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


def _event(told: Told) -> str:
    if told.kind == "mark":
        return f": alive\nid: {told.sequence}\n\n"
    place = "" if told.sequence is None else f"id: {told.sequence}\n"
    return f"{place}event: {told.kind}\ndata: {told.text}\n\n"
