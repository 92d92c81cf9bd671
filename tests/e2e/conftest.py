"""The product as a user runs it: `deploy.local` with the real pack, in a folder of its own, for all tests here.

Started cold with `--once`, then again: what the tests talk to is the warm stack, with the replay going on.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from deploy.keys import bearer_token, secret

ROOT = Path(__file__).parents[2]
COLD_LIMIT_S = 400
WARM_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: where it is, and what its two starts printed."""

    home: Path
    gateway: str
    wecom: str
    pids: dict[str, int]
    cold_output: str
    warm_output: str
    warm_seconds: float

    def token(self, user: str = "tester", role: str = "admin") -> str:
        return bearer_token(secret(self.home / "data", "jwt"), user=user, roles=[role], hours=1)


def _command(home: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "deploy.local", "--home", str(home), *options]


def _environment() -> dict[str, str]:
    return {**os.environ, "MARKETWIN_TRACE_RATIO": "1", "COLUMNS": "160"}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("home")
    cold = subprocess.run(
        _command(home, "--once"),
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=COLD_LIMIT_S,
        check=False,
    )
    assert cold.returncode == 0, cold.stdout[-4000:] + cold.stderr[-4000:]
    began = time.monotonic()
    screen = home / "screen.txt"
    with screen.open("w") as file:
        process = subprocess.Popen(
            _command(home), cwd=ROOT, env=_environment(), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _until_told(process, screen)
        seconds = time.monotonic() - began
        run = json.loads((home / "run.json").read_text())
        yield Stack(home, run["gateway"], run["wecom"], run["pids"], cold.stdout, screen.read_text(), seconds)
    finally:
        _stop_in_order(process, screen)


def _until_told(process: subprocess.Popen[bytes], screen: Path) -> None:
    deadline = time.monotonic() + WARM_LIMIT_S
    while "sign in" not in screen.read_text():
        assert process.poll() is None, screen.read_text()
        assert time.monotonic() < deadline, screen.read_text()
        time.sleep(0.05)


def _stop_in_order(process: subprocess.Popen[bytes], screen: Path) -> None:
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0, screen.read_text()
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert not alive, [child.cmdline() for child in alive]
    assert gone


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the REST API with an administrator's token."""
    headers = {"Authorization": f"Bearer {stack.token()}"}
    async with httpx.AsyncClient(base_url=f"{stack.gateway}/api/v1", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def sign_in_link(stack: Stack) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+/#/signin\?code=[\w\-]+", stack.warm_output)
    assert found
    return found.group()
