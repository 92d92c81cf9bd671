"""What is older than it may be is removed, and written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from services.ingest.domain.kinds import KINDS
from services.ingest.domain.privacy.retention import Due, Kept, due


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What one round removed of a kind from a store."""

    kind: str
    store: str
    removes: str
    """rows, or the names of the columns that were cleared."""
    before: date
    rows: int
    at: datetime


class Perishable(Protocol):
    """A store in which things grow old."""

    async def remove(self, what: Due) -> dict[str, int]: ...


class RetentionBook(Protocol):
    """Where it is written down."""

    async def note(self, removed: Sequence[Removed]) -> None: ...


async def retain(stores: Sequence[Perishable], book: RetentionBook, kept: Kept, *, now: datetime) -> list[Removed]:
    """Removes what is due, and writes down what that was; done again it finds nothing more."""
    removed = []
    for what in due(KINDS.values(), kept, now.date()):
        for store in stores:
            removed += [
                Removed(
                    kind=what.kind,
                    store=name,
                    removes=", ".join(what.clears) or "rows",
                    before=what.before,
                    rows=rows,
                    at=now,
                )
                for name, rows in (await store.remove(what)).items()
                if rows
            ]
    await book.note(removed)
    return removed
