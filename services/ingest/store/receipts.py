"""Receipts that were given, and the door's lines of the balance: many in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import asyncpg
import msgspec
import sqlalchemy as sa

from chassis.db import Database
from services.ingest.domain.receipt import Receipt
from services.ingest.store.tables import ENTRY, RECEIPT
from services.ingest.usecases import Entry, Taken

COUNTS = ("accepted", "repaired", "quarantined", "rejected", "duplicates")
COUNTED = 1000
"""Sets of counts whose text is remembered; a record alone has one of a few."""
_ENTRY_TYPES = {"at": "timestamptz", "newest": "date"} | dict.fromkeys(
    ("received", "pending", "stored", "duplicate", "quarantined", "rejected", "repaired"), "bigint"
)
_ENTRY_COLUMNS = ("id", "batch_id", "source", "kind", *_ENTRY_TYPES)
_RECEIPT_COLUMNS = ("batch_id", "source", "kind", "digest", "receipt", "at", "sent_by")


def _insert(table: sa.Table, columns: Sequence[str], types: dict[str, str], *, first: int = 1) -> str:
    arrays = ", ".join(f"${place}::{types.get(name, 'text')}[]" for place, name in enumerate(columns, start=first))
    return (
        f"INSERT INTO {table.fullname} ({', '.join(columns)}) "
        f"SELECT {', '.join(f'{name}::jsonb' if name == 'receipt' else name for name in columns)} "
        f"FROM unnest({arrays}) AS given ({', '.join(columns)}) ON CONFLICT DO NOTHING"
    )


# One statement is one transaction and one round trip.
_INSERT = f"WITH lines AS ({_insert(ENTRY, _ENTRY_COLUMNS, _ENTRY_TYPES)}) " + _insert(
    RECEIPT, _RECEIPT_COLUMNS, {"at": "timestamptz"}, first=len(_ENTRY_COLUMNS) + 1
)
_FIND = f"SELECT {', '.join(_RECEIPT_COLUMNS)} FROM {RECEIPT.fullname} WHERE batch_id = ANY($1::text[])"


async def write_notes(db: Database, notes: Sequence[tuple[Taken, Sequence[Entry]]]) -> None:
    """Writes receipts and entries; what the book knows already stays as it is."""
    entries = {entry.id: entry for _, several in notes for entry in several}
    answers = {taken.receipt.batch_id: taken for taken, _ in notes}
    # In one order, so that two replicas never wait for each other.
    lines = [entries[id] for id in sorted(entries)]
    rows = [answers[id] for id in sorted(answers)]
    async with db.driver() as driver:
        await driver.execute(
            _INSERT,
            *([getattr(line, name) for line in lines] for name in _ENTRY_COLUMNS),
            [row.receipt.batch_id for row in rows],
            [row.source for row in rows],
            [row.kind for row in rows],
            [row.digest for row in rows],
            [receipt_counts(row.receipt) for row in rows],
            [row.at for row in rows],
            [row.sent_by for row in rows],
        )


def receipt_counts(receipt: Receipt) -> str:
    """The numbers of a receipt as JSON, enough to answer its repetition."""
    return _counts(receipt.accepted, receipt.repaired, receipt.quarantined, receipt.rejected, receipt.duplicates)


@lru_cache(maxsize=COUNTED)
def _counts(*numbers: int) -> str:
    return msgspec.json.encode(dict(zip(COUNTS, numbers, strict=True))).decode()


async def find_receipts(db: Database, batches: Sequence[str]) -> dict[str, Taken]:
    """The receipts of batches, without their reasons."""
    async with db.driver() as driver:
        rows = await driver.fetch(_FIND, list(batches))
    return {row["batch_id"]: _taken(row) for row in rows}


def _taken(row: asyncpg.Record) -> Taken:
    counts = row["receipt"]
    receipt = Receipt(row["batch_id"], **(msgspec.json.decode(counts) if isinstance(counts, str) else counts))
    return Taken(row["source"], row["kind"], row["digest"], receipt, row["at"], row["sent_by"])
