"""Tables of the profile service."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.outbox import inbox_table, outbox_table

SCHEMA = "profile"


class Base(SQLModel, registry=registry(metadata=sa.MetaData(schema=SCHEMA))):
    """Registry of this service's tables."""


def _typed(kind: Any, **options: Any) -> Any:
    return Field(sa_type=kind, **options)


_TIME = sa.DateTime(timezone=True)


class OrderLineRow(Base, table=True):
    """The newest content of every order line that a record told of."""

    __tablename__ = "order_line"

    order_no: str = Field(primary_key=True)
    line_no: int = Field(primary_key=True)
    record_id: str
    retailer_code: str = Field(index=True)
    sku_code: str
    market: str
    cycle: int
    biz_date: date | None = None
    quantity_base: int = _typed(sa.BigInteger)
    demand_base: int = _typed(sa.BigInteger)
    amount: Decimal = _typed(sa.Numeric(14, 2))
    currency: str
    is_counted: bool


class RetailerRow(Base, table=True):
    """The newest card of every retailer; one that only orders told of has an empty record id."""

    __tablename__ = "retailer"

    retailer_code: str = Field(primary_key=True)
    record_id: str
    name: str
    market: str = Field(index=True)
    adcode: str
    account_manager: str
    license_status: str
    license_valid_to: str
    school_zone: bool
    store_format: str
    market_type: str
    tier_rank: float | None = None


class SkuRow(Base, table=True):
    """What a profile needs to know of a SKU."""

    __tablename__ = "sku"

    sku_code: str = Field(primary_key=True)
    record_id: str
    price_class: int | None = None
    is_own: bool


class MarketRow(Base, table=True):
    """The clock of every market: its newest business date and cycle."""

    __tablename__ = "market"

    market: str = Field(primary_key=True)
    cycle: int
    biz_date: date | None = None
    changes: int = _typed(sa.BigInteger)
    """Counts what calls for a new yardstick: a later cycle, a changed SKU."""


class StaleRow(Base, table=True):
    """Retailers to profile anew, with the trace of what changed them."""

    __tablename__ = "stale"

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True))
    retailer_code: str
    occurred_at: datetime | None = _typed(_TIME, nullable=True)
    trace_id: str
    traceparent: str


class ProfileRow(Base, table=True):
    """The newest profile of every retailer."""

    __tablename__ = "profile"

    retailer_code: str = Field(primary_key=True)
    revision: int = _typed(sa.BigInteger)
    name: str
    market: str
    adcode: str = Field(index=True)
    account_manager: str = Field(index=True)
    license_status: str
    license_valid_to: str
    school_zone: bool
    store_format: str
    market_type: str
    cycle: int
    growth_type: str = Field(index=True)
    growth_rule: str
    growth_reason: str | None = None
    tier_rank: float | None = None
    tier_basis: str
    score: float
    score_gap: float | None = None
    peer_retailers: int
    part_quantity: float | None = None
    part_cycle: float | None = None
    part_structure: float | None = None
    part_amount: float | None = None
    part_competitor: float | None = None
    currency: str
    is_key: bool
    is_overridden: bool
    override_reason: str
    override_by: str
    features: dict[str, float | None] = _typed(JSONB)
    content: int = _typed(sa.BigInteger)
    model_version: str
    occurred_at: datetime | None = _typed(_TIME, nullable=True)
    trace_id: str
    changed_at: datetime = _typed(_TIME)


class LabelRow(Base, table=True):
    """What a retailer's labels and score were at every cycle a profile was made at."""

    __tablename__ = "label"

    retailer_code: str = Field(primary_key=True)
    cycle: int = Field(primary_key=True)
    growth_type: str
    is_key: bool
    score: float


class OverrideRow(Base, table=True):
    """Key flags set by a person."""

    __tablename__ = "key_override"

    retailer_code: str = Field(primary_key=True)
    is_key: bool
    reason: str
    set_by: str
    set_at: datetime = _typed(_TIME)


INBOX = inbox_table(Base.metadata)
OUTBOX = outbox_table(Base.metadata)
ORDER_LINE = OrderLineRow.__table__  # type: ignore[attr-defined]  # set by SQLModel
RETAILER = RetailerRow.__table__  # type: ignore[attr-defined]  # as above
SKU = SkuRow.__table__  # type: ignore[attr-defined]  # as above
MARKET = MarketRow.__table__  # type: ignore[attr-defined]  # as above
STALE = StaleRow.__table__  # type: ignore[attr-defined]  # as above
PROFILE = ProfileRow.__table__  # type: ignore[attr-defined]  # as above
LABEL = LabelRow.__table__  # type: ignore[attr-defined]  # as above
OVERRIDE = OverrideRow.__table__  # type: ignore[attr-defined]  # as above
