"""How each property is fused, every version of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "twin"


def upgrade() -> None:
    op.create_table(
        "fusion_rule",
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("property", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("rule", postgresql.JSONB),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String, nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True)),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("fusion_rule", schema=SCHEMA)
