"""`python -m demo.wecom`: serves the stand-in until SIGTERM or Ctrl-C; the first line of output holds its address."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from demo.wecom.app import create_app
from demo.wecom.settings import SettingsWrong, StandInSettings


class _Server(uvicorn.Server):
    """Says where it listens once it does.

    Signals are left to us: uvicorn would raise them again after it has stopped and so spoil the exit code.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or []:
            host, port = each.getsockname()[:2]
            print(json.dumps({"address": f"http://{host}:{port}"}), flush=True)


async def serve(settings: StandInSettings) -> None:
    """Serve until told to stop; open requests get 3 s to end."""
    config = uvicorn.Config(
        create_app(settings),
        access_log=False,
        log_level="warning",
        lifespan="off",
        loop="asyncio",
        ws="none",
        timeout_graceful_shutdown=3,
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop)
    # asyncio turns off the delay of small packets (40 ms an answer) only for sockets that name the protocol.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        await server.serve(sockets=[listener])


def main() -> int:
    try:
        settings = StandInSettings.read(os.environ)
    except SettingsWrong as error:
        print(f"wecom stand-in: {error}", file=sys.stderr)
        return 2
    asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
