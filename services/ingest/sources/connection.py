"""What a connection is, what a connector brings, and what both get from the door.

Connection   one configuration file          Connector   one module of `connectors`
Option       one key of its `options`        Intake      the door, as a connector sees it
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.usecases import Body

Checkpoint = dict[str, Any]
OptionType = Literal["text", "whole", "number", "flag", "secret", "texts", "secrets", "table", "group", "groups"]


class SourceAway(Exception):
    """A source that cannot be read now; it is tried again with growing pauses.

    The text is shown to people: it says what to do and holds neither secrets nor records. `after_s` is how long the
    source itself asked to wait.
    """

    def __init__(self, text: str, *, after_s: float | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.after_s = after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One configured connection. Secrets are named by environment variable in its file, and hidden in `options`."""

    name: str
    type: str
    source: str
    kind: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a connector.

    text, whole, number, flag  one value                 texts    a list of texts
    secret                     name of a variable        secrets  a list of such names
    table                      names with texts          group    names with `parts`; groups: a list of them
    """

    type: OptionType
    doc: str
    required: bool = False
    default: Any = None
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    parts: Mapping[str, Option] = field(default_factory=dict)
    check: Callable[[Any], str] | None = None
    """Says what is wrong with a value; an empty text when nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The door, as a connector sees it."""

    take_in: Callable[[Body], Awaitable[Receipt]]
    """Returns when the body is durable; the same idempotency key again is harmless."""
    recall: Callable[[], Awaitable[Checkpoint | None]]
    """The checkpoint of this connection."""
    note: Callable[[Checkpoint, int], Awaitable[None]]
    """Keeps a new checkpoint and counts the records brought; only after the durable receipt."""
    news: Callable[[str], Awaitable[int]]
    """How often a source has said that something of this topic changed."""
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A type of connection. `run` works for ever; a type without it is spoken to from outside."""

    type: str
    doc: str
    options: Mapping[str, Option]
    run: Callable[[Connection, Intake], Awaitable[None]] | None
    fetches: bool = False
    """Whether it looks at its source from time to time, and at once when it begins."""
    check: Callable[[dict[str, Any]], tuple[str, str] | None] | None = None
    """Finds options that do not go together: the option at fault and what to change."""


class Ledger(Protocol):
    """What is kept of connections: who runs each, how it goes, where it goes on."""

    async def declare(self, connections: list[Connection]) -> None: ...

    def hold(self, name: str) -> AbstractAsyncContextManager[Lease]: ...

    async def recall(self, name: str) -> Checkpoint | None: ...

    async def note(self, name: str, checkpoint: Checkpoint, records: int, at: datetime) -> None: ...

    async def news(self, topic: str) -> int: ...

    async def state(self, name: str, state: str, error: str | None = None) -> None: ...


class Lease(Protocol):
    """The right to run a connection, held by one replica at a time."""

    async def lost(self) -> None: ...
