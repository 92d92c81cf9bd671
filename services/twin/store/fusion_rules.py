"""Fusion rules in PostgreSQL: versions that are added, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from chassis.db import Database
from chassis.errors import Conflict
from services.twin.domain.fusion.rule_book import SetRule
from services.twin.domain.inputs import Held
from services.twin.store.tables import FUSION_RULE, TWIN

FACETS = Held.__struct_fields__.index("facets")
"""Where a statement that is kept has what it says."""


class FusionRules:
    """Rules as they are kept."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def rules(self) -> Sequence[SetRule]:
        """Every version of every rule."""
        async with self._db.transaction() as session:
            rows = (await session.execute(sa.select(FUSION_RULE))).all()
        return [
            SetRule(row.model, row.property, row.version, row.rule, row.known_at, row.set_by, row.applied_at)
            for row in rows
        ]

    async def keep(self, rule: SetRule) -> None:
        """Adds a version; Conflict where somebody else added it first."""
        values = {
            "model": rule.model,
            "property": rule.property,
            "version": rule.version,
            "rule": sa.null() if rule.told is None else dict(rule.told),
            "known_at": rule.known_at,
            "set_by": rule.set_by,
        }
        try:
            async with self._db.transaction() as session:
                await session.execute(sa.insert(FUSION_RULE).values(values))
        except IntegrityError as error:
            message = f"the rule of {rule.model}/{rule.property} was set by somebody else meanwhile; read it again"
            raise Conflict(message, code="precondition_failed") from error

    async def note_applied(self, rule: SetRule, at: datetime) -> None:
        """Marks a version, and those before it, as followed by every twin."""
        mine = sa.and_(FUSION_RULE.c.model == rule.model, FUSION_RULE.c.property == rule.property)
        until = sa.and_(mine, FUSION_RULE.c.version <= rule.version, FUSION_RULE.c.applied_at.is_(None))
        async with self._db.transaction() as session:
            await session.execute(sa.update(FUSION_RULE).where(until).values(applied_at=at))

    async def told(self, model: str, name: str, *, after: str, limit: int) -> Sequence[str]:
        """Ids of twins of a model that some source told the property of, in order, behind one."""
        query = (
            sa.select(TWIN.c.id)
            .where(TWIN.c.model == model, TWIN.c.id > after, _says(name))
            .order_by(TWIN.c.id)
            .limit(limit)
        )
        async with self._db.transaction() as session:
            return list((await session.execute(query)).scalars())


def _says(name: str) -> sa.ColumnElement[bool]:
    """Whether some statement of some source has a facet of the name."""
    facets = sa.literal(f"$.*[*][{FACETS}].keyvalue() ? (@.key == $name)").cast(postgresql.JSONPATH)
    inputs = sa.cast(TWIN.c.inputs, postgresql.JSONB)
    return sa.func.jsonb_path_exists(inputs, facets, sa.func.jsonb_build_object("name", name))
