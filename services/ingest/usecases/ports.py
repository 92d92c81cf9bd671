"""What the use cases speak of and ask for: batches, answers, and the ports behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, TypeVar

import msgspec
import polars as pl

from services.ingest.domain.cleaning.mapping import Mapping
from services.ingest.domain.cleaning.receipt import Reason, Receipt, Refused
from services.ingest.domain.decode import Limits
from services.ingest.domain.known.directory import Directory
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.privacy.erasing import Forgotten
from services.ingest.domain.privacy.tokens import TokenKey
from services.ingest.domain.schemas.fields import Kind
from services.ingest.usecases.arrival import Arrival
from services.ingest.usecases.holding import Holding

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Up to 1,000 accepted records of one body, as they enter the log."""

    part_id: str
    kind: str
    schema_version: int
    source: str
    records: pl.DataFrame
    at: datetime
    duplicates: int
    repaired: int
    refused: int
    replayed: tuple[str, ...] = ()
    """The items of the quarantine that the records were, by place, as ID@REVISION; empty: none was set aside before."""

    @property
    def message_id(self) -> str:
        return self.part_id

    @property
    def newest(self) -> date | None:
        """The newest business date of the records."""
        newest = self.records.get_column("biz_date").max() if self.records.height else None
        return newest if isinstance(newest, date) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Up to 1,000 refused records of one body."""

    message_id: str
    batch_id: str
    kind: str
    source: str
    records: tuple[Refused, ...]
    at: datetime
    trace_id: str


Part = Accepted | SetAside
"""One message of the log."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the balance: what one message brought, one repeated body, or what moved later (negative numbers)."""

    id: str
    batch_id: str
    source: str
    kind: str
    at: datetime
    received: int
    pending: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    rejected: int = 0
    repaired: int = 0
    newest: date | None = None
    newest_at: datetime | None = None
    """Newest time of the facts it brought, from which the lag of the source is told; not kept in the book."""


class Taken(msgspec.Struct, frozen=True):
    """A body that was answered: its receipt, and the digest that tells another body under the same key."""

    source: str
    kind: str
    digest: str
    receipt: Receipt
    at: datetime
    sent_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """received = stored + duplicate + quarantined + rejected + pending."""

    source: str
    kind: str
    received: int
    stored: int
    duplicate: int
    quarantined: int
    rejected: int
    pending: int
    repaired: int


@dataclass(frozen=True, slots=True)
class QualityDay:
    """The balance of one day of arrival in the trade zone."""

    day: date
    balance: Balance


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many records of a source and kind a rule fired on."""

    rule: str
    severity: str
    source: str
    kind: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A record set aside."""

    id: str
    kind: str
    source: str
    batch_id: str
    line: int
    record_json: str
    reasons: tuple[Reason, ...]
    state: str
    at: datetime
    trace_id: str
    revision: int = 1
    original_json: str = ""
    """The record as it came, where a person mended it."""
    changed_by: str = ""
    changed_at: datetime | None = None
    replayed_as: str = ""
    drop_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSeen:
    """How one connection to a source goes; `state` is waiting, running, failing or stopped."""

    name: str
    type: str
    source: str
    state: str
    last_success_at: datetime | None
    last_error: str
    records: int
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSeen:
    """A source that is configured or has sent."""

    name: str
    mapped_kinds: tuple[str, ...] = ()
    newest: date | None = None
    last_seen_at: datetime | None = None
    received: int = 0
    connections: tuple[ConnectionSeen, ...] = ()
    partial_days: tuple[date, ...] = ()
    """Days of arrival, newest first, on which much less came than usual (DQ-40)."""
    open_quarantine: int = 0
    lag_s: float | None = None
    """From the newest fact of the last batch to its arrival; None when that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records; what is empty does not filter."""

    kind: Kind
    retailer: str = ""
    product: str = ""
    places: tuple[str, ...] = ()
    from_date: date | None = None
    to_date: date | None = None
    source: str = ""
    order_no: str = ""
    equal: tuple[tuple[str, str | int | bool | date], ...] = ()
    """Further fields of the kind, or of the envelope, that must equal a value."""


@dataclass(frozen=True, slots=True)
class Page:
    """Records in order of business date and key; `following` is the cursor of the next page, or empty."""

    records: pl.DataFrame
    following: str
    total: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """One row a group: the group fields, `records`, `value`."""

    rows: pl.DataFrame
    unit: str


class Entered(StrEnum):
    """How a message became durable."""

    NEW = "new"
    BEFORE = "before"
    """It was in the log already."""
    SPOOLED = "spooled"
    """The log is away; the message is synced beside the door and follows."""


class Log(Protocol):
    """Where accepted and refused records become durable."""

    async def accept(self, part: Accepted) -> Entered: ...

    async def refuse(self, part: SetAside) -> Entered: ...


class Memory(Protocol):
    """Receipts given, and entries of the balance, written behind the answer; losing them is harmless."""

    async def recall(self, batches: Sequence[str]) -> dict[str, Taken]: ...

    def note(self, answers: Sequence[Taken], entries: Sequence[Entry]) -> None: ...


class Store(Protocol):
    """The book of records."""

    async def keep(self, consumer: str, parts: Sequence[Part]) -> None: ...

    async def page(self, wanted: Filter, *, limit: int, cursor: str, with_total: bool) -> Page: ...

    async def record(self, kind: Kind, key: str) -> str | None: ...

    async def totals(self, wanted: Filter, group_by: Sequence[str], measure: str) -> Totals: ...

    async def balances(self) -> list[Balance]: ...

    async def days(self, *, source: str, first: date, last: date) -> list[QualityDay]: ...

    async def rules_fired(self, *, source: str, first: date, last: date) -> list[RuleCount]: ...

    async def note_news(self, topic: str) -> None: ...

    async def sources(self) -> list[SourceSeen]: ...

    async def connections(self, names: Sequence[str]) -> list[ConnectionSeen]: ...


class Newest:
    """The newest business date of each source and kind that went through the door."""

    def __init__(self, known: dict[tuple[str, str], date] | None = None) -> None:
        self._known = known or {}

    def of(self, source: str, kind: str) -> date | None:
        return self._known.get((source, kind))

    def note(self, source: str, kind: str, records: pl.DataFrame) -> None:
        newest = records.get_column("biz_date").max() if records.height else None
        if isinstance(newest, date):
            known = self._known.get((source, kind))
            self._known[source, kind] = newest if known is None else max(known, newest)


class OffLoop(Protocol):
    """Runs heavy work beside the event loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class Passage(Protocol):
    """Where bodies go through."""

    def on_the_way(self, batch: str) -> asyncio.Future[Receipt] | None: ...
    def answer(self, door: FrontDoor, arrival: Arrival) -> asyncio.Future[Receipt]: ...
    async def settled(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoor:
    """Everything that taking in a body needs."""

    log: Log
    memory: Memory
    directory: Directory
    regions: Regions
    tokens: TokenKey
    mappings: dict[tuple[str, str], Mapping]
    limits: Limits
    newest: Newest
    now: Callable[[], datetime]
    off_loop: OffLoop
    """Runs a large body's cleaning beside the event loop, one at a time."""
    passage: Passage
    holding: Holding
    forgotten: Forgotten = field(default_factory=Forgotten)
    """What was withdrawn, kept in step with the requests."""
    counted: Callable[[str, str, dict[tuple[str, str], int]], None]
    """Hears kind, source and the records that each rule fired on, by severity."""
