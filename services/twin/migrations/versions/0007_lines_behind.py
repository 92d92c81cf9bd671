"""Which lines of a journal are behind earlier ones, so that a past time is told from few of them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCHEMA = "twin"


def upgrade() -> None:
    op.add_column("journal", sa.Column("behind", sa.Boolean, nullable=False, server_default=sa.false()), schema=SCHEMA)
    op.execute(
        f"""
        UPDATE {SCHEMA}.journal AS line SET behind = true FROM (
            SELECT id, revision, changed_at, max(changed_at) OVER (
                PARTITION BY id ORDER BY revision ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS newest FROM {SCHEMA}.journal
        ) AS known
        WHERE line.id = known.id AND line.revision = known.revision AND known.changed_at < known.newest
        """
    )
    op.alter_column("journal", "behind", server_default=None, schema=SCHEMA)
    op.create_index(
        "journal_behind", "journal", ["id", "changed_at"], schema=SCHEMA, postgresql_where=sa.text("behind")
    )
    op.create_index("snapshot_changed_at", "snapshot", ["id", "changed_at", "revision"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_index("snapshot_changed_at", "snapshot", schema=SCHEMA)
    op.drop_index("journal_behind", "journal", schema=SCHEMA)
    op.drop_column("journal", "behind", schema=SCHEMA)
