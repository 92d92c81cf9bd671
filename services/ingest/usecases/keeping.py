"""From the log into the book."""

from __future__ import annotations

from services.ingest.domain.directory import Directory
from services.ingest.usecases.ports import Accepted, Newest, SetAside, Store


async def keep(store: Store, directory: Directory, newest: Newest, *, consumer: str, part: Accepted) -> None:
    """Writes accepted records into the book, once, and lets the door know master data that other doors took in."""
    await store.keep(consumer, part)
    directory.put(part.kind, part.records)
    newest.note(part.source, part.kind, part.records)


async def set_aside(store: Store, *, consumer: str, part: SetAside) -> None:
    """Writes refused records into the quarantine and the balance, once."""
    await store.set_aside(consumer, part)
