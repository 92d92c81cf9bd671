"""Clients that do not read what they asked for are let go: what waits for them is memory that others need.

What is written goes into a buffer of the connection; above 64 KiB the writer waits. If the buffer does not shrink for
`within_s`, or the connection is to be closed and does not empty it, it is cut off: closing politely would wait for
the same client, for ever.
"""

from __future__ import annotations

import asyncio
import socket

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

SYSTEM_BYTES = 256 * 1024
LOOKS = 3
"""How often in that time it is looked whether the buffer shrinks."""


class Watch:
    """Looks after the buffer of one connection."""

    def __init__(self, transport: asyncio.Transport, within_s: float) -> None:
        self._transport = transport
        self._every_s = within_s / LOOKS
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0
        self._same = 0

    def begin(self) -> None:
        """The buffer is full, or must get empty."""
        if self._timer is None:
            self._left, self._same = self._transport.get_write_buffer_size(), 0
            self._look_later()

    def end(self) -> None:
        """It has room again, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._look)

    def _look(self) -> None:
        left = self._transport.get_write_buffer_size()
        self._same = self._same + 1 if left >= self._left else 0
        self._left = left
        if self._same >= LOOKS:
            self._transport.abort()
            return
        self._look_later()


def bounded_socket(within_s: float) -> type[WebSocketsSansIOProtocol]:
    """The protocol of a server whose WebSocket clients must read within so many seconds."""
    return type("BoundedSocket", (_BoundedSocket,), {"within_s": within_s})


class _BoundedSocket(WebSocketsSansIOProtocol):
    within_s: float
    _watch: Watch

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        link = self.transport.get_extra_info("socket")
        if link is not None:
            # Or the system lets megabytes wait for one client, and it is long unseen whether that reads.
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BYTES)
        self._watch = Watch(self.transport, self.within_s)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch.end()

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "websocket.close":
            self._watch.begin()
        await super().send(message)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._watch.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.end()
        super().connection_lost(exc)
