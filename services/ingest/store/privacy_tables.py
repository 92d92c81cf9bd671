"""Tables of what was forgotten: erasures with their proof, and what retention removed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.ingest.store.tables import Base


class ErasureRow(Base, table=True):
    """A request to forget. Who is meant stands here only until it is done; afterwards digests alone."""

    __tablename__ = "erasure"
    __table_args__ = (sa.Index("erasure_order", "requested_at", "id"),)

    id: str = Field(primary_key=True)
    type: str
    digests: list[str] = Field(sa_type=JSONB)
    subjects: list[str] = Field(sa_type=JSONB)
    stores: dict[str, Any] = Field(sa_type=JSONB)
    requested_by: str
    reason: str
    requested_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    finished_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))


class RetentionRow(Base, table=True):
    """What one round of retention removed of a kind from a store."""

    __tablename__ = "retention"

    id: str = Field(primary_key=True)
    kind: str
    store: str
    removes: str
    before: date = Field(sa_type=sa.Date)
    rows: int = Field(sa_type=sa.BigInteger)
    at: datetime = Field(sa_type=sa.DateTime(timezone=True))


ERASURE: sa.Table = ErasureRow.__table__  # type: ignore[attr-defined]  # set by SQLModel
RETENTION: sa.Table = RetentionRow.__table__  # type: ignore[attr-defined]  # as above
NEVER_SWEPT = ("erasure", "retention", "migration", "inbox")
"""Tables without anything that a sender wrote."""
