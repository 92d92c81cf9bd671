"""Searches bring about the indexes they need, for what is equal, too; without the one over all properties the next
state of a twin is written beside the last one, and no index hears of it."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SCHEMA = "twin"


def upgrade() -> None:
    op.drop_index("twin_properties", "twin", schema=SCHEMA)
    op.execute(f"ALTER TABLE {SCHEMA}.twin SET (fillfactor = 85)")


def downgrade() -> None:
    op.execute(f"ALTER TABLE {SCHEMA}.twin RESET (fillfactor)")
    op.create_index(
        "twin_properties",
        "twin",
        ["properties"],
        schema=SCHEMA,
        postgresql_using="gin",
        postgresql_ops={"properties": "jsonb_path_ops"},
    )
