"""Messages of PostgreSQL's logical replication (pgoutput, protocol 1), values as text.

https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

UPSERT, DELETE = "upsert", "delete"


class Unreadable(Exception):
    """A message that is not as the protocol says."""


@dataclass(frozen=True, slots=True)
class Change:
    """One changed row of a table, by column; a deleted one has its key, or all where the table says so."""

    table: str
    op: str
    row: dict[str, str]


@dataclass(slots=True)
class Decoder:
    """Reads messages one after the other; it learns the columns of each table from the stream itself."""

    _tables: dict[int, tuple[str, list[str]]] = field(default_factory=dict)

    def read(self, message: bytes) -> list[Change]:
        """The changes of one message; none for what begins, ends or describes."""
        kind = message[:1]
        try:
            if kind == b"R":
                self._learn(_Cursor(message))
            elif kind == b"I":
                return [self._inserted(_Cursor(message))]
            elif kind == b"U":
                return self._updated(_Cursor(message))
            elif kind == b"D":
                return [self._deleted(_Cursor(message))]
        except (struct.error, KeyError, UnicodeDecodeError, ValueError, IndexError):
            raise Unreadable(f"a message {kind!r} cannot be read") from None
        return []

    def _learn(self, cursor: _Cursor) -> None:
        id = cursor.number(">I")
        name = f"{cursor.text()}.{cursor.text()}"
        cursor.skip(1)
        columns = []
        for _ in range(cursor.number(">H")):
            cursor.skip(1)
            columns.append(cursor.text())
            cursor.skip(8)
        self._tables[id] = name, columns

    def _inserted(self, cursor: _Cursor) -> Change:
        table, columns = self._tables[cursor.number(">I")]
        cursor.skip(1)
        return Change(table, UPSERT, cursor.row(columns))

    def _updated(self, cursor: _Cursor) -> list[Change]:
        table, columns = self._tables[cursor.number(">I")]
        old: dict[str, str] = {}
        has_key = False
        mark = cursor.mark()
        if mark in (b"K", b"O"):
            has_key = mark == b"K"
            old = cursor.row(columns)
            cursor.skip(1)
        new = cursor.row(columns)
        upsert = Change(table, UPSERT, {**({} if has_key else old), **new})
        # The old key is only sent where it has changed: what stood under it is gone.
        return [Change(table, DELETE, old), upsert] if has_key else [upsert]

    def _deleted(self, cursor: _Cursor) -> Change:
        table, columns = self._tables[cursor.number(">I")]
        cursor.skip(1)
        return Change(table, DELETE, cursor.row(columns))


class _Cursor:
    def __init__(self, message: bytes) -> None:
        self._message = message
        self._place = 1

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._message, self._place)
        self._place += struct.calcsize(form)
        return int(value)

    def mark(self) -> bytes:
        self._place += 1
        return self._message[self._place - 1 : self._place]

    def skip(self, count: int) -> None:
        self._place += count

    def text(self) -> str:
        end = self._message.index(b"\0", self._place)
        found = self._message[self._place : end].decode()
        self._place = end + 1
        return found

    def row(self, columns: list[str]) -> dict[str, str]:
        """Values that are there: neither null nor a large one that did not change."""
        values = {}
        for place in range(self.number(">H")):
            if self.mark() == b"t":
                length = self.number(">I")
                values[columns[place]] = self._message[self._place : self._place + length].decode()
                self._place += length
        return values
