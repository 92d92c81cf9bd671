"""A local spool that stands in for the log while it is away: segments of checked entries, synced before they count.

    put ─▶ queue ─▶ one write and one fsync for all that wait ─▶ NNNNNNNNNN.spool ─▶ drain ─▶ log, in order

An entry is `length, CRC-32, header, data`. What a kill tore off at the end of the last segment was never acknowledged
and is cut; where reading stands is kept beside the segments, and what is published twice has the same message id.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import struct
import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from chassis.errors import Unavailable

log = structlog.get_logger()

SEGMENT_BYTES = 32 * 1024 * 1024
SLOTS = 16
SUFFIX = ".spool"
POSITION = "position"
WAIT_S = 5.0
_HEAD = struct.Struct("<IIH")


@dataclass(frozen=True, slots=True)
class SpooledMessage:
    """One message that waits for the log."""

    subject: str
    message_id: str
    headers: dict[str, str]
    data: bytes

    def packed(self) -> bytes:
        header = json.dumps([self.subject, self.message_id, self.headers]).encode()
        content = header + self.data
        return _HEAD.pack(len(content), zlib.crc32(content), len(header)) + content


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry ends."""

    segment: int
    offset: int


class Spool:
    """The spool of one process; `max_bytes` bounds what waits in it."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._folder, self._lock = _claimed(folder)
        self._segments: dict[int, int] = {path_number(path): path.stat().st_size for path in _segments(self._folder)}
        self._read = self._start()
        self._cut_torn_end()
        self._write = max(self._segments, default=self._read.segment)
        self._queue: list[tuple[bytes, asyncio.Future[None]]] = []
        self._queued_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self.filled = asyncio.Event()
        if self.waiting_bytes:
            self.filled.set()
            log.info("spool.found", bytes=self.waiting_bytes)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the log, on disk or about to be."""
        ahead = sum(size for number, size in self._segments.items() if number >= self._read.segment)
        read = self._read.offset if self._read.segment in self._segments else 0
        return ahead - read + self._queued_bytes

    @property
    def is_empty(self) -> bool:
        return not self.waiting_bytes

    async def put(self, entry: SpooledMessage) -> None:
        """Returns when the entry is synced; raises Unavailable when the spool is full or its disk fails."""
        packed = entry.packed()
        if self.waiting_bytes + len(packed) > self._max_bytes:
            raise Unavailable("the log is away and the spool is full; send this again later", retry_after_s=WAIT_S)
        synced: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((packed, synced))
        self._queued_bytes += len(packed)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_queue())
        await synced

    async def _write_queue(self) -> None:
        while self._queue:
            group, self._queue = self._queue, []
            blob = b"".join(packed for packed, _ in group)
            try:
                await asyncio.to_thread(self._append, blob)
                error = None
            except OSError as failure:
                log.error("spool.disk_failed", error=type(failure).__name__, errno=failure.errno)
                error = Unavailable("the log is away and the spool cannot be written", retry_after_s=WAIT_S)
            self._queued_bytes -= len(blob)
            self._settle(group, error)
        self._writer = None

    def _settle(self, group: Sequence[tuple[bytes, asyncio.Future[None]]], error: Unavailable | None) -> None:
        if error is None:
            self.filled.set()
        for _, synced in group:
            if synced.done():
                continue
            if error is None:
                synced.set_result(None)
            else:
                synced.set_exception(error)

    def _append(self, blob: bytes) -> None:
        size = self._segments.get(self._write, 0)
        if size >= SEGMENT_BYTES:
            self._write, size = self._write + 1, 0
        path = self._path(self._write)
        is_new = not path.exists()
        with path.open("ab") as file:
            try:
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
        if is_new:
            _sync_folder(self._folder)
        self._segments[self._write] = size + len(blob)

    def waiting(self, limit: int) -> list[tuple[SpooledMessage, Place]]:
        """The oldest entries that wait, and where each ends."""
        found: deque[tuple[SpooledMessage, Place]] = deque()
        for number in sorted(self._segments):
            if number >= self._read.segment:
                start = self._read.offset if number == self._read.segment else 0
                for entry, end in _entries(self._path(number), start, self._segments[number]):
                    found.append((entry, Place(number, end)))
                    if len(found) == limit:
                        return list(found)
        return list(found)

    def passed(self, place: Place) -> None:
        """What ends at the place or before is in the log."""
        self._read = place
        for number in sorted(self._segments):
            is_done = number < place.segment or (place.offset >= self._segments[number] and number == place.segment)
            if is_done and number <= place.segment and not self._queued_bytes:
                self._forget(number)
        self._keep_position()
        if self.is_empty:
            self.filled.clear()

    def _forget(self, number: int) -> None:
        self._path(number).unlink(missing_ok=True)
        del self._segments[number]
        if number == self._write:
            self._write = number + 1
        if number == self._read.segment:
            self._read = Place(number + 1, 0)

    def _keep_position(self) -> None:
        beside = self._folder / f"{POSITION}.new"
        beside.write_text(json.dumps([self._read.segment, self._read.offset]))
        beside.replace(self._folder / POSITION)

    def _start(self) -> Place:
        kept, oldest = _position(self._folder), min(self._segments, default=0)
        is_right = kept.segment >= oldest and kept.offset <= self._segments.get(kept.segment, 0)
        return kept if is_right else Place(oldest, 0)

    def _cut_torn_end(self) -> None:
        for number in sorted(self._segments):
            path, size = self._path(number), self._segments[number]
            whole = max((end for _, end in _entries(path, 0, size)), default=0)
            if whole < size:
                log.warning("spool.cut", segment=number, bytes=size - whole)
                with path.open("r+b") as file:
                    file.truncate(whole)
                    os.fsync(file.fileno())
                self._segments[number] = whole

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:010d}{SUFFIX}"

    def close(self) -> None:
        """Lets another process have the folder."""
        os.close(self._lock)


@asynccontextmanager
async def spooling(folder: Path, *, max_bytes: int) -> AsyncIterator[Spool]:
    """The spool below a folder, for as long as the block runs; what waits in it stays for the next process."""
    spool = Spool(folder, max_bytes=max_bytes)
    try:
        yield spool
    finally:
        spool.close()


def path_number(path: Path) -> int:
    return int(path.name.removesuffix(SUFFIX))


def _segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.name.removesuffix(SUFFIX).isdecimal())


def _position(folder: Path) -> Place:
    try:
        segment, offset = json.loads((folder / POSITION).read_text())
    except (OSError, ValueError):
        return Place(0, 0)
    return Place(segment, offset)


def _entries(path: Path, start: int, end: int) -> Iterator[tuple[SpooledMessage, int]]:
    """Whole entries of a segment, and where each ends; stops at the first that is not whole."""
    with path.open("rb") as file:
        file.seek(start)
        place = start
        while place + _HEAD.size <= end:
            size, check, header_size = _HEAD.unpack(file.read(_HEAD.size))
            place += _HEAD.size + size
            if place > end:
                return
            content = file.read(size)
            if zlib.crc32(content) != check:
                return
            subject, message_id, headers = json.loads(content[:header_size])
            yield SpooledMessage(subject, message_id, headers, content[header_size:]), place


def _claimed(folder: Path) -> tuple[Path, int]:
    """A folder below that no other process of this machine has; what one that is gone left behind is taken over."""
    own: tuple[Path, int] | None = None
    for number in range(SLOTS):
        slot = folder / str(number)
        if own is not None and not slot.exists():
            break
        slot.mkdir(parents=True, exist_ok=True)
        lock = os.open(slot / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        if own is None:
            own = (slot, lock)
        else:
            _take_over(slot, own[0])
            os.close(lock)
    if own is None:
        raise Unavailable("every slot of the spool folder is in use by another process")
    return own


def _take_over(slot: Path, own: Path) -> None:
    following = max([_position(own).segment, *map(path_number, _segments(own))]) + 1
    for place, path in enumerate(_segments(slot), start=following):
        path.replace(own / f"{place:010d}{SUFFIX}")
    (slot / POSITION).unlink(missing_ok=True)
    _sync_folder(own)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
