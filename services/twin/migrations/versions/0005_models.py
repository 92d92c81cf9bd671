"""Types that were added, the migrations of their twins, and which version a twin was brought to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "twin"


def _text(name: str, **more: object) -> sa.Column[str]:
    return sa.Column(name, sa.String(collation="C"), nullable=False, **more)  # type: ignore[arg-type]  # passed on


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    op.create_table(
        "registry",
        sa.Column("id", sa.Integer, primary_key=True),
        _count("stamp"),
        schema=SCHEMA,
    )
    op.execute(f"INSERT INTO {SCHEMA}.registry VALUES (1, 0)")
    op.create_table(
        "model",
        _text("dtmi", primary_key=True),
        _text("name"),
        sa.Column("dtdl", sa.String, nullable=False),
        _text("state"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _text("created_by"),
        schema=SCHEMA,
    )
    op.create_table(
        "model_migration",
        _text("id", primary_key=True),
        _text("name", index=True),
        _text("before_dtmi"),
        _text("after_dtmi"),
        sa.Column("steps", postgresql.JSONB, nullable=False),
        _text("state"),
        *(_count(name) for name in ("twins", "moved", "changed", "misfits")),
        sa.Column("first_misfits", postgresql.JSONB, nullable=False),
        _text("place"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _text("created_by"),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        schema=SCHEMA,
    )
    op.add_column("twin", _text("model_version", server_default=""), schema=SCHEMA)


def downgrade() -> None:
    op.drop_column("twin", "model_version", schema=SCHEMA)
    for table in ("model_migration", "model", "registry"):
        op.drop_table(table, schema=SCHEMA)
