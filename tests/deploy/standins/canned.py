"""A process that answers like a service of Marketwin, with figures that never change.

The supervisor starts these in place of the real services when its working folder is the one this file lies in, so
that its own behaviour can be tried in seconds: real processes, real gRPC, real servers below. It does without the
chassis, whose import takes most of a start.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1.health import aio as health_aio
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

Servicer = tuple[Callable[[Any, Any], None], object]


def run(name: str, servicer: Servicer) -> None:
    """Serve until SIGTERM, then note the name in the data folder; with `MARKETWIN_TEST_DIES=name` die at once."""
    if os.environ.get("MARKETWIN_TEST_DIES") == name:
        sys.exit(f"{name} cannot find its table")
    asyncio.run(_serve(name, servicer))


async def _serve(name: str, servicer: Servicer) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    add, answers = servicer
    server, health = grpc.aio.server(), health_aio.HealthServicer()
    add(answers, server)
    add_HealthServicer_to_server(health, server)
    server.add_insecure_port(f"127.0.0.1:{os.environ[f'{name.upper()}_PORT']}")
    await server.start()
    await health.set("", HealthCheckResponse.SERVING)
    await stopped.wait()
    await server.stop(None)
    note(f"stopped {name}")


def note(text: str) -> None:
    """Add a line to the file in which the test reads what happened."""
    path = Path(os.environ["MARKETWIN_DATA"]) / "notes"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
