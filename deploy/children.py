"""Child processes of one supervisor: in their own session, logged to a file, stopped with a time limit."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")
POLL_SECONDS = 0.02
LOG_LIMIT_BYTES = 16 * 1024 * 1024


class ChildFailed(RuntimeError):
    """A child process ended, or was not ready in time; the message ends with its last log lines."""


@dataclass(frozen=True, slots=True)
class Child:
    """One running process of ours, the file that holds what it says, and how long that was when it started."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """None while the process runs."""
        return self.process.poll()

    def said(self) -> list[str]:
        """The lines it has written since it was started; an unfinished last line is left out."""
        with self.log.open("rb") as file:
            file.seek(self.log_start)
            *lines, _ = file.read().decode("utf-8", "replace").split("\n")
        return lines

    def failure(self, what: str) -> ChildFailed:
        """An error that says `what` happened to this child, with the last lines of its log."""
        return ChildFailed(f"{self.name} {what}; the last lines of {self.log}:\n{last_lines(self.log)}")

    async def until(self, fact: Callable[[], bool], *, limit_s: float, what: str) -> None:
        """Wait until `fact`, asked in a thread, holds.

        Raises ChildFailed when the child ends first or `limit_s` seconds pass; the child is stopped then.
        """
        deadline = time.monotonic() + limit_s
        try:
            while not await asyncio.to_thread(fact):
                if self.exit_code is not None:
                    raise self.failure(f"ended with code {self.exit_code} before it was {what}")
                if time.monotonic() > deadline:
                    raise self.failure(f"was not {what} within {limit_s:.0f} s")
                await asyncio.sleep(POLL_SECONDS)
        except BaseException:
            await self.stop()
            raise

    async def done(self, *, limit_s: float) -> None:
        """Wait until the child has ended well; raises ChildFailed when it ends otherwise or not in time."""
        deadline = time.monotonic() + limit_s
        try:
            while self.exit_code is None and time.monotonic() < deadline:  # noqa: ASYNC110 - see stop
                await asyncio.sleep(POLL_SECONDS)
        finally:
            in_time = await self.stop(limit_s=1)
        if self.exit_code != 0:
            raise self.failure(f"ended with code {self.exit_code}" if in_time else "did not end in time")

    async def stop(self, stop_signal: signal.Signals = signal.SIGTERM, *, limit_s: float = 10.0) -> bool:
        """Ask the child to end and wait; after `limit_s` seconds kill it. True when it ended by itself."""
        if self.exit_code is None:
            self.process.send_signal(stop_signal)
        deadline = time.monotonic() + limit_s
        while self.exit_code is None and time.monotonic() < deadline:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(POLL_SECONDS)
        in_time = self.exit_code is not None
        if not in_time:
            self.process.kill()
        self.process.wait()
        return in_time


def spawn(  # noqa: PLR0913 - what a process can be given, all by name
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    mapped_uid: int = -1,
    cwd: Path | None = None,
    hold: int | None = None,
) -> Child:
    """Start `command` in its own session; it gets `death_signal` when the calling thread's process dies.

    Both outputs are appended to `log`.
    `hold` is a file descriptor that the child keeps open as long as it lives (see deploy.folder).
    Call it from the main thread: the kernel ties the death signal to the thread that starts the child.
    """
    log_start = _ready_for_more(log)
    orders = [str(os.getpid()), str(int(death_signal)), str(mapped_uid)]
    leash = [sys.executable, "-I", "-S", str(LEASH), *orders, "--"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*leash, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=() if hold is None else (hold,),
        )
    return Child(name, process, log, log_start)


def _ready_for_more(log: Path) -> int:
    """Set a log aside that has grown too large; returns how long it is now."""
    log.parent.mkdir(parents=True, exist_ok=True)
    length = log.stat().st_size if log.exists() else 0
    if length > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".1.log"))
        return 0
    return length


def last_lines(log: Path, count: int = 15) -> str:
    """The last `count` lines of a log file, reading at most its last 16 KiB."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16_384))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return "(empty)"
    return "\n".join(text.splitlines()[-count:]) or "(empty)"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; a reader sees the old or the new text, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
