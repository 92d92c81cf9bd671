"""What happens to every HTTP request: a span, `traceparent` back, safe headers."""

from __future__ import annotations

import structlog
from opentelemetry.trace import SpanKind, StatusCode
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.telemetry import carry, span, where

log = structlog.get_logger()

# The console is one page of our own files; nothing else may run in it, frame it or be called by it.
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "connect-src 'self' ws: wss:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
}


class Traced:
    """Continues the caller's trace, or begins one, and tells it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1")
            for key, value in scope["headers"]
            if key in (b"traceparent", b"tracestate")
        }
        with span(f"{scope['method']} /", headers=headers, kind=SpanKind.SERVER) as current:

            async def traced_send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    # The route, never the path: a path may hold a code that somebody typed.
                    route = getattr(scope.get("route"), "path", "(none)")
                    current.update_name(f"{scope['method']} {route}")
                    current.set_attribute("http.response.status_code", message["status"])
                    answered = MutableHeaders(scope=message)
                    for name, value in (*SECURITY_HEADERS.items(), *carry().items()):
                        answered[name] = value
                await send(message)

            try:
                await self._app(scope, receive, traced_send)
            except Exception as error:
                # The problem has been answered already; the text of the error stays out of the log.
                current.set_status(StatusCode.ERROR, type(error).__name__)
                log.error("http.failed", error=type(error).__name__, where=where(error))
