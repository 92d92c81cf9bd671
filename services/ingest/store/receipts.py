"""Receipts that were given, and the door's lines of the balance: many in one statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from chassis.db import Database
from services.ingest.domain.receipt import Receipt
from services.ingest.store.tables import ENTRY, RECEIPT
from services.ingest.usecases import Entry, Taken

COUNTS = ("accepted", "repaired", "quarantined", "rejected", "duplicates")
_ENTRY_TYPES = {"at": "timestamptz", "newest": "date"} | dict.fromkeys(
    ("received", "pending", "stored", "duplicate", "quarantined", "rejected", "repaired"), "bigint"
)
_ENTRY_COLUMNS = ("id", "batch_id", "source", "kind", *_ENTRY_TYPES)
_RECEIPT_COLUMNS = ("batch_id", "source", "kind", "digest", "receipt", "at", "sent_by")


def _insert(table: sa.Table, columns: Sequence[str], types: dict[str, str]) -> sa.TextClause:
    arrays = ", ".join(f"CAST(:{name} AS {types.get(name, 'text')}[])" for name in columns)
    return sa.text(
        f"INSERT INTO {table.fullname} ({', '.join(columns)}) "
        f"SELECT {', '.join(f'{name}::jsonb' if name == 'receipt' else name for name in columns)} "
        f"FROM unnest({arrays}) AS given ({', '.join(columns)}) ON CONFLICT DO NOTHING"
    )


_INSERT_ENTRIES = _insert(ENTRY, _ENTRY_COLUMNS, _ENTRY_TYPES)
_INSERT_RECEIPTS = _insert(RECEIPT, _RECEIPT_COLUMNS, {"at": "timestamptz"})


async def write_notes(db: Database, notes: Sequence[tuple[Taken, Sequence[Entry]]]) -> None:
    """Writes receipts and entries; what the book knows already stays as it is."""
    entries = {entry.id: entry for _, several in notes for entry in several}
    receipts = {taken.receipt.batch_id: taken for taken, _ in notes}
    async with db.transaction() as session:
        # In one order, so that two replicas never wait for each other.
        if entries:
            lines = [entries[id] for id in sorted(entries)]
            await session.execute(
                _INSERT_ENTRIES, {name: [getattr(line, name) for line in lines] for name in _ENTRY_COLUMNS}
            )
        rows = [_receipt_row(receipts[id]) for id in sorted(receipts)]
        columns = dict(zip(_RECEIPT_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
        await session.execute(_INSERT_RECEIPTS, columns)


def _receipt_row(taken: Taken) -> tuple[Any, ...]:
    counts = json.dumps(receipt_counts(taken.receipt))
    return taken.receipt.batch_id, taken.source, taken.kind, taken.digest, counts, taken.at, taken.sent_by


def receipt_counts(receipt: Receipt) -> dict[str, int]:
    """The numbers of a receipt, enough to answer its repetition."""
    return {name: getattr(receipt, name) for name in COUNTS}


async def find_receipts(db: Database, batches: Sequence[str]) -> dict[str, Taken]:
    """The receipts of batches, without their reasons."""
    wanted = sa.any_(sa.bindparam("batches", list(batches), type_=sa.ARRAY(sa.Text)))
    async with db.transaction() as session:
        rows = (await session.execute(sa.select(RECEIPT).where(RECEIPT.c.batch_id == wanted))).all()
    return {
        row.batch_id: Taken(row.source, row.kind, row.digest, Receipt(row.batch_id, **row.receipt), row.at, row.sent_by)
        for row in rows
    }
