"""Ctrl-C on a real terminal, below make and without it."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
SUPERVISOR = """
import asyncio, sys
from rich.console import Console
from deploy.local import run
from deploy.terminal import own_foreground

async def story():
    try:
        print("UP", flush=True)
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.5)
        print("IN ORDER", flush=True)

with own_foreground():
    code = run(story, Console())
sys.exit(code)
"""


class Terminal:
    """A terminal with a program in its foreground, as a person sees it."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            # Tests may run below nohup, a person's shell does not.
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.environ["PYTHONPATH"] = str(ROOT)
            os.execvp(command[0], command)
        self.shown = ""
        self._ended: int | None = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, whatever the test found."""
        if self._ended is None:
            for process in psutil.Process(self.pid).children(recursive=True):
                process.kill()
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def press(self, key: str) -> None:
        os.write(self._descriptor, key.encode())

    def read_until(self, text: str, *, limit_s: float = 20.0) -> None:
        deadline = time.monotonic() + limit_s
        while text not in self.shown:
            assert time.monotonic() < deadline, f"no {text!r} in: {self.shown}"
            if select.select([self._descriptor], [], [], 0.1)[0]:
                self.shown += self._read()

    def exit_code(self, *, limit_s: float = 20.0) -> int:
        """Wait for the program to end; what it still shows is kept."""
        deadline = time.monotonic() + limit_s
        while (ended := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
            assert time.monotonic() < deadline, f"still running: {self.shown}"
            time.sleep(0.02)
            if select.select([self._descriptor], [], [], 0)[0]:
                self.shown += self._read()
        while select.select([self._descriptor], [], [], 0.05)[0] and (text := self._read()):
            self.shown += text
        self._ended = os.waitstatus_to_exitcode(ended[1])
        return self._ended

    def _read(self) -> str:
        try:
            return os.read(self._descriptor, 4096).decode("utf-8", "replace")
        except OSError:  # how Linux reports that nobody holds the other end any more
            return ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "supervisor.py").write_text(SUPERVISOR)
    python = f"{sys.executable} supervisor.py"
    # The second line runs after the supervisor: it can write to the terminal only if that was given back.
    (tmp_path / "Makefile").write_text(f"run:\n\t@{python}\n\t@stty -a > /dev/null && echo GIVEN BACK\n")
    return tmp_path


def test_ctrl_c_below_make_stops_in_order_with_exit_code_0(folder: Path) -> None:
    with Terminal(["make", "run"], folder) as terminal:
        terminal.read_until("UP\r\n")

        terminal.press("\x03")

        assert terminal.exit_code() == 0
        assert "IN ORDER" in terminal.shown
        assert "GIVEN BACK" in terminal.shown
        assert "Error" not in terminal.shown
        assert "Interrupt" not in terminal.shown


def test_ctrl_c_without_make_stops_in_order_with_exit_code_0(folder: Path) -> None:
    with Terminal([sys.executable, "supervisor.py"], folder) as terminal:
        terminal.read_until("UP\r\n")

        terminal.press("\x03")

        assert terminal.exit_code() == 0
        assert "IN ORDER" in terminal.shown


def test_a_second_ctrl_c_does_not_break_the_orderly_stop(folder: Path) -> None:
    with Terminal(["make", "run"], folder) as terminal:
        terminal.read_until("UP\r\n")

        terminal.press("\x03")
        terminal.read_until("stopping")
        terminal.press("\x03")

        assert terminal.exit_code() == 0
        assert "IN ORDER" in terminal.shown


def test_closing_the_terminal_stops_in_order(folder: Path) -> None:
    note = folder / "note"
    noting = SUPERVISOR.replace('print("IN ORDER", flush=True)', f"open({str(note)!r}, 'w')")
    (folder / "supervisor.py").write_text(noting)
    # A shell leads the session, as at a person's terminal: when it goes, the kernel tells the foreground group.
    with Terminal(["sh", "-c", "make run; exit $?"], folder) as terminal:
        terminal.read_until("UP\r\n")
        family = psutil.Process(terminal.pid).children(recursive=True)

        terminal.close()

        _, alive = psutil.wait_procs(family, timeout=15)
        assert alive == []
        assert note.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_without_a_terminal_stops_in_order_with_exit_code_0(folder: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "supervisor.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "UP\n"

        process.send_signal(number)

        assert "IN ORDER" in process.stdout.read()
    assert process.returncode == 0
