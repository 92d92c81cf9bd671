"""From the log into the history, and the history kept small and swift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.fields import Kind
from services.ingest.domain.schemas.history import history_rows
from services.ingest.usecases.ports import Accepted


class HistoryStore(Protocol):
    """Every version of every record, in columns."""

    async def append(self, kind: Kind, rows: pl.DataFrame) -> int: ...


async def keep_history(history: HistoryStore, rows: dict[str, pl.DataFrame]) -> None:
    """Adds rows by kind (see `gather_history`), each message once; one commit a kind."""
    for kind, gathered in rows.items():
        await history.append(KINDS[kind], gathered)


def gather_history(parts: Sequence[tuple[Accepted, int]]) -> dict[str, pl.DataFrame]:
    """The records of several messages, with their places in the log, as rows of the history by kind."""
    by_kind: dict[str, list[pl.DataFrame]] = {}
    for part, sequence in parts:
        by_kind.setdefault(part.kind, []).append(history_rows(KINDS[part.kind], part.records, sequence))
    return {kind: pl.concat(frames) for kind, frames in by_kind.items()}
