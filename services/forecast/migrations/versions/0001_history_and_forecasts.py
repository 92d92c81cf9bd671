"""History of sales and prices, forecasts, models, inbox and outbox."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "forecast"
TABLES = (
    *("sku", "market", "series", "line", "week", "group_week", "unit", "unit_cell", "price", "demand_forecast"),
    *("annual_forecast", "model", "backtest", "training", "history", "inbox", "outbox"),
)
DIRTY = sa.text("dirty_at IS NOT NULL")
CLAIMED = sa.text("claimed_at IS NOT NULL")

Columns = list[sa.Column[Any]]


def _columns(kind: type[TypeEngine[Any]] | TypeEngine[Any], *names: str, key: bool = False) -> Columns:
    return [sa.Column(name, kind, primary_key=key, nullable=False) for name in names]


def _texts(*names: str, key: bool = False) -> Columns:
    return _columns(sa.String(), *names, key=key)


def _times(*names: str) -> Columns:
    return _columns(sa.DateTime(timezone=True), *names)


def _numbered(name: str) -> Columns:
    return [sa.Column(name, sa.BigInteger, sa.Identity(), primary_key=True)]


def _dirty() -> Columns:
    marks: Columns = [sa.Column(name, sa.DateTime(timezone=True)) for name in ("dirty_at", "claimed_at")]
    return [*_columns(sa.BigInteger(), "revision"), *marks]


def _create(name: str, *columns: Columns, unique: tuple[str, ...] = ()) -> None:
    constraints = [sa.UniqueConstraint(*unique)] if unique else []
    op.create_table(name, *(column for part in columns for column in part), *constraints, schema=SCHEMA)


def upgrade() -> None:
    _history()
    _sums()
    _forecasts()
    _models()
    _messages()


def _history() -> None:
    _create(
        "sku",
        _texts("sku_code", key=True),
        _texts("base_unit"),
        [sa.Column("price_guide", sa.Float)],
        _columns(sa.Integer(), "sticks_per_pack", "packs_per_carton"),
        _times("occurred_at"),
    )
    _create("market", _texts("market", "pool", key=True), _columns(sa.Date(), "covered_from", "covered_through"))
    _create(
        "line",
        _columns(sa.Uuid(), "key", key=True),
        _texts("adcode", "sku_code", "measure", "reported"),
        _columns(sa.Date(), "biz_date"),
        _columns(sa.Float(), "quantity", "demand", "amount"),
        _times("ingested_at"),
    )
    _create(
        "price",
        _columns(sa.Uuid(), "key", key=True),
        _texts("adcode", "sku_code"),
        _columns(sa.Date(), "observed_on"),
        [sa.Column("price", sa.Float)],
        _times("ingested_at"),
    )
    op.create_index("price_place", "price", ["sku_code", "adcode", "observed_on"], schema=SCHEMA)
    _create("history", _columns(sa.Integer(), "id", key=True), _columns(sa.BigInteger(), "revision"))


def _sums() -> None:
    _create(
        "series",
        _numbered("series_id"),
        _texts("adcode", "sku_code", "measure", "market", "pool"),
        _columns(sa.Boolean(), "is_shadowed"),
        _dirty(),
        _columns(sa.SmallInteger(), "dirty_rank"),
        _texts("trace_id"),
        unique=("adcode", "sku_code", "measure"),
    )
    op.create_index("series_market", "series", ["market", "pool"], schema=SCHEMA)
    op.create_index("series_claimed", "series", ["claimed_at"], schema=SCHEMA, postgresql_where=CLAIMED)
    op.create_index("series_dirty", "series", ["dirty_rank", "dirty_at"], schema=SCHEMA, postgresql_where=DIRTY)
    _create(
        "week",
        _columns(sa.BigInteger(), "series_id", key=True),
        _texts("reported", key=True),
        _columns(sa.Date(), "week", key=True),
        _columns(sa.Float(), "quantity", "amount"),
    )
    _create(
        "group_week",
        _texts("kind", "pool", "member", key=True),
        _columns(sa.Date(), "week", key=True),
        _columns(sa.Float(), "quantity"),
    )
    _create(
        "unit",
        _numbered("unit_id"),
        _texts("region", "sku_code", "base_unit", "measure"),
        [sa.Column("covered_from", sa.Date), sa.Column("covered_through", sa.Date)],
        _dirty(),
        _texts("trace_id"),
        unique=("region", "sku_code", "base_unit", "measure"),
    )
    op.create_index("unit_dirty", "unit", ["dirty_at"], schema=SCHEMA, postgresql_where=DIRTY)
    op.create_index("unit_claimed", "unit", ["claimed_at"], schema=SCHEMA, postgresql_where=CLAIMED)
    op.create_index("unit_sku", "unit", ["sku_code"], schema=SCHEMA)
    _create(
        "unit_cell",
        _columns(sa.BigInteger(), "unit_id", key=True),
        _texts("grain", "reported", key=True),
        _columns(sa.Date(), "starts_on", key=True),
        _columns(sa.Float(), "quantity"),
    )


def _forecasts() -> None:
    def told() -> Columns:
        return [*_columns(sa.BigInteger(), "revision"), *_texts("trace_id"), *_times("made_at")]

    _create(
        "demand_forecast",
        _columns(sa.BigInteger(), "series_id", key=True),
        _columns(sa.SmallInteger(), "horizon", key=True),
        _columns(sa.Date(), "period"),
        _columns(sa.Float(), "value"),
        _columns(postgresql.ARRAY(sa.Float), "quantiles"),
        _texts("method", "model_version"),
        _columns(sa.Float(), "recent_mean"),
        told(),
    )
    _create(
        "annual_forecast",
        _columns(sa.BigInteger(), "unit_id", key=True),
        _columns(sa.Integer(), "year", key=True),
        _texts("method", key=True),
        [sa.Column("value", sa.Float)],
        _columns(postgresql.JSONB(), "facts"),
        told(),
    )
    op.create_index("annual_year", "annual_forecast", ["method", "year"], schema=SCHEMA)


def _models() -> None:
    _create(
        "model",
        _texts("version", key=True),
        _texts("target", "file", "data_from", "data_to"),
        _columns(sa.Integer(), "rows"),
        _columns(postgresql.JSONB(), "features"),
        _texts("code_version"),
        _columns(sa.Boolean(), "is_current"),
        _times("created_at"),
    )
    _create(
        "backtest",
        _numbered("id"),
        _texts("model_version", "level"),
        _columns(sa.Integer(), "horizon"),
        _texts("method", "metric"),
        _columns(sa.Float(), "value"),
        _columns(sa.BigInteger(), "observations"),
        _texts("period_from", "period_to"),
    )
    op.create_index("ix_forecast_backtest_model_version", "backtest", ["model_version"], schema=SCHEMA)
    _create(
        "training",
        _texts("id", key=True),
        _texts("status", "message"),
        _columns(sa.Float(), "progress"),
        _columns(postgresql.JSONB(), "model_versions"),
        _columns(sa.BigInteger(), "history_revision"),
        _times("created_at"),
    )


def _messages() -> None:
    now = sa.func.now()
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        schema=SCHEMA,
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        schema=SCHEMA,
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table, schema=SCHEMA)
