"""States of some revisions, so that the past is told from near by, and lines may go that are too old."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "twin"


def upgrade() -> None:
    op.create_table(
        "snapshot",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("state", postgresql.JSONB, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("trace_id", sa.String, nullable=False),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("snapshot", schema=SCHEMA)
