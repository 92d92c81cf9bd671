"""Who leads to a twin is read from the index alone, and snapshots are found by when they were learnt."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SCHEMA = "twin"


def upgrade() -> None:
    op.create_index("relation_leading", "relation", ["target", "name", "id"], schema=SCHEMA)
    op.drop_index("relation_target", "relation", schema=SCHEMA)
    op.create_index("snapshot_known_at", "snapshot", ["id", "known_at", "revision"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_index("snapshot_known_at", "snapshot", schema=SCHEMA)
    op.create_index("relation_target", "relation", ["target", "name"], schema=SCHEMA)
    op.drop_index("relation_leading", "relation", schema=SCHEMA)
