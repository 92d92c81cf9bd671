"""What no search looks into is text, and twins and lines travel as rows: to read JSON nobody asks for cost a fifth of
what a write costs the database, and a column at a time a third of what it costs the driver."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SCHEMA = "twin"
UNSEARCHED = {"twin": ("inputs",), "journal": ("patch", "said"), "snapshot": ("state",)}
ORIGIN = "changed_at bigint, known_at bigint, source text, trace_id text"
"""Times are microseconds since 1970, as the domain has them."""


def _retype(kind: str) -> None:
    for table, columns in UNSEARCHED.items():
        changed = ", ".join(f"ALTER COLUMN {name} TYPE {kind} USING {name}::{kind}" for name in columns)
        op.execute(f"ALTER TABLE {SCHEMA}.{table} {changed}")


def upgrade() -> None:
    _retype("text")
    op.execute(
        f"CREATE TYPE {SCHEMA}.written_state AS (id text, seen bigint, model text, revision bigint, properties jsonb, "
        f"desired jsonb, relations jsonb, inputs text, deleted boolean, {ORIGIN})"
    )
    op.execute(
        f"CREATE TYPE {SCHEMA}.written_line AS (id text, revision bigint, patch text, said text, late boolean, "
        f"behind boolean, {ORIGIN})"
    )


def downgrade() -> None:
    for name in ("written_line", "written_state"):
        op.execute(f"DROP TYPE {SCHEMA}.{name}")
    _retype("jsonb")
