"""What twins are made of by source and statement instead of by facet: time and quality are there once for all of it.

from  {facet: {source: [value, at, known_at, quality, writes]}}
to    {source: [[at, known_at, quality, writes, {facet: value}]]}
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCHEMA = "twin"

BY_SOURCE = """
SELECT coalesce(jsonb_object_agg(source, held), '{}') FROM (
    SELECT source, jsonb_agg(
        jsonb_build_array(at, known_at, quality, writes = '1', facets) ORDER BY at DESC, known_at DESC, quality DESC
    ) AS held
    FROM (
        SELECT source, told -> 1 AS at, told -> 2 AS known_at, told -> 3 AS quality, told -> 4 AS writes,
               jsonb_object_agg(facet, told -> 0) AS facets
        FROM jsonb_each({inputs}) AS of_facet(facet, sources), jsonb_each(sources) AS of_source(source, told)
        GROUP BY 1, 2, 3, 4, 5
    ) AS statements
    GROUP BY source
) AS sources
"""
BY_FACET = """
SELECT coalesce(jsonb_object_agg(facet, sources), '{}') FROM (
    SELECT facet, jsonb_object_agg(source, jsonb_build_array(
        value, held -> 0, held -> 1, held -> 2, CASE WHEN held -> 3 = 'true' THEN 1 ELSE 0 END
    )) AS sources
    FROM jsonb_each({inputs}) AS of_source(source, statements), jsonb_array_elements(statements) AS of_statement(held),
         jsonb_each(held -> 4) AS of_facet(facet, value)
    GROUP BY facet
) AS facets
"""


def _rewrite(query: str) -> None:
    inputs = query.replace("{inputs}", "inputs")
    op.execute(f"UPDATE {SCHEMA}.twin SET inputs = ({inputs})")
    of_state = query.replace("{inputs}", "state -> 'inputs'")
    op.execute(f"UPDATE {SCHEMA}.snapshot SET state = jsonb_set(state, '{{inputs}}', ({of_state}))")


def upgrade() -> None:
    _rewrite(BY_SOURCE)


def downgrade() -> None:
    _rewrite(BY_FACET)
