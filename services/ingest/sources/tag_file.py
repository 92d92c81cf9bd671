"""The tags whose samples wait in a journal: what is read there after a restart still has its machine and unit."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from services.ingest.domain.scada.tags import Tag

NAME = "tags.jsonl"
_decoder = msgspec.json.Decoder(Tag)


class TagFile:
    """A file of tags, one a line; the last line of a tag counts."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def read(self) -> dict[str, Tag]:
        """The tags, as far as the file is whole."""
        tags: dict[str, Tag] = {}
        if not self._path.exists():
            return tags
        for line in self._path.read_bytes().splitlines():
            try:
                tag = _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            tags[tag.tag] = tag
        return tags

    async def add(self, tags: Sequence[Tag]) -> None:
        """Writes tags; they are on disk when it returns."""
        await asyncio.shield(
            asyncio.to_thread(self._append, b"".join(msgspec.json.encode(tag) + b"\n" for tag in tags))
        )

    def _append(self, lines: bytes) -> None:
        # A line that a crash cut short is ended first.
        with self._path.open("ab") as file:
            file.write((b"\n" if file.tell() else b"") + lines)
            file.flush()
            os.fdatasync(file.fileno())
