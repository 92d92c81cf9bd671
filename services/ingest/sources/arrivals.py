"""When messages without a time of their own came: one that a broker sends again keeps the time of its first coming."""

from __future__ import annotations

import asyncio
import os
from hashlib import blake2b
from pathlib import Path

import msgspec

KEPT = 20_000
"""Messages remembered: more than a broker may have on its way unacknowledged."""
FILE = "arrivals"


def key_of(packet: int, topic: str, payload: bytes) -> str:
    """What a repetition shares with the message: its packet in the session, and what it says."""
    return f"{packet}:{blake2b(payload, key=topic.encode()[-64:], digest_size=12).hexdigest()}"


class Arrivals:
    """The last arrivals, in memory and in a file of the folder that outlives the process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._known: dict[str, int] = {}
        self._unwritten: list[tuple[str, int]] = []
        self._lines = 0
        for line in self._path.read_bytes().split(b"\n") if self._path.exists() else ():
            try:
                key, at_us = msgspec.json.decode(line, type=tuple[str, int])
            except msgspec.DecodeError:
                continue  # torn by a crash: nobody was told that it is kept
            self._known[key] = at_us
            self._lines += 1

    def of(self, key: str) -> int | None:
        """Microseconds since 1970 at which the message came first; None where that is not known."""
        return self._known.get(key)

    def note(self, key: str, at_us: int) -> None:
        """Remembers a message; on disk with the next `write`."""
        self._known.pop(key, None)
        self._known[key] = at_us
        self._unwritten.append((key, at_us))

    async def write(self) -> None:
        """What was noted is on disk when it returns."""
        if not self._unwritten:
            return
        new, self._unwritten = self._unwritten, []
        self._lines += len(new)
        if self._lines <= 2 * KEPT:
            await asyncio.to_thread(_append, self._path, new)
            return
        self._known = dict(list(self._known.items())[-KEPT:])
        self._lines = len(self._known)
        await asyncio.to_thread(_replace, self._path, list(self._known.items()))


def _text(arrivals: list[tuple[str, int]]) -> bytes:
    return b"".join(msgspec.json.encode(each) + b"\n" for each in arrivals)


def _append(path: Path, arrivals: list[tuple[str, int]]) -> None:
    # A line of its own after one that was torn.
    with path.open("ab") as file:
        file.write(b"\n" + _text(arrivals))
        file.flush()
        os.fdatasync(file.fileno())


def _replace(path: Path, arrivals: list[tuple[str, int]]) -> None:
    aside = path.with_suffix(".new")
    with aside.open("wb") as file:
        file.write(_text(arrivals))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
