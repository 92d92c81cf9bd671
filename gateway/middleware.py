"""What happens to every request: a span, `traceparent` back, safe headers, nothing that no database could be asked."""

from __future__ import annotations

from typing import Any

import structlog
from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.errors import Invalid, Problem
from chassis.telemetry import carried_by, span, where
from gateway.exports import XLSX
from gateway.problems import chassis_response

log = structlog.get_logger()

# The console is one page of our own files; nothing else may run in it, frame it or be called by it.
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
        "connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# Answers belong to the caller; they may be asked for again with their ETag.
CACHE = "private, no-cache"
_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_HEADERS_AND_CACHE = [*_HEADERS, (b"cache-control", CACHE.encode())]
_OURS = {*(name for name, _ in _HEADERS), b"traceparent", b"tracestate"}

GZIP_MIN_BYTES = 2048
# The highest levels cost three times the CPU of this one for a few per cent.
GZIP_LEVEL = 5


def compressed(app: ASGIApp) -> ASGIApp:
    """The app, its longer answers compressed for callers who take that."""
    # A workbook is packed already.
    packed = (*DEFAULT_EXCLUDED_CONTENT_TYPES, XLSX)
    return GZipMiddleware(app, minimum_size=GZIP_MIN_BYTES, compresslevel=GZIP_LEVEL, exclude_content_types=packed)


class Traced:
    """Continues the caller's trace, or begins one, and tells it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._guarded(scope, receive, send)
            return
        # HEAD is GET without a body (RFC 9110); the server below leaves the body out by itself.
        method = scope["method"]
        asked = {**scope, "method": "GET"} if method == "HEAD" else scope
        with span(f"{method} /", headers=_trace_headers(scope), kind=SpanKind.SERVER) as current:
            answering = _Answering(asked, send, current, method)
            if _holds_nul(scope):
                problem = Problem("/path", "nul", "neither path nor query may hold the character U+0000")
                response = chassis_response(Invalid("the address holds a NUL", errors=[problem]))
                await response(asked, receive, answering.send)
                return
            await self._guarded(asked, receive, answering.send, current)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send, current: Span | None = None) -> None:
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:
            # The problem has been answered already; the text of the error stays out of the log.
            if current is not None:
                current.set_status(StatusCode.ERROR, type(error).__name__)
            log.error("http.failed", error=type(error).__name__, where=where(error))


class _Answering:
    """Completes the head of an answer."""

    def __init__(self, scope: Scope, send: Send, current: Span, method: str) -> None:
        self._scope = scope
        self._send = send
        self._span = current
        self._method = method

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # The route, never the path: a path may hold a code that somebody typed.
            route: Any = self._scope.get("route")
            self._span.update_name(f"{self._method} {getattr(route, 'path', '(none)')}")
            self._span.set_attribute("http.response.status_code", message["status"])
            given = {name for name, _ in message.get("headers", ())}
            headers = list(message.get("headers", ()))
            if given & _OURS:
                headers = [each for each in headers if each[0] not in _OURS]
            headers += _HEADERS if b"cache-control" in given else _HEADERS_AND_CACHE
            for name, value in carried_by(self._span).items():
                headers.append((name.encode(), value.encode("latin-1")))
            message["headers"] = headers
        await self._send(message)


def _trace_headers(scope: Scope) -> dict[str, str]:
    return {
        key.decode("latin-1"): value.decode("latin-1")
        for key, value in scope["headers"]
        if key in (b"traceparent", b"tracestate")
    }


def _holds_nul(scope: Scope) -> bool:
    return "\0" in scope["path"] or b"%00" in scope["query_string"]
