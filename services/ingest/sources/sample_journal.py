"""Samples on their way to the door, kept on this machine until the door has taken them.

put ─▶ the open segment (fsynced) ─▶ closed after a second or 1,000 samples ─▶ next ─▶ the door ─▶ done: removed

A segment is a file of lines, one a `put`; its name is the idempotency key of its body. What a crash leaves of a last
line was never acknowledged to its source and is not read.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from chassis.errors import Unavailable

Row = tuple[str, int, float | None, str]
"""Tag, microseconds since 1970, value, quality."""

SEGMENT_RECORDS = 1000
SEGMENT_S = 1.0
SUFFIX = ".samples"
_decoder = msgspec.json.Decoder(list[Row])


class JournalFull(Unavailable):
    """The journal holds as much as it may; nothing was kept."""


@dataclass(slots=True)
class Segment:
    """A file of samples; `rows` are those that this process wrote into it, None for a file of an earlier one."""

    path: Path
    size: int
    rows: list[Row] | None

    @property
    def key(self) -> str:
        return self.path.stem

    def read(self) -> list[Row]:
        """The samples, as far as the file is whole."""
        if self.rows is not None:
            return self.rows
        rows: list[Row] = []
        for line in self.path.read_bytes().split(b"\n"):
            try:
                rows += _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                break
        return rows


class SampleJournal:
    """A bounded, fsynced queue of samples in a folder of its own."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._max_bytes = max_bytes
        found = sorted(folder.glob(f"*{SUFFIX}"))
        self._closed = deque(Segment(path, path.stat().st_size, None) for path in found)
        self._bytes = sum(segment.size for segment in self._closed)
        self._open: Segment | None = None
        self._file: int | None = None
        self._opened_at = 0.0
        self._writing = asyncio.Lock()
        self._news = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes that wait for the door."""
        return self._bytes

    @property
    def is_empty(self) -> bool:
        return not self._closed and self._open is None

    async def put(self, rows: Sequence[Row]) -> None:
        """Keeps samples; they are on disk when it returns. Raises JournalFull."""
        if rows:
            # Who is cancelled here must not leave a thread that writes into a file which is closed meanwhile.
            await asyncio.shield(asyncio.ensure_future(self._put(rows)))

    async def _put(self, rows: Sequence[Row]) -> None:
        line = msgspec.json.encode(rows) + b"\n"
        async with self._writing:
            if self._bytes + len(line) > self._max_bytes:
                raise JournalFull("the journal of samples is full: the door has been away for too long")
            await asyncio.to_thread(self._append, line)
            segment = self._open
            if segment is not None and segment.rows is not None:
                segment.rows += rows
                segment.size += len(line)
                self._bytes += len(line)
                if len(segment.rows) >= SEGMENT_RECORDS:
                    self._close_segment()
        self._news.set()

    def _append(self, line: bytes) -> None:
        """Writes and syncs; a new file is synced into its folder too."""
        if self._file is None:
            path = self._folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}{SUFFIX}"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            self._open = Segment(path, 0, [])
            self._opened_at = time.monotonic()
        os.write(self._file, line)
        os.fdatasync(self._file)

    def _close_segment(self) -> None:
        if self._open is not None and self._file is not None:
            os.close(self._file)
            self._closed.append(self._open)
            self._open = self._file = None

    async def next(self) -> Segment:
        """The oldest closed segment; waits for one. It stays until it is done."""
        while not self._closed:
            if self._open is None:
                self._news.clear()
                await self._news.wait()
            else:
                await asyncio.sleep(max(0.01, SEGMENT_S - (time.monotonic() - self._opened_at)))
                await self.close_open()
        return self._closed[0]

    async def close_open(self) -> None:
        """Closes the open segment, so that `next` gives it."""
        async with self._writing:
            self._close_segment()

    def done(self, segment: Segment) -> None:
        """Forgets a segment that the door has taken."""
        self._closed.remove(segment)
        self._bytes -= segment.size
        segment.path.unlink(missing_ok=True)
