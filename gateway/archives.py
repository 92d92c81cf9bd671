"""ZIP archives written from front to end: an entry is sent while the next part of it is made.

Sizes stand behind the data of an entry (a data descriptor) and in the directory at the end. There is no ZIP64 in it:
Excel calls a workbook broken whose entries have 64-bit descriptors. So an entry and the archive hold less than 4 GiB.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from isal import isal_zlib

from chassis.errors import Invalid

MAX_BYTES = (1 << 32) - 1
LEVEL = 1
_RAW_DEFLATE = -15
_VERSION, _DEFLATED = 20, 8
# Sizes follow the data; names are UTF-8.
_FLAGS = 1 << 3 | 1 << 11
# The first day a ZIP knows: the same rows make the same bytes.
_TIME, _DAY = 0, 1 << 5 | 1


@dataclass(slots=True)
class _Entry:
    name: bytes
    offset: int
    checksum: int = 0
    packed: int = 0
    size: int = 0


class Archive:
    """Hands back the bytes to send for every call; entries follow one another."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._sent = 0

    def begin(self, name: str) -> bytes:
        """The head of an entry."""
        entry = _Entry(name.encode(), self._sent)
        self._entries.append(entry)
        self._packer = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, _RAW_DEFLATE)
        head = struct.pack("<4s5H3I2H", b"PK\x03\x04", *self._kind(), 0, 0, 0, len(entry.name), 0)
        return self._counted(head + entry.name)

    def add(self, content: bytes) -> bytes:
        """Further content of the entry, packed; Invalid where the archive becomes too large."""
        entry = self._entries[-1]
        entry.checksum = isal_zlib.crc32(content, entry.checksum)
        entry.size += len(content)
        return self._packed(self._packer.compress(content))

    def end(self) -> bytes:
        """The end of the entry."""
        entry = self._entries[-1]
        rest = self._packed(self._packer.flush())
        return rest + self._counted(struct.pack("<4s3I", b"PK\x07\x08", entry.checksum, entry.packed, entry.size))

    def entry(self, name: str, content: str) -> bytes:
        """A whole small entry."""
        return self.begin(name) + self.add(content.encode()) + self.end()

    def close(self) -> bytes:
        """The directory of all entries."""
        lines = [
            struct.pack(
                "<4s6H3I5H2I",
                b"PK\x01\x02",
                _VERSION,
                *self._kind(),
                entry.checksum,
                entry.packed,
                entry.size,
                len(entry.name),
                *(0, 0, 0, 0, 0),
                entry.offset,
            )
            + entry.name
            for entry in self._entries
        ]
        directory, count = b"".join(lines), len(lines)
        return directory + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), self._sent, 0)

    def _kind(self) -> tuple[int, ...]:
        return _VERSION, _FLAGS, _DEFLATED, _TIME, _DAY

    def _packed(self, content: bytes) -> bytes:
        self._entries[-1].packed += len(content)
        return self._counted(content)

    def _counted(self, content: bytes) -> bytes:
        self._sent += len(content)
        if max(self._sent, self._entries[-1].size) > MAX_BYTES:
            raise Invalid("a workbook of this many rows passes 4 GiB; download them as CSV", code="too_large")
        return content
