"""What a person does to a record set aside: mended, replayed, dropped, reopened."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "ingest"
ADDED = (
    ("revision", sa.BigInteger(), "1"),
    ("original", postgresql.JSONB(), None),
    ("changed_by", sa.String(), ""),
    ("changed_at", sa.DateTime(timezone=True), None),
    ("replayed_as", sa.String(), ""),
    ("drop_reason", sa.String(), ""),
    ("claimed_at", sa.DateTime(timezone=True), None),
    ("claimed_by", sa.String(), ""),
    ("tried_at", sa.DateTime(timezone=True), None),
)


def upgrade() -> None:
    for name, type_, default in ADDED:
        column = sa.Column(name, type_, nullable=default is None, server_default=default)
        op.add_column("quarantine", column, schema=SCHEMA)
    op.create_index(
        "quarantine_rules",
        "quarantine",
        ["reasons"],
        schema=SCHEMA,
        postgresql_using="gin",
        postgresql_ops={"reasons": "jsonb_path_ops"},
    )
    op.create_index(
        "quarantine_replayed_as",
        "quarantine",
        ["replayed_as"],
        schema=SCHEMA,
        postgresql_where=sa.text("replayed_as <> ''"),
    )
    op.create_table(
        "quarantine_change",
        sa.Column("item_id", sa.String, primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_by", sa.String, nullable=False),
        sa.Column("detail", postgresql.JSONB, nullable=False),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("quarantine_change", schema=SCHEMA)
    op.drop_index("quarantine_replayed_as", "quarantine", schema=SCHEMA)
    op.drop_index("quarantine_rules", "quarantine", schema=SCHEMA)
    for name, *_ in reversed(ADDED):
        op.drop_column("quarantine", name, schema=SCHEMA)
