"""Up to which change of the history everything was forecast again; after this migration it is once, as nothing was."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "forecast"


def upgrade() -> None:
    op.add_column("history", sa.Column("renewed", sa.BigInteger, nullable=False, server_default="0"), schema=SCHEMA)
    op.alter_column("history", "renewed", server_default=None, schema=SCHEMA)


def downgrade() -> None:
    op.drop_column("history", "renewed", schema=SCHEMA)
