"""What a machine made is told with the line that it stands in."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SCHEMA = "ingest"


def upgrade() -> None:
    op.add_column("mes_output", sa.Column("line_code", sa.Text), schema=SCHEMA)


def downgrade() -> None:
    op.drop_column("mes_output", "line_code", schema=SCHEMA)
