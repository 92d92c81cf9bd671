"""Tables of the recommend service: its copies of what others tell, and what it makes of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.outbox import inbox_table, outbox_table

SCHEMA = "recommend"


class Base(SQLModel, registry=registry(metadata=sa.MetaData(schema=SCHEMA))):
    """Registry of this service's tables."""


def _typed(kind: Any, **options: Any) -> Any:
    return Field(sa_type=kind, **options)


_TIME = sa.DateTime(timezone=True)


class ShopRow(Base, table=True):
    """The newest profile of every retailer, as far as recommendations need it."""

    __tablename__ = "shop"

    retailer_code: str = Field(primary_key=True)
    revision: int = _typed(sa.BigInteger)
    name: str
    market: str = Field(index=True)
    adcode: str
    account_manager: str
    license_status: str
    license_valid_to: str
    school_zone: bool
    is_key: bool
    cycle: int
    other_skus: list[str] = _typed(JSONB)
    """Products it bought too, of which no more is known."""
    content: int = _typed(sa.BigInteger)
    """Changes when anything does that a list depends on, the clock aside."""


class PurchaseRow(Base, table=True):
    """What every retailer buys, product by product."""

    __tablename__ = "purchase"

    retailer_code: str = Field(primary_key=True)
    sku_code: str = Field(primary_key=True)
    cycles: int
    first_cycle: int
    last_cycle: int
    quantity_mean: float
    interval_mean: float | None = None
    amount: float


class ProductRow(Base, table=True):
    """The newest facts of every product."""

    __tablename__ = "product"

    sku_code: str = Field(primary_key=True)
    revision: int = _typed(sa.BigInteger)
    name_zh: str
    name_en: str
    price_class: int | None = None
    base_unit: str
    licence_required: bool
    status: str
    supply_state: str


class DemandRow(Base, table=True):
    """Forecast demand of the next weeks per region and product."""

    __tablename__ = "demand"

    region: str = Field(primary_key=True)
    sku_code: str = Field(primary_key=True)
    horizon: int = Field(primary_key=True)
    revision: int = _typed(sa.BigInteger)
    value: float
    recent_mean: float


class StaleRow(Base, table=True):
    """Retailers to rank anew, with the trace of what changed them."""

    __tablename__ = "stale"

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True))
    retailer_code: str
    is_live: bool
    trace_id: str
    traceparent: str


class RecommendationRow(Base, table=True):
    """Every recommendation with its state."""

    __tablename__ = "recommendation"

    id: str = Field(primary_key=True)
    retailer_code: str = Field(index=True)
    mode: str
    sku_code: str
    cycle: int
    rank: int
    score: float
    quantity_base: int = _typed(sa.BigInteger)
    reasons: list[dict[str, str]] = _typed(JSONB)
    limits: list[str] = _typed(JSONB)
    is_blocked: bool
    state: str
    account_manager: str
    model_version: str
    revision: int = _typed(sa.BigInteger)
    content: int = _typed(sa.BigInteger)
    created_at: datetime = _typed(_TIME)
    changed_at: datetime = _typed(_TIME)
    trace_id: str


class AnswerRow(Base, table=True):
    """What people answered; the key makes an answer count once."""

    __tablename__ = "answer"

    key: str = Field(primary_key=True)
    recommendation_id: str = Field(index=True)
    event: str
    state: str
    reason: str
    user_id: str
    origin: str
    answered_at: datetime = _typed(_TIME)


class CardRow(Base, table=True):
    """Cards on their way to account managers; `update_text` waits to replace the buttons of a sent card."""

    __tablename__ = "card"

    task_id: str = Field(primary_key=True)
    recommendation_id: str = Field(index=True)
    retailer_code: str = Field(index=True)
    account_manager: str
    cycle: int
    is_live: bool
    state: str
    queued_at: datetime = _typed(_TIME)
    due_at: datetime = _typed(_TIME)
    sent_at: datetime | None = _typed(_TIME, nullable=True)
    attempts: int
    note: str
    response_code: str
    update_text: str
    traceparent: str


INBOX = inbox_table(Base.metadata)
OUTBOX = outbox_table(Base.metadata)
SHOP = ShopRow.__table__  # type: ignore[attr-defined]  # set by SQLModel
PURCHASE = PurchaseRow.__table__  # type: ignore[attr-defined]  # as above
PRODUCT = ProductRow.__table__  # type: ignore[attr-defined]  # as above
DEMAND = DemandRow.__table__  # type: ignore[attr-defined]  # as above
STALE = StaleRow.__table__  # type: ignore[attr-defined]  # as above
RECOMMENDATION = RecommendationRow.__table__  # type: ignore[attr-defined]  # as above
ANSWER = AnswerRow.__table__  # type: ignore[attr-defined]  # as above
CARD = CardRow.__table__  # type: ignore[attr-defined]  # as above

GROWTH = "(avg(value) / nullif(avg(recent_mean), 0) - 1)"
"""How the demand of a region for a product grows: mean forecast of the next weeks over recent demand."""
