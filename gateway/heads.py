"""Heads of requests (request line and headers) are bounded in bytes and in time; the server itself bounds neither.

connection ─▶ a head is awaited ─▶ whole: the request goes on its way ─▶ the next one begins ─▶ a head is awaited
                    ├─ too slow ─▶ 408, closed
                    └─ too long ─▶ 431, closed
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chassis.errors import Invalid
from gateway.problems import chassis_response
from gateway.readers import Watch

MAX_HEAD_BYTES = 64 * 1024
"""With what came at once behind them, some more may be in memory: no more than the loop reads at once."""
HEARD_S = 1.0
"""After an answer the sender has so long to hear it and to close."""
_REASONS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


def bounded_http(within_s: float, *, read_within_s: float) -> type[HttpToolsProtocol]:
    """The protocol of a server that waits so many seconds for the head of a request, and for answers to be read."""
    return type("BoundedHttp", (_Bounded,), {"within_s": within_s, "read_within_s": read_within_s})


class _Bounded(HttpToolsProtocol):
    within_s: float
    read_within_s: float
    _watch: Watch
    _timer: asyncio.TimerHandle | None = None
    """Runs while a head is awaited."""
    _bytes = 0
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent has it
        super().connection_made(transport)
        self._watch = Watch(transport, self.read_within_s)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_head()
        self._watch.end()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch.end()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch.begin()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        super().data_received(data)
        if self._timer is None:
            return
        self._bytes += len(data)
        if self._bytes > MAX_HEAD_BYTES:
            message = f"the head of the request has more than {MAX_HEAD_BYTES} bytes"
            self._refuse(Invalid(message, code="head_too_large"))

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # ours is a problem, too
        message = "this is no request of HTTP/1.1, or its address is longer than 64 KiB"
        self._refuse(Invalid(message, code="no_http"))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._has_head()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._bytes = 0
        self._timer = self.loop.call_later(self.within_s, self._too_slow)

    def _has_head(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if not self._bytes:
            self.transport.close()
            return
        message = f"the head of the request did not come within {self.within_s:g} s"
        self._refuse(Invalid(message, code="request_timeout"))

    def _refuse(self, error: Invalid) -> None:
        self._has_head()
        self._is_refused = True
        self.transport.write(_written(chassis_response(error)))
        # Closed at once, what is still on its way to us would make the answer void.
        self.transport.write_eof()
        self.loop.call_later(HEARD_S, self.transport.close)


def _written(response: Response) -> bytes:
    lines: list[Any] = [f"HTTP/1.1 {response.status_code} {_REASONS[response.status_code]}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"connection: close", b"", bytes(response.body)])
