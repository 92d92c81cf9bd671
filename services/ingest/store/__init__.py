"""The book of records in PostgreSQL, the door's memory, and the log.

tables   what is kept           book     writing, a group of messages a transaction (judged by domain/versions)
ledger   entries, rule counts   retiring, setting_aside   where it puts what the book does not show
queries  pages and totals       quality  balance, sources, receipts
master_data  what a start must know
quarantine  records set aside   settling  what becomes of them
memory   receipts and entries   log      JetStream     spool    stands in while it is away
history  all versions of all records, in columns     history_upkeep  small files merged, old ones dropped
connections  how the connections to sources go, and who runs each
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from chassis.db import Database
from services.ingest.domain.known.directory import Directory
from services.ingest.domain.schemas.fields import Kind
from services.ingest.store import book, connections, days, master_data, quality, queries
from services.ingest.store.connections import Connections, Leases, leases
from services.ingest.store.lineage import PostgresTrail
from services.ingest.store.log import StreamLog
from services.ingest.store.memory import WriteBehind
from services.ingest.store.quarantine import PostgresShelf
from services.ingest.store.reporting import PostgresReports
from services.ingest.store.spool import spooling
from services.ingest.store.tables import INBOX, SCHEMA, Base
from services.ingest.usecases import (
    Balance,
    ConnectionSeen,
    Filter,
    Page,
    Part,
    QualityDay,
    RuleCount,
    SourceSeen,
    Totals,
)

__all__ = [
    "INBOX",
    "SCHEMA",
    "Base",
    "Connections",
    "Leases",
    "PostgresReports",
    "PostgresShelf",
    "PostgresStore",
    "PostgresTrail",
    "StreamLog",
    "WriteBehind",
    "leases",
    "spooling",
]


class PostgresStore:
    """The book of records."""

    def __init__(self, db: Database, memory: WriteBehind) -> None:
        self._db = db
        self._memory = memory

    async def keep(self, consumer: str, parts: Sequence[Part]) -> None:
        await book.keep(self._db, consumer, parts)

    async def page(self, wanted: Filter, *, limit: int, cursor: str, with_total: bool) -> Page:
        return await queries.page(self._db, wanted, limit=limit, cursor=cursor, with_total=with_total)

    async def record(self, kind: Kind, key: str) -> str | None:
        return await queries.record(self._db, kind, key)

    async def totals(self, wanted: Filter, group_by: Sequence[str], measure: str) -> Totals:
        return await queries.totals(self._db, wanted, group_by, measure)

    async def balances(self) -> list[Balance]:
        await self._memory.written()
        return await quality.balances(self._db)

    async def days(self, *, source: str, first: date, last: date) -> list[QualityDay]:
        await self._memory.written()
        return await days.days(self._db, source=source, first=first, last=last)

    async def rules_fired(self, *, source: str, first: date, last: date) -> list[RuleCount]:
        return await days.rules_fired(self._db, source=source, first=first, last=last)

    async def sources(self) -> list[SourceSeen]:
        return await quality.sources(self._db, await self._memory.lags())

    async def connections(self, names: Sequence[str]) -> list[ConnectionSeen]:
        return await connections.seen(self._db, names)

    async def note_news(self, topic: str) -> None:
        await connections.note_news(self._db, topic)

    async def newest_days(self) -> dict[tuple[str, str], date]:
        """The newest business date by source and kind."""
        return await quality.newest_days(self._db)

    async def fill(self, directory: Directory) -> None:
        """Puts the master data of the book into the directory."""
        await master_data.fill(self._db, directory)
