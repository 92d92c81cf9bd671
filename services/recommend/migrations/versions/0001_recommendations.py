"""Copies of profiles, products and forecasts; recommendations, answers, cards; inbox and outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "recommend"


def _texts(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.String, nullable=False) for name in names]


def _keys(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.String, primary_key=True) for name in names]


def _integers(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def _bigs(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _floats(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Float, nullable=False) for name in names]


def _flags(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Boolean, nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in names]


def upgrade() -> None:
    _copies()
    _recommendations()
    _messages()


def _copies() -> None:
    op.create_table(
        "shop",
        *_keys("retailer_code"),
        *_bigs("revision"),
        *_texts("name"),
        sa.Column("market", sa.String, nullable=False, index=True),
        *_texts("adcode", "account_manager", "license_status", "license_valid_to"),
        *_flags("school_zone", "is_key"),
        *_integers("cycle"),
        sa.Column("other_skus", postgresql.JSONB, nullable=False),
        *_bigs("content"),
        schema=SCHEMA,
    )
    op.create_table(
        "purchase",
        *_keys("retailer_code", "sku_code"),
        *_integers("cycles", "first_cycle", "last_cycle"),
        *_floats("quantity_mean"),
        sa.Column("interval_mean", sa.Float),
        *_floats("amount"),
        schema=SCHEMA,
    )
    op.create_table(
        "product",
        *_keys("sku_code"),
        *_bigs("revision"),
        *_texts("name_zh", "name_en"),
        sa.Column("price_class", sa.Integer),
        *_texts("base_unit"),
        *_flags("licence_required"),
        *_texts("status", "supply_state"),
        schema=SCHEMA,
    )
    op.create_table(
        "demand",
        *_keys("region", "sku_code"),
        sa.Column("horizon", sa.Integer, primary_key=True),
        *_bigs("revision"),
        *_floats("value", "recent_mean"),
        schema=SCHEMA,
    )
    op.create_table(
        "stale",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        *_texts("retailer_code"),
        *_flags("is_live"),
        *_texts("trace_id", "traceparent"),
        schema=SCHEMA,
    )


def _recommendations() -> None:
    op.create_table(
        "recommendation",
        *_keys("id"),
        sa.Column("retailer_code", sa.String, nullable=False, index=True),
        *_texts("mode", "sku_code"),
        *_integers("cycle", "rank"),
        *_floats("score"),
        *_bigs("quantity_base"),
        sa.Column("reasons", postgresql.JSONB, nullable=False),
        sa.Column("limits", postgresql.JSONB, nullable=False),
        *_flags("is_blocked"),
        *_texts("state", "account_manager", "model_version"),
        *_bigs("revision", "content"),
        *_times("created_at", "changed_at"),
        *_texts("trace_id"),
        schema=SCHEMA,
    )
    # Lists are read best first, for one manager or for all.
    op.create_index(
        "ix_recommendation_of_manager",
        "recommendation",
        ["account_manager", "rank", sa.text("(-score)"), "id"],
        schema=SCHEMA,
    )
    op.create_index("ix_recommendation_best", "recommendation", ["rank", sa.text("(-score)"), "id"], schema=SCHEMA)
    op.create_table(
        "answer",
        *_keys("key"),
        sa.Column("recommendation_id", sa.String, nullable=False, index=True),
        *_texts("event", "state", "reason", "user_id", "origin"),
        *_times("answered_at"),
        schema=SCHEMA,
    )
    op.create_table(
        "card",
        *_keys("task_id"),
        sa.Column("recommendation_id", sa.String, nullable=False, index=True),
        sa.Column("retailer_code", sa.String, nullable=False, index=True),
        *_texts("account_manager"),
        *_integers("cycle"),
        *_flags("is_live"),
        *_texts("state"),
        *_times("queued_at", "due_at"),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        *_integers("attempts"),
        *_texts("note", "response_code", "update_text", "traceparent"),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_card_waiting",
        "card",
        ["due_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("state IN ('queued', 'held') OR update_text <> ''"),
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
    tables = ("outbox", "inbox", "card", "answer", "recommendation", "stale", "demand", "product", "purchase", "shop")
    for table in tables:
        op.drop_table(table, schema=SCHEMA)
