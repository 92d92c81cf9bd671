"""Tables of the ingest service: one a kind, made from its fields, and those of the balance and the quarantine."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.outbox import inbox_table
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.fields import FieldType, Kind
from services.ingest.domain.schemas.schema import polars_schema

SCHEMA = "ingest"
JSON_COLUMNS = ("quality_rules", "originals", "extra")
INDEXED = (
    "retailer_code",
    "sku_code",
    "adcode",
    "order_no",
    "transfer_no",
    "oms_no",
    "wo_no",
    "wh_code",
    "machine",
    "supplier_code",
)


class Base(SQLModel, registry=registry(metadata=sa.MetaData(schema=SCHEMA))):
    """Registry of this service's tables."""


def _time() -> Any:
    return Field(sa_type=sa.DateTime(timezone=True))


def _json() -> Any:
    return Field(sa_type=JSONB)


def _count() -> Any:
    return Field(default=0, sa_type=sa.BigInteger)


class EntryRow(Base, table=True):
    """A line of the balance: one message of the log, one repeated body, or records that moved later.

    Lines are added, never corrected, but for the pending one of a message, which becomes its outcome.
    """

    __tablename__ = "entry"

    id: str = Field(primary_key=True)
    batch_id: str = Field(index=True)
    source: str
    kind: str
    at: datetime = _time()
    received: int = _count()
    pending: int = _count()
    stored: int = _count()
    duplicate: int = _count()
    quarantined: int = _count()
    rejected: int = _count()
    repaired: int = _count()
    newest: date | None = Field(default=None, sa_type=sa.Date)


class DayRow(Base, table=True):
    """The entries of one day of arrival in the trade zone, added up by the database as they are written."""

    __tablename__ = "balance_day"

    day: date = Field(primary_key=True, sa_type=sa.Date)
    source: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    received: int = _count()
    pending: int = _count()
    stored: int = _count()
    duplicate: int = _count()
    quarantined: int = _count()
    rejected: int = _count()
    repaired: int = _count()
    newest: date | None = Field(default=None, sa_type=sa.Date)
    last_at: datetime = _time()


class RuleCountRow(Base, table=True):
    """How many records of a day of arrival a rule fired on."""

    __tablename__ = "rule_count"

    day: date = Field(primary_key=True, sa_type=sa.Date)
    source: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    rule: str = Field(primary_key=True)
    severity: str = Field(primary_key=True)
    records: int = _count()


class ReceiptRow(Base, table=True):
    """A receipt that was given."""

    __tablename__ = "receipt"

    batch_id: str = Field(primary_key=True)
    source: str
    kind: str
    digest: str
    receipt: dict[str, Any] = _json()
    at: datetime = _time()
    sent_by: str


class QuarantineRow(Base, table=True):
    """A record set aside, personal data masked."""

    __tablename__ = "quarantine"
    __table_args__ = (
        sa.Index("quarantine_order", "state", "quarantined_at", "id"),
        sa.Index("quarantine_rules", "reasons", postgresql_using="gin", postgresql_ops={"reasons": "jsonb_path_ops"}),
        sa.Index("quarantine_replayed_as", "replayed_as", postgresql_where=sa.text("replayed_as <> ''")),
    )

    id: str = Field(primary_key=True)
    kind: str
    source: str
    batch_id: str
    line: int = Field(sa_type=sa.BigInteger)
    record: dict[str, Any] = _json()
    reasons: list[dict[str, Any]] = _json()
    state: str
    quarantined_at: datetime = _time()
    trace_id: str
    revision: int = Field(sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "1"})
    original: dict[str, Any] | None = _json()
    changed_by: str = Field(sa_column_kwargs={"server_default": ""})
    changed_at: datetime | None = _time()
    replayed_as: str = Field(sa_column_kwargs={"server_default": ""})
    drop_reason: str = Field(sa_column_kwargs={"server_default": ""})
    claimed_at: datetime | None = _time()
    claimed_by: str = Field(sa_column_kwargs={"server_default": ""})
    tried_at: datetime | None = _time()


class QuarantineChangeRow(Base, table=True):
    """What a person did to a record set aside, and what came of it."""

    __tablename__ = "quarantine_change"

    item_id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_type=sa.BigInteger)
    action: str
    at: datetime = _time()
    done_by: str
    detail: dict[str, Any] = _json()


class ConnectionRow(Base, table=True):
    """A configured connection to a source: how it goes, and where it goes on."""

    __tablename__ = "connection"

    name: str = Field(primary_key=True)
    type: str
    source: str
    kind: str
    state: str
    last_success_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    last_error: str = Field(default="", sa_column_kwargs={"server_default": ""})
    records: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    checkpoint: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))


class SupersededRow(Base, table=True):
    """A version of a record that a newer one replaced."""

    __tablename__ = "superseded"

    record_id: str = Field(primary_key=True)
    kind: str
    record_key: str
    payload_hash: str
    record: dict[str, Any] = _json()
    superseded_at: datetime = _time()
    __table_args__ = (sa.Index("superseded_key", "kind", "record_key", "payload_hash"),)


class DeletedRow(Base, table=True):
    """A key under which the book shows nothing because a record said so, with the version of that record."""

    __tablename__ = "deleted"

    kind: str = Field(primary_key=True)
    record_key: str = Field(primary_key=True)
    record_id: str
    payload_hash: str
    source: str
    batch_id: str
    occurred_at: datetime = _time()
    ingested_at: datetime = _time()
    line: int = Field(sa_type=sa.BigInteger)


class MinuteRow(Base, table=True):
    """A minute of a signal; it keeps its samples while more may come for it."""

    __tablename__ = "scada_minute"
    __table_args__ = (
        sa.Index("scada_minute_machine", "machine", "minute"),
        sa.Index("scada_minute_age", "minute", postgresql_using="brin"),
        sa.Index("scada_minute_open", "changed_at", postgresql_where=sa.text("samples IS NOT NULL")),
    )

    tag: str = Field(primary_key=True, sa_type=sa.Text)
    minute: datetime = Field(primary_key=True, sa_type=sa.DateTime(timezone=True))
    machine: str | None = Field(default=None, sa_type=sa.Text)
    unit: str | None = Field(default=None, sa_type=sa.Text)
    period_ms: int | None = Field(default=None, sa_type=sa.BigInteger)
    expected: int | None = Field(default=None, sa_type=sa.BigInteger)
    n: int = _count()
    low: float | None = Field(default=None, sa_type=sa.Double)
    high: float | None = Field(default=None, sa_type=sa.Double)
    total: float | None = Field(default=None, sa_type=sa.Double)
    first: float | None = Field(default=None, sa_type=sa.Double)
    first_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    last: float | None = Field(default=None, sa_type=sa.Double)
    last_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    bad: int = _count()
    uncertain: int = _count()
    outside: int = _count()
    jumps: int = _count()
    late: int = _count()
    gaps: str = Field(sa_type=sa.Text)
    samples: str | None = Field(default=None, sa_type=sa.Text)
    changed_at: datetime = _time()


class NewsRow(Base, table=True):
    """How often a source has said that something of it changed; connectors wait for it to grow."""

    __tablename__ = "source_news"

    topic: str = Field(primary_key=True)
    told: int = Field(sa_type=sa.BigInteger)
    told_at: datetime = _time()


def _sql_type(name: str, dtype: pl.DataType) -> sa.types.TypeEngine[Any]:
    if name in JSON_COLUMNS:
        return JSONB()
    if isinstance(dtype, pl.Decimal):
        return sa.Numeric(dtype.precision or 38, dtype.scale)
    plain: dict[type[pl.DataType], sa.types.TypeEngine[Any]] = {
        pl.String: sa.Text(),
        pl.Int64: sa.BigInteger(),
        pl.UInt32: sa.BigInteger(),
        pl.Float64: sa.Double(),
        pl.Boolean: sa.Boolean(),
        pl.Date: sa.Date(),
        pl.Datetime: sa.DateTime(timezone=True),
    }
    return plain[type(dtype)]


def _kind_table(kind: Kind) -> sa.Table:
    """The book of one kind; the key is the business key as text, its parts joined by `~`."""
    types = {name: _sql_type(name, dtype) for name, dtype in polars_schema(kind).items()}
    types |= {field.name: JSONB() for field in kind.of_type(FieldType.LIST)}
    columns = [
        sa.Column(name, kept_as, primary_key=name == "record_key", nullable=name not in _ALWAYS)
        for name, kept_as in types.items()
    ]
    order = sa.Index(f"{kind.name}_order", "biz_date", "record_key")
    names = {column.name for column in columns}
    others = [sa.Index(f"{kind.name}_{name}", name, "biz_date") for name in INDEXED if name in names]
    return sa.Table(kind.name, Base.metadata, *columns, order, *others)


_ALWAYS = {"record_id", "record_key", "source", "occurred_at", "biz_date", "ingested_at", "batch_id", "payload_hash"}
ENTRY: sa.Table = EntryRow.__table__  # type: ignore[attr-defined]  # set by SQLModel
DAY: sa.Table = DayRow.__table__  # type: ignore[attr-defined]  # as above
RULE_COUNT: sa.Table = RuleCountRow.__table__  # type: ignore[attr-defined]  # as above
DELETED: sa.Table = DeletedRow.__table__  # type: ignore[attr-defined]  # as above
RECEIPT: sa.Table = ReceiptRow.__table__  # type: ignore[attr-defined]  # as above
QUARANTINE: sa.Table = QuarantineRow.__table__  # type: ignore[attr-defined]  # as above
CONNECTION: sa.Table = ConnectionRow.__table__  # type: ignore[attr-defined]  # as above
QUARANTINE_CHANGE: sa.Table = QuarantineChangeRow.__table__  # type: ignore[attr-defined]  # as above
SUPERSEDED: sa.Table = SupersededRow.__table__  # type: ignore[attr-defined]  # as above
MINUTE: sa.Table = MinuteRow.__table__  # type: ignore[attr-defined]  # as above
NEWS: sa.Table = NewsRow.__table__  # type: ignore[attr-defined]  # as above
INBOX = inbox_table(Base.metadata)
BOOKS: dict[str, sa.Table] = {kind.name: _kind_table(kind) for kind in KINDS.values() if kind.in_book}
