"""What becomes of records set aside, in the transaction that decides it: marks, steps, and the balance.

The balance only grows: a record that leaves the quarantine adds a line that takes it out, on the day on which it was
counted there, so that no day ever shows less than nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import copy_frame
from services.ingest.domain.cleaning.batch import TRADE_ZONE
from services.ingest.store.ledger import Ledger
from services.ingest.store.tables import QUARANTINE, QUARANTINE_CHANGE, SCHEMA
from services.ingest.usecases import Accepted, Entry
from services.ingest.usecases.quarantine import Change

_COUNTED_AT = (
    "coalesce((q.original ->> 'ingested_at')::timestamptz, (q.record ->> 'ingested_at')::timestamptz, q.quarantined_at)"
)
_DAY = f"date({_COUNTED_AT} AT TIME ZONE '{TRADE_ZONE}')"
UTC_TIME = pl.Datetime("us", "UTC")


async def settle(session: AsyncSession, part: Accepted, ledger: Ledger) -> Accepted:
    """The part without the records whose items another message brought before, or that were mended or dropped since.

    The items of the others are marked, and leave the quarantine in the balance: they are counted where they arrive.
    """
    if not part.replayed:
        return part
    names = [name.rpartition("@") for name in part.replayed]
    items = {
        "ids": [id for id, _, _ in names],
        "revisions": [int(revision) for *_, revision in names],
        "records": part.records.get_column("record_id").to_list(),
        "at": part.at,
    }
    marked = await session.execute(
        sa.text(
            f"UPDATE {QUARANTINE.fullname} q SET state = 'replayed', replayed_as = n.record_id, claimed_at = NULL, "
            "changed_by = q.claimed_by, revision = q.revision + 1, changed_at = :at FROM unnest(CAST(:ids AS text[]), "
            "CAST(:revisions AS bigint[]), CAST(:records AS text[])) AS n (id, revision, record_id) "
            "WHERE q.id = n.id AND q.revision = n.revision AND q.state IN ('open', 'mended') "
            "RETURNING q.id, q.revision, q.replayed_as, q.claimed_by"
        ),
        items,
    )
    rows = marked.all()
    revisions = {row.id: row.revision for row in rows}
    by = rows[0].claimed_by if rows else ""
    await remember(session, "replayed", revisions, Change(by, part.at, {"batch_id": part.part_id}))
    await move(session, list(revisions), {"received": -1, "quarantined": -1}, part.part_id, ledger)
    taken = pl.Series([row.replayed_as for row in rows], dtype=pl.String)
    records = part.records.filter(pl.col("record_id").is_in(taken.implode()))
    return replace(part, records=records)


async def remember(session: AsyncSession, action: str, revisions: Mapping[str, int], change: Change) -> None:
    """Notes a step of items, by the revision that it made."""
    if not revisions:
        return
    rows = pl.DataFrame(
        {"item_id": list(revisions), "revision": list(revisions.values())},
        schema={"item_id": pl.String, "revision": pl.Int64},
    ).with_columns(
        pl.lit(action).alias("action"),
        pl.lit(change.at).cast(UTC_TIME).alias("at"),
        pl.lit(change.by).alias("done_by"),
        pl.lit(_json(change.detail)).alias("detail"),
    )
    await copy_frame(session, QUARANTINE_CHANGE.name, rows, schema=SCHEMA)


async def move(session: AsyncSession, ids: Sequence[str], moved: Mapping[str, int], name: str, ledger: Ledger) -> None:
    """Adds entries for items that changed their fate: one a source, kind and day of arrival."""
    if not ids:
        return
    found = await session.execute(
        sa.text(
            f"SELECT q.source, q.kind, {_DAY} AS day, max({_COUNTED_AT}) AS at, count(*) AS items "
            f"FROM {QUARANTINE.fullname} q WHERE q.id = ANY(CAST(:ids AS text[])) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        ),
        {"ids": list(ids)},
    )
    for row in found.all():
        counts = {count: sign * row.items for count, sign in moved.items()}
        ledger.add(
            Entry(
                id=f"{name}:left:{row.source}:{row.kind}:{row.day}",
                batch_id=name,
                source=row.source,
                kind=row.kind,
                at=row.at,
                **{"received": 0, **counts},
            )
        )


def _json(detail: Mapping[str, object]) -> str:
    return json.dumps(detail, ensure_ascii=False)
