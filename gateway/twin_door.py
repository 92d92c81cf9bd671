"""Twins asked for by id, answered in front of the framework.

    GET /api/v1/twins/ID ─▶ caller, limit, twin service ─▶ twin or problem
    anything else, a past, an ETag that the caller has ─▶ the framework, which has the same path and says the same

As with posts of records (`gateway.door`), the framework costs several times what the answer does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.errors import ChassisError
from gateway.auth import READS_TWINS, admit
from gateway.bodies import JSON_TYPE
from gateway.lookups import Lookups
from gateway.middleware import GZIP_MIN_BYTES, compressed
from gateway.preconditions import etag
from gateway.problems import chassis_response, failed
from gateway.views.twins import twin_text
from marketwin.twin.v1 import types_pb2

_PATH = re.compile(r"/api/v1/twins/([a-z][a-z_]*:[^\s/?#]{1,128})")


@dataclass(frozen=True, slots=True)
class _Route:
    """What a span is named after."""

    path: str = "/api/v1/twins/{twin_id}"


_ROUTE = _Route()


class TwinDoor:
    """Answers questions for one twin as it is now; hands on everything else."""

    def __init__(self, web: FastAPI, others: ASGIApp) -> None:
        self._web = web
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        headers = dict(scope["headers"])
        is_plain = not scope.get("query_string") and len(headers) == len(scope["headers"])
        if asked is None or not is_plain or b"if-none-match" in headers:
            await self._others(scope, receive, send)
            return
        scope["app"], scope["route"] = self._web, _ROUTE
        response: ASGIApp
        try:
            twin = await self._found(asked[1], headers.get(b"authorization"))
            body = twin_text(twin).encode()
            if len(body) < GZIP_MIN_BYTES:
                await _tell(send, body, twin.revision)
                return
            response = compressed(Response(body, 200, {"ETag": etag(twin.revision)}, JSON_TYPE))
        except ChassisError as error:
            response = chassis_response(error)
        except Exception:
            await failed()(scope, receive, send)
            raise
        await response(scope, receive, send)

    async def _found(self, twin_id: str, authorization: bytes | None) -> types_pb2.Twin:
        state = self._web.state
        admit(state, None if authorization is None else authorization.decode("latin-1"), READS_TWINS)
        lookups: Lookups = state.lookups
        return await lookups.get(twin_id)


async def _tell(send: Send, body: bytes, revision: int) -> None:
    """An answer without an object for it."""
    headers = [
        (b"etag", etag(revision).encode()),
        (b"content-length", b"%d" % len(body)),
        (b"content-type", JSON_TYPE.encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
