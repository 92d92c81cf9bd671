"""Order lines, cards, clocks, profiles, labels, overrides, inbox and outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "profile"


def _texts(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.String, nullable=False) for name in names]


def _floats(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Float) for name in names]


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _card() -> list[sa.Column[object]]:
    return [
        *_texts("name"),
        sa.Column("market", sa.String, nullable=False),
        sa.Column("adcode", sa.String, nullable=False),
        sa.Column("account_manager", sa.String, nullable=False),
        *_texts("license_status", "license_valid_to"),
        sa.Column("school_zone", sa.Boolean, nullable=False),
        *_texts("store_format", "market_type"),
    ]


def upgrade() -> None:
    _records()
    _profiles()
    _messages()


def _records() -> None:
    op.create_table(
        "order_line",
        sa.Column("order_no", sa.String, primary_key=True),
        sa.Column("line_no", sa.Integer, primary_key=True),
        *_texts("record_id"),
        sa.Column("retailer_code", sa.String, nullable=False, index=True),
        *_texts("sku_code", "market"),
        sa.Column("cycle", sa.Integer, nullable=False),
        sa.Column("biz_date", sa.Date),
        sa.Column("quantity_base", sa.BigInteger, nullable=False),
        sa.Column("demand_base", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.Numeric(14, 2), nullable=False),
        *_texts("currency"),
        sa.Column("is_counted", sa.Boolean, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "retailer",
        sa.Column("retailer_code", sa.String, primary_key=True),
        *_texts("record_id"),
        *_card(),
        *_floats("tier_rank"),
        schema=SCHEMA,
    )
    op.create_index("ix_profile_retailer_market", "retailer", ["market"], schema=SCHEMA)
    op.create_table(
        "sku",
        sa.Column("sku_code", sa.String, primary_key=True),
        *_texts("record_id"),
        sa.Column("price_class", sa.Integer),
        sa.Column("is_own", sa.Boolean, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "market",
        sa.Column("market", sa.String, primary_key=True),
        sa.Column("cycle", sa.Integer, nullable=False),
        sa.Column("biz_date", sa.Date),
        sa.Column("changes", sa.BigInteger, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "stale",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        *_texts("retailer_code"),
        _time("occurred_at", nullable=True),
        *_texts("trace_id", "traceparent"),
        schema=SCHEMA,
    )


def _profiles() -> None:
    op.create_table(
        "profile",
        sa.Column("retailer_code", sa.String, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        *_card(),
        sa.Column("cycle", sa.Integer, nullable=False),
        *_texts("growth_type", "growth_rule"),
        sa.Column("growth_reason", sa.String),
        *_floats("tier_rank"),
        *_texts("tier_basis"),
        sa.Column("score", sa.Float, nullable=False),
        *_floats("score_gap"),
        sa.Column("peer_retailers", sa.Integer, nullable=False),
        *_floats("part_quantity", "part_cycle", "part_structure", "part_amount", "part_competitor"),
        *_texts("currency"),
        sa.Column("is_key", sa.Boolean, nullable=False),
        sa.Column("is_overridden", sa.Boolean, nullable=False),
        *_texts("override_reason", "override_by"),
        sa.Column("features", postgresql.JSONB, nullable=False),
        sa.Column("content", sa.BigInteger, nullable=False),
        *_texts("model_version"),
        _time("occurred_at", nullable=True),
        *_texts("trace_id"),
        _time("changed_at"),
        schema=SCHEMA,
    )
    for name in ("adcode", "account_manager", "growth_type"):
        op.create_index(f"ix_profile_profile_{name}", "profile", [name], schema=SCHEMA)
    op.create_table(
        "label",
        sa.Column("retailer_code", sa.String, primary_key=True),
        sa.Column("cycle", sa.Integer, primary_key=True),
        *_texts("growth_type"),
        sa.Column("is_key", sa.Boolean, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "key_override",
        sa.Column("retailer_code", sa.String, primary_key=True),
        sa.Column("is_key", sa.Boolean, nullable=False),
        *_texts("reason", "set_by"),
        _time("set_at"),
        schema=SCHEMA,
    )


def _messages() -> None:
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=SCHEMA,
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=SCHEMA,
    )


def downgrade() -> None:
    tables = ("outbox", "inbox", "key_override", "label", "profile", "stale", "market", "sku", "retailer", "order_line")
    for table in tables:
        op.drop_table(table, schema=SCHEMA)
