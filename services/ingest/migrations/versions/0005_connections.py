"""How connections to sources go, and where they go on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "ingest"


def upgrade() -> None:
    op.create_table(
        "connection",
        sa.Column("name", sa.String, primary_key=True),
        *[sa.Column(name, sa.String, nullable=False) for name in ("type", "source", "kind", "state")],
        sa.Column("last_success_at", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.Text, nullable=False, server_default=""),
        sa.Column("records", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("checkpoint", postgresql.JSONB),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("connection", schema=SCHEMA)
