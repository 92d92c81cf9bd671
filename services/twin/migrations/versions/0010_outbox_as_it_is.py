"""What waits in the outbox as it is: to press it cost a sixth of what a batch costs the database, for a few moments."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE twin.outbox ALTER COLUMN payload SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.execute("ALTER TABLE twin.outbox ALTER COLUMN payload SET STORAGE EXTENDED")
