"""From the log into the book."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.domain.known.directory import Directory
from services.ingest.usecases.ports import Accepted, Newest, Part, Store


async def keep(store: Store, directory: Directory, newest: Newest, *, consumer: str, parts: Sequence[Part]) -> None:
    """Books the messages of a group, each once, and lets the door know master data that other doors took in.

    Raises Unstorable, having changed nothing, when one of several messages holds a value that the book cannot.
    """
    await store.keep(consumer, parts)
    for part in parts:
        if isinstance(part, Accepted):
            directory.put(part.kind, part.records)
            newest.note(part.source, part.kind, part.records)
