"""Posts of records, answered in front of the framework.

    POST /api/v1/records/KIND[?source=NAME] ─▶ caller, limit, body, ingest ─▶ receipt or problem
    anything else, and whatever is unusual about such a post ─▶ the framework, which has the same path and says the same

Finding the path, solving dependencies and validating its own answer cost the framework several times what taking in one
record costs. What is said here is made of the parts that the route of the framework is made of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.errors import ChassisError
from gateway.auth import WRITES_RECORDS, admit
from gateway.middleware import GZIP_MIN_BYTES, compressed
from gateway.problems import chassis_response, failed
from gateway.routes.records import MAX_KEY, take_in
from gateway.views.records import receipt_view

_PATH = re.compile(r"/api/v1/records/([a-z0-9_]{1,64})")
_QUERY = re.compile(rb"(?:source=([a-z0-9_.\-]{0,64}))?")
_TEXT = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Route:
    """What a span is named after."""

    path: str = "/api/v1/records/{kind}"


_ROUTE = _Route()


@dataclass(frozen=True, slots=True)
class _Push:
    """A post of records as nearly all are."""

    kind: str
    source: str
    headers: dict[bytes, bytes]

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")


class RecordDoor:
    """Answers posts of records; hands on everything else."""

    def __init__(self, web: FastAPI) -> None:
        self._web = web
        self._usual = compressed(web)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        push = _plain_push(scope)
        if push is None:
            await self._usual(scope, receive, send)
            return
        scope["app"], scope["route"] = self._web, _ROUTE
        try:
            response = await self._taken(push, Request(scope, receive))
        except ChassisError as error:
            response = chassis_response(error)
        except ClientDisconnect:
            raise
        except Exception:
            await failed()(scope, receive, send)
            raise
        answer: ASGIApp = response if len(response.body) < GZIP_MIN_BYTES else compressed(response)
        await answer(scope, receive, send)

    async def _taken(self, push: _Push, request: Request) -> Response:
        authorization = push.headers.get(b"authorization")
        caller = admit(
            self._web.state, None if authorization is None else authorization.decode("latin-1"), WRITES_RECORDS
        )
        receipt = await take_in(request, push.kind, push.source, push.header(b"idempotency-key"), caller)
        return Response(_TEXT(receipt_view(receipt)), 202, media_type="application/json")


def _plain_push(scope: Scope) -> _Push | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    path, query = _PATH.fullmatch(scope["path"]), _QUERY.fullmatch(scope["query_string"])
    if path is None or query is None:
        return None
    headers = dict(scope["headers"])
    # A header that comes twice, or is too long, is a case for the framework.
    if len(headers) != len(scope["headers"]) or len(headers.get(b"idempotency-key", b"")) > MAX_KEY:
        return None
    return _Push(path[1], (query[1] or b"").decode(), headers)
