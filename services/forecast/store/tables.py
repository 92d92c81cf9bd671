"""Tables of the forecast service.

line, price ─▶ week, group_week (weekly demand)     series, market (what there is, and until when)
           └─▶ unit, unit_cell (months and years)   model, backtest, training (what was learnt)
               demand_forecast, annual_forecast     inbox, outbox, history
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.outbox import inbox_table, outbox_table

SCHEMA = "forecast"


class Base(SQLModel, registry=registry(metadata=sa.MetaData(schema=SCHEMA))):
    """Registry of this service's tables."""


def _time(**more: Any) -> Any:
    return Field(sa_type=sa.DateTime(timezone=True), **more)


def _numbered() -> Any:
    return Field(sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True))


class SkuRow(Base, table=True):
    """What of a product matters here; prices per carton."""

    __tablename__ = "sku"

    sku_code: str = Field(primary_key=True)
    base_unit: str
    price_guide: float | None = None
    sticks_per_pack: int
    packs_per_carton: int
    occurred_at: datetime = _time()


class MarketRow(Base, table=True):
    """The days between which a market has reported: its clock."""

    __tablename__ = "market"

    market: str = Field(primary_key=True)
    pool: str = Field(primary_key=True)
    covered_from: date
    covered_through: date


class SeriesRow(Base, table=True):
    """A product in a region, by measure; it waits for a forecast since `dirty_at`, one is made since `claimed_at`."""

    __tablename__ = "series"
    __table_args__ = (
        sa.UniqueConstraint("adcode", "sku_code", "measure"),
        sa.Index("series_market", "market", "pool"),
        sa.Index("series_dirty", "dirty_rank", "dirty_at", postgresql_where=sa.text("dirty_at IS NOT NULL")),
        sa.Index("series_claimed", "claimed_at", postgresql_where=sa.text("claimed_at IS NOT NULL")),
    )

    series_id: int = _numbered()
    adcode: str
    sku_code: str
    measure: str
    market: str
    pool: str
    is_shadowed: bool = False
    revision: int = Field(default=0, sa_type=sa.BigInteger)
    dirty_at: datetime | None = _time(default=None)
    claimed_at: datetime | None = _time(default=None)
    dirty_rank: int = Field(default=0, sa_type=sa.SmallInteger)
    trace_id: str = ""


class LineRow(Base, table=True):
    """The newest content of each business key."""

    __tablename__ = "line"

    key: uuid.UUID = Field(primary_key=True)
    adcode: str
    sku_code: str
    measure: str
    reported: str
    biz_date: date
    quantity: float
    demand: float
    amount: float
    ingested_at: datetime = _time()


class WeekRow(Base, table=True):
    """Demand of a series in an ISO week, base units; by grain of the report."""

    __tablename__ = "week"

    series_id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    reported: str = Field(primary_key=True)
    week: date = Field(primary_key=True)
    quantity: float
    amount: float


class GroupWeekRow(Base, table=True):
    """Demand of all series of a product, region, market or pool."""

    __tablename__ = "group_week"

    kind: str = Field(primary_key=True)
    pool: str = Field(primary_key=True)
    member: str = Field(primary_key=True)
    week: date = Field(primary_key=True)
    quantity: float


class UnitRow(Base, table=True):
    """A region with one product, or with all products of a base unit (sku_code empty); covered days of the latter."""

    __tablename__ = "unit"
    __table_args__ = (
        sa.UniqueConstraint("region", "sku_code", "base_unit", "measure"),
        sa.Index("unit_dirty", "dirty_at", postgresql_where=sa.text("dirty_at IS NOT NULL")),
        sa.Index("unit_claimed", "claimed_at", postgresql_where=sa.text("claimed_at IS NOT NULL")),
        sa.Index("unit_sku", "sku_code"),
    )

    unit_id: int = _numbered()
    region: str
    sku_code: str
    base_unit: str
    measure: str
    covered_from: date | None = None
    covered_through: date | None = None
    revision: int = Field(default=0, sa_type=sa.BigInteger)
    dirty_at: datetime | None = _time(default=None)
    claimed_at: datetime | None = _time(default=None)
    trace_id: str = ""


class UnitCellRow(Base, table=True):
    """Sales of a unit in a month or year, base units; by grain of the report."""

    __tablename__ = "unit_cell"

    unit_id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    grain: str = Field(primary_key=True)
    reported: str = Field(primary_key=True)
    starts_on: date = Field(primary_key=True)
    quantity: float


class PriceRow(Base, table=True):
    """The newest content of each price observation, money per carton; null: deleted."""

    __tablename__ = "price"
    __table_args__ = (sa.Index("price_place", "sku_code", "adcode", "observed_on"),)

    key: uuid.UUID = Field(primary_key=True)
    adcode: str
    sku_code: str
    observed_on: date
    price: float | None = None
    ingested_at: datetime = _time()


class DemandForecastRow(Base, table=True):
    """The newest forecast of each series and week ahead."""

    __tablename__ = "demand_forecast"

    series_id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    horizon: int = Field(primary_key=True, sa_type=sa.SmallInteger)
    period: date
    value: float
    quantiles: list[float] = Field(sa_type=ARRAY(sa.Float))
    method: str
    model_version: str
    recent_mean: float
    revision: int = Field(sa_type=sa.BigInteger)
    trace_id: str
    made_at: datetime = _time()


class AnnualForecastRow(Base, table=True):
    """The newest forecast of each unit, year and method, with its inputs."""

    __tablename__ = "annual_forecast"
    __table_args__ = (sa.Index("annual_year", "method", "year"),)

    unit_id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    year: int = Field(primary_key=True)
    method: str = Field(primary_key=True)
    value: float | None = None
    facts: dict[str, Any] = Field(sa_type=JSONB)
    revision: int = Field(sa_type=sa.BigInteger)
    trace_id: str
    made_at: datetime = _time()


class ModelRow(Base, table=True):
    """Registry of models: what each was learnt from, by which code, and where its file is."""

    __tablename__ = "model"

    version: str = Field(primary_key=True)
    target: str
    file: str
    data_from: str
    data_to: str
    rows: int
    features: list[str] = Field(sa_type=JSONB)
    code_version: str
    is_current: bool
    created_at: datetime = _time()


class BacktestRow(Base, table=True):
    """How a model did on periods it had not seen."""

    __tablename__ = "backtest"

    id: int = _numbered()
    model_version: str = Field(index=True)
    level: str
    horizon: int
    method: str
    metric: str
    value: float
    observations: int = Field(sa_type=sa.BigInteger)
    period_from: str
    period_to: str


class TrainingRow(Base, table=True):
    """A training run; `history_revision` is the state of the history it learns from."""

    __tablename__ = "training"

    id: str = Field(primary_key=True)
    status: str
    message: str = ""
    progress: float = 0.0
    model_versions: list[str] = Field(default_factory=list, sa_type=JSONB)
    history_revision: int = Field(default=0, sa_type=sa.BigInteger)
    created_at: datetime = _time()


class HistoryRow(Base, table=True):
    """One row: counts the batches that changed the history, and up to which of them everything was forecast again."""

    __tablename__ = "history"

    id: int = Field(default=1, primary_key=True)
    revision: int = Field(default=0, sa_type=sa.BigInteger)
    renewed: int = Field(default=0, sa_type=sa.BigInteger)


INBOX = inbox_table(Base.metadata)
OUTBOX = outbox_table(Base.metadata)


def table(row: type[Base]) -> sa.Table:
    """The table behind a row class."""
    found: sa.Table = row.__table__  # type: ignore[attr-defined]  # set by SQLModel
    return found
