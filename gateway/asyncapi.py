"""The live stream as an AsyncAPI 3.0 document; `python -m gateway.asyncapi` prints the one that is committed."""

from __future__ import annotations

import json
import sys
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.schemas import Json
from gateway.schemas.live import Delta, LiveProblem, ReadingsTold, Snapshot, Subscribe

router = APIRouter(include_in_schema=False)

DESCRIPTION = (
    "Changes of twins as they happen: a snapshot, then deltas with sequence, and readings of machines where they are "
    "asked for. After a break, `after` goes on behind the last sequence without loss."
)
CLOSE_CODES = (
    "Offer the subprotocols `marketwin.v1` and `bearer.TOKEN`, send one `Subscribe` within 10 s. "
    "Close codes: 4400 not understood, 4401 sign in (again), 4403 not allowed, 1013 try later; "
    "a `LiveProblem` comes before."
)
EVENTS = (
    "The same as server-sent events, with `Authorization: Bearer TOKEN`; `filter`, `model`, `ids`, `readings` and "
    "`after` in the query, or `Last-Event-ID`. The name of an event is the `type` of its message, its id the sequence "
    "to go on after."
)
TOLD: tuple[type[BaseModel], ...] = (Snapshot, Delta, ReadingsTold, LiveProblem)


def document() -> Json:
    """The document, made of the shapes."""
    shapes: tuple[type[BaseModel], ...] = (Subscribe, *TOLD)
    _, made = models_json_schema([(each, "validation") for each in shapes], ref_template="#/components/schemas/{model}")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Marketwin live stream", "version": "1", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "live": _channel("/api/v1/live", CLOSE_CODES, shapes) | {"bindings": {"ws": {"method": "GET"}}},
            "liveEvents": _channel("/api/v1/live/events", EVENTS, TOLD),
        },
        "operations": {
            "subscribe": _operation("receive", "live", (Subscribe,)),
            "tell": _operation("send", "live", TOLD),
            "tellEvents": _operation("send", "liveEvents", TOLD),
        },
        "components": {"messages": {each.__name__: _message(each) for each in shapes}, "schemas": made["$defs"]},
    }


def _channel(address: str, description: str, messages: tuple[type[BaseModel], ...]) -> Json:
    named = {each.__name__: {"$ref": f"#/components/messages/{each.__name__}"} for each in messages}
    return {"address": address, "description": description, "messages": named}


def _operation(action: str, channel: str, messages: tuple[type[BaseModel], ...]) -> Json:
    named = [{"$ref": f"#/channels/{channel}/messages/{each.__name__}"} for each in messages]
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "messages": named}


def _message(shape: type[BaseModel]) -> Json:
    payload = {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {"name": shape.__name__, "summary": (shape.__doc__ or "").partition("\n")[0], "payload": payload}


@router.get("/asyncapi.json")
async def contract() -> JSONResponse:
    """The document."""
    return JSONResponse(DOCUMENT)


DOCUMENT: dict[str, Any] = document()

if __name__ == "__main__":
    sys.stdout.write(json.dumps(DOCUMENT, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
