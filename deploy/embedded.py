"""What the starters of the embedded servers share: where to put things, and a port that is free."""

from __future__ import annotations

import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.children import Child, ChildFailed

USER = "marketwin"
PORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server keeps data and log, the password its clients must show, the descriptor it holds."""

    folder: Path
    logs: Path
    password: str
    hold: int


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers: its process, its address with user and password, and how it is asked to stop."""

    child: Child
    url: str
    stop_signal: signal.Signals


def free_port() -> int:
    """A loopback TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def on_a_free_port(start: Callable[[int], Awaitable[Running]]) -> Running:
    """Start a server on a free port; when somebody takes the port in between, try again on another."""
    for tries_left in reversed(range(PORT_TRIES)):
        port = free_port()
        try:
            return await start(port)
        except ChildFailed:
            if tries_left == 0 or is_port_free(port):
                raise
    raise AssertionError("unreachable")


def is_port_free(port: int) -> bool:
    """Whether a server could listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
