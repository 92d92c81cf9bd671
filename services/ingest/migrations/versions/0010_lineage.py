"""A record is found by the time that its id begins with: block ranges of arrival, a few pages for millions of rows."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0007"
branch_labels = None
depends_on = None

SCHEMA = "ingest"


def _books() -> list[str]:
    """The tables of the kinds: those whose rows have a digest and came at a time."""
    found = op.get_bind().execute(
        sa.text(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = :schema "
            "AND column_name IN ('payload_hash', 'quality_status', 'ingested_at') "
            "GROUP BY table_name HAVING count(*) = 3 ORDER BY table_name"
        ),
        {"schema": SCHEMA},
    )
    return [row.table_name for row in found]


def upgrade() -> None:
    for table in _books():
        op.create_index(
            f"{table}_arrival",
            table,
            ["ingested_at"],
            schema=SCHEMA,
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 16, "autosummarize": "on"},
        )


def downgrade() -> None:
    for table in _books():
        op.drop_index(f"{table}_arrival", table, schema=SCHEMA)
