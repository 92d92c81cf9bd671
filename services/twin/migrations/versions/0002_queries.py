"""Relations as rows, and what searches need: ids by code point, and an index of what properties hold."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "twin"


def upgrade() -> None:
    for column in ("id", "model", "source"):
        op.alter_column("twin", column, type_=sa.String(collation="C"), schema=SCHEMA)
    op.create_table(
        "relation",
        sa.Column("id", sa.String(collation="C"), primary_key=True),
        sa.Column("name", sa.String(collation="C"), primary_key=True),
        sa.Column("target", sa.String(collation="C"), primary_key=True),
        schema=SCHEMA,
    )
    op.create_index("relation_target", "relation", ["target", "name"], schema=SCHEMA)
    op.execute(
        f"""
        INSERT INTO {SCHEMA}.relation (id, name, target)
        SELECT twin.id, edge.name, edge.target
        FROM {SCHEMA}.twin, jsonb_to_recordset(twin.relations) AS edge(name text, target text)
        WHERE NOT twin.deleted ON CONFLICT DO NOTHING
        """
    )
    op.create_index(
        "twin_properties",
        "twin",
        ["properties"],
        schema=SCHEMA,
        postgresql_using="gin",
        postgresql_ops={"properties": "jsonb_path_ops"},
    )


def downgrade() -> None:
    op.drop_index("twin_properties", "twin", schema=SCHEMA)
    op.drop_table("relation", schema=SCHEMA)
    for column in ("id", "model", "source"):
        op.alter_column("twin", column, type_=sa.String(collation="default"), schema=SCHEMA)
