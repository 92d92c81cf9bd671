"""Receipts that were given, and the door's lines of the balance: many in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import asyncpg
import msgspec
import sqlalchemy as sa

from chassis.db import Database
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.store.tables import ENTRY, RECEIPT
from services.ingest.usecases import Entry, Taken

COUNTS = ("accepted", "repaired", "quarantined", "rejected", "duplicates")
COUNTED = 1000
"""Sets of counts whose text is remembered; bodies of one record have one of a few."""
_ENTRY_TYPES = {
    **dict.fromkeys(("id", "batch_id", "source", "kind"), "text"),
    "at": "timestamptz",
    **dict.fromkeys(("received", "pending", "stored", "duplicate", "quarantined", "rejected", "repaired"), "bigint"),
    "newest": "date",
}
_RECEIPT_TYPES = {
    **dict.fromkeys(("batch_id", "source", "kind", "digest"), "text"),
    "receipt": "jsonb",
    "at": "timestamptz",
    "sent_by": "text",
}


def _insert(table: sa.Table, types: Mapping[str, str], place: int) -> str:
    """Rows given as one JSON text: as arrays, the driver looks at every value several times."""
    names, given = ", ".join(types), ", ".join(f"{name} {type}" for name, type in types.items())
    return (
        f"INSERT INTO {table.fullname} ({names}) SELECT {names} "
        f"FROM json_to_recordset(${place}::json) AS given ({given}) ON CONFLICT DO NOTHING"
    )


# One statement is one transaction and one round trip.
_INSERT = f"WITH lines AS ({_insert(ENTRY, _ENTRY_TYPES, 1)}) {_insert(RECEIPT, _RECEIPT_TYPES, 2)}"
_FIND = f"SELECT {', '.join(_RECEIPT_TYPES)} FROM {RECEIPT.fullname} WHERE batch_id = ANY(string_to_array($1, ','))"


class _Row(msgspec.Struct, frozen=True):
    """An answer as it is kept, without its reasons."""

    batch_id: str
    source: str
    kind: str
    digest: str
    receipt: msgspec.Raw
    at: datetime
    sent_by: str


_written = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(_Row).decode


def text_of(taken: Taken) -> str:
    """An answer as JSON, enough to answer its repetition."""
    receipt = taken.receipt
    counts = _counts(receipt.accepted, receipt.repaired, receipt.quarantined, receipt.rejected, receipt.duplicates)
    row = _Row(receipt.batch_id, taken.source, taken.kind, taken.digest, counts, taken.at, taken.sent_by)
    return _written(row).decode()


@lru_cache(maxsize=COUNTED)
def _counts(*numbers: int) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(dict(zip(COUNTS, numbers, strict=True))))


def answer_of(text: str | bytes) -> Taken:
    """The answer that was written as this text."""
    row = _read(text)
    receipt = Receipt(row.batch_id, **msgspec.json.decode(row.receipt))
    return Taken(row.source, row.kind, row.digest, receipt, row.at, row.sent_by)


async def write_notes(db: Database, answers: Mapping[str, str], entries: Iterable[Entry]) -> None:
    """Writes answers, their texts by batch, and entries; what the book knows already stays as it is."""
    # In one order, so that two replicas never wait for each other.
    rows = [answers[batch] for batch in sorted(answers)]
    lines = sorted({entry.id: entry for entry in entries}.values(), key=lambda entry: entry.id)
    async with db.driver() as driver:
        await driver.execute(_INSERT, _written(lines).decode(), f"[{','.join(rows)}]")


async def find_receipts(db: Database, batches: Sequence[str]) -> dict[str, Taken]:
    """The receipts of batches, without their reasons."""
    async with db.driver() as driver:
        rows = await driver.fetch(_FIND, ",".join(batches))
    return {row["batch_id"]: _taken(row) for row in rows}


def _taken(row: asyncpg.Record) -> Taken:
    counts = row["receipt"]
    receipt = Receipt(row["batch_id"], **(msgspec.json.decode(counts) if isinstance(counts, str) else counts))
    return Taken(row["source"], row["kind"], row["digest"], receipt, row["at"], row["sent_by"])
