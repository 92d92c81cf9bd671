"""New records whose state does not follow from the one in the book (E-02)."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.cleaning.receipt import Reason
from services.ingest.domain.keeping.chains import CHAINS, MESSAGE, RULE_ID, illegal_moves
from services.ingest.domain.keeping.versions import DELETE
from services.ingest.store.setting_aside import write_found
from services.ingest.store.tables import BOOKS

IDENTITY = ["record_key", "payload_hash"]


async def backward(
    session: AsyncSession, kind: str, records: pl.DataFrame, current: pl.DataFrame, known: pl.DataFrame
) -> pl.DataFrame:
    """Records that would move a state backward. What only repeats an earlier version moves nothing."""
    if kind not in CHAINS or current.is_empty():
        return records.clear()
    seen = pl.concat([current.select(IDENTITY), known.select(IDENTITY)])
    standing = current.filter(~pl.col("op").eq_missing(DELETE))
    met = (
        records.filter(~pl.col("op").eq_missing(DELETE))
        .join(seen, on=IDENTITY, how="anti", maintain_order="left")
        .join(standing, on="record_key", how="semi", maintain_order="left")
    )
    if met.is_empty():
        return met
    states = await _states(session, kind, met)
    return met.filter(illegal_moves(kind, met, states))


async def _states(session: AsyncSession, kind: str, met: pl.DataFrame) -> pl.DataFrame:
    book, field = BOOKS[kind], CHAINS[kind].field
    keys = sa.bindparam("keys", met.get_column("record_key").unique().to_list(), type_=sa.ARRAY(sa.Text))
    chosen = sa.select(book.c.record_key, book.c.occurred_at, book.c[field]).where(book.c.record_key == sa.any_(keys))
    rows = [tuple(row) for row in (await session.execute(chosen)).all()]
    schema = {name: met.schema[name] for name in ("record_key", "occurred_at", field)}
    return pl.DataFrame(rows, schema=schema, orient="row")


async def write_backward(session: AsyncSession, kind: str, records: pl.DataFrame) -> None:
    """Sets such records aside."""
    if records.is_empty():
        return
    field = CHAINS[kind].field
    await write_found(session, kind, records, Reason(f"/{field}", RULE_ID, 1, MESSAGE, "quarantine"))
