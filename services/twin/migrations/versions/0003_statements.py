"""What twins are made of: the newest input of each source instead of times, and statements in the journal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "twin"


def _micros(moment: str) -> str:
    return f"(extract(epoch FROM {moment}) * 1000000)::bigint"


def _input(value: str, at: str) -> str:
    """As the domain keeps it: {source: [value, at, known_at, quality, writes]}."""
    written = "CASE WHEN source LIKE 'user:%' THEN 1 ELSE 0 END"
    return (
        f"jsonb_build_object(source, jsonb_build_array({value}, {_micros(at)}, {_micros('known_at')}, 1.0, {written}))"
    )


SEEN_AT = "coalesce(times ->> name, changed_at::text)::timestamptz"


def upgrade() -> None:
    op.add_column("journal", sa.Column("said", postgresql.JSONB), schema=SCHEMA)
    op.add_column("journal", sa.Column("late", sa.Boolean, nullable=False, server_default=sa.false()), schema=SCHEMA)
    op.create_index("journal_changed_at", "journal", ["id", "changed_at"], schema=SCHEMA)
    op.add_column(
        "twin", sa.Column("inputs", postgresql.JSONB, nullable=False, server_default=sa.text("'{}'")), schema=SCHEMA
    )
    op.execute(
        f"""
        UPDATE {SCHEMA}.twin SET inputs = CASE
            WHEN deleted THEN jsonb_build_object('/deleted', {_input("true", "changed_at")})
            ELSE
                coalesce((
                    SELECT jsonb_object_agg(name, {_input("properties -> name", SEEN_AT)})
                    FROM (SELECT jsonb_object_keys(properties) UNION SELECT jsonb_object_keys(times)) AS known(name)
                ), '{{}}')
                || coalesce((
                    SELECT jsonb_object_agg('relations/' || name, {_input("targets", "changed_at")})
                    FROM (
                        SELECT edge.name, jsonb_agg(edge.target) AS targets
                        FROM jsonb_to_recordset(relations) AS edge(name text, target text) GROUP BY 1
                    ) AS named
                ), '{{}}')
                || CASE WHEN desired <> '{{}}' THEN jsonb_build_object('/desired', {_input("desired", "changed_at")})
                        ELSE '{{}}' END
                || CASE WHEN properties || desired = '{{}}' AND relations = '[]'
                        THEN jsonb_build_object('/deleted', {_input("false", "changed_at")}) ELSE '{{}}' END
            END
        WHERE revision > 0
        """
    )
    op.drop_column("twin", "times", schema=SCHEMA)
    op.alter_column("twin", "inputs", server_default=None, schema=SCHEMA)
    op.alter_column("journal", "late", server_default=None, schema=SCHEMA)


def downgrade() -> None:
    op.add_column(
        "twin", sa.Column("times", postgresql.JSONB, nullable=False, server_default=sa.text("'{}'")), schema=SCHEMA
    )
    op.execute(
        f"""
        UPDATE {SCHEMA}.twin SET times = coalesce((
            SELECT jsonb_object_agg(facet, to_char(
                (timestamptz 'epoch' + newest * interval '1 microsecond') AT TIME ZONE 'UTC',
                'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
            ))
            FROM (
                SELECT facet, max((input.value ->> 1)::bigint) AS newest
                FROM jsonb_each(inputs) AS of_facet(facet, sources), jsonb_each(sources) AS input
                WHERE position('/' in facet) = 0 GROUP BY 1
            ) AS known
        ), '{{}}')
        """
    )
    op.drop_column("twin", "inputs", schema=SCHEMA)
    op.alter_column("twin", "times", server_default=None, schema=SCHEMA)
    op.drop_index("journal_changed_at", "journal", schema=SCHEMA)
    op.drop_column("journal", "late", schema=SCHEMA)
    op.drop_column("journal", "said", schema=SCHEMA)
