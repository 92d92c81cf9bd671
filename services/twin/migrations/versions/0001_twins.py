"""Twins, their journal, newest sales, inbox and outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "twin"


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _origin() -> list[sa.Column[object]]:
    return [
        _time("changed_at"),
        _time("known_at"),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("trace_id", sa.String, nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "twin",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("model", sa.String, nullable=False, index=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        *[
            sa.Column(name, postgresql.JSONB, nullable=False)
            for name in ("properties", "desired", "relations", "times")
        ],
        *_origin(),
        sa.Column("deleted", sa.Boolean, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("patch", postgresql.JSONB, nullable=False),
        *_origin(),
        schema=SCHEMA,
    )
    op.create_table(
        "sale",
        *[sa.Column(name, sa.String, primary_key=True) for name in ("adcode", "org_code", "sku_code", "period")],
        sa.Column("biz_date", sa.Date, nullable=False),
        sa.Column("qty_base", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.Numeric(14, 2)),
        sa.Column("currency", sa.String),
        schema=SCHEMA,
    )
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
    for table in ("outbox", "inbox", "sale", "journal", "twin"):
        op.drop_table(table, schema=SCHEMA)
