"""What the starters of the embedded servers share: where to put things, and a port that is free."""

from __future__ import annotations

import secrets
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.children import Child, ChildFailed

USER = "marketwin"
PORT_TRIES = 3
CHOICES = 1000
# The kernel gives these to whoever connects or listens without naming a port: one found free is soon taken.
GIVEN_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
# Below are those of well-known servers, 10080 among them, which browsers refuse to open.
FIRST_PORT = 11_000
PORTS = 1 << 16


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
    """A loopback TCP port that nobody uses now, nor is given by chance before our server listens there."""
    ports = _ports_to_choose_from()
    for _ in range(CHOICES):
        port = secrets.choice(ports)
        if claim(port):
            return port
    raise OSError(f"no free port among {len(ports)}")


def claim(port: int) -> bool:
    """Keep a port for as long as this process lives; False when somebody listens there or has claimed it."""
    if not is_port_free(port):
        return False
    # A name of the network namespace, as ports are: it is given free when the process ends, however it ends.
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0marketwin-port-{port}")
    except OSError:
        name.close()
        return False
    name.detach()
    return True


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


def _ports_to_choose_from() -> list[int]:
    first_given, last_given = (int(text) for text in GIVEN_PORTS.read_text(encoding="ascii").split())
    chosen = [port for port in range(FIRST_PORT, PORTS) if not first_given <= port <= last_given]
    return chosen or list(range(FIRST_PORT, PORTS))
