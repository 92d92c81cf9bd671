"""Erasures with their proof, and what retention removed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "ingest"


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("type", sa.String, nullable=False),
        *[sa.Column(name, postgresql.JSONB, nullable=False) for name in ("digests", "subjects", "stores")],
        *[sa.Column(name, sa.String, nullable=False) for name in ("requested_by", "reason")],
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        schema=SCHEMA,
    )
    op.create_index("erasure_order", "erasure", ["requested_at", "id"], schema=SCHEMA)
    op.create_table(
        "retention",
        sa.Column("id", sa.String, primary_key=True),
        *[sa.Column(name, sa.String, nullable=False) for name in ("kind", "store", "removes")],
        sa.Column("before", sa.Date, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )


def downgrade() -> None:
    for table in ("retention", "erasure"):
        op.drop_table(table, schema=SCHEMA)
