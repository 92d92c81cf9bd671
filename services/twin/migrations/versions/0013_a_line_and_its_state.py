"""A line and the state that it leads to travel as one row: most of what they say is the same, and each row costs the
driver as much as six of its values. JSON travels as text, which the driver sends as it is.

The types of before stay: replicas that are not replaced yet write with them."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SCHEMA = "twin"
ORIGIN = "changed_at bigint, known_at bigint, source text, trace_id text"


def upgrade() -> None:
    op.execute(
        f"CREATE TYPE {SCHEMA}.written AS (id text, revision bigint, patch text, said text, late boolean, "
        f"behind boolean, {ORIGIN}, seen bigint, model text, properties text, desired text, relations text, "
        "inputs text, deleted boolean, newest_changed_at bigint, newest_known_at bigint)"
    )


def downgrade() -> None:
    op.execute(f"DROP TYPE {SCHEMA}.written")
