"""Requests to forget, in PostgreSQL."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Database
from chassis.errors import Invalid, NotFound
from services.ingest.domain.privacy.erasing import Forgetting
from services.ingest.store.privacy_tables import ERASURE
from services.ingest.usecases.erasing import Erasure, Traces


class PostgresErasures:
    """The table of requests."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ask(self, erasure: Erasure) -> Erasure:
        """Takes a request down; one for the same subject is opened again instead."""
        async with self._db.transaction() as session:
            await session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('ingest.erasure'))"))
            same = sa.select(ERASURE.c.id).where(
                ERASURE.c.type == erasure.type,
                ERASURE.c.digests == sa.literal(list(erasure.digests), ERASURE.c.digests.type),
            )
            known = (await session.execute(same)).scalar_one_or_none()
            if known is None:
                await session.execute(insert(ERASURE).values(_row(erasure)))
                return erasure
            again = {
                "subjects": list(erasure.subjects),
                "requested_by": erasure.requested_by,
                "reason": erasure.reason,
                "requested_at": erasure.requested_at,
                "finished_at": None,
            }
            await session.execute(sa.update(ERASURE).where(ERASURE.c.id == known).values(**again))
            return await _get(session, known)

    async def get(self, erasure_id: str) -> Erasure:
        async with self._db.transaction() as session:
            return await _get(session, erasure_id)

    async def save(self, erasure: Erasure) -> None:
        """Writes down how far a request has come, unless it was asked again meanwhile."""
        row = _row(erasure)
        changed = {name: row[name] for name in ("stores", "subjects", "finished_at")}
        same = (ERASURE.c.id == erasure.id, ERASURE.c.requested_at == erasure.requested_at)
        async with self._db.transaction() as session:
            await session.execute(sa.update(ERASURE).where(*same).values(**changed))

    async def waiting(self) -> list[Erasure]:
        """Requests that are not done, oldest first."""
        wanted = sa.select(ERASURE).where(ERASURE.c.finished_at.is_(None)).order_by(ERASURE.c.requested_at)
        async with self._db.transaction() as session:
            return [_erasure(row) for row in (await session.execute(wanted)).mappings()]

    async def page(self, *, limit: int, cursor: str) -> tuple[list[Erasure], str]:
        wanted = sa.select(ERASURE).order_by(ERASURE.c.requested_at.desc(), ERASURE.c.id.desc()).limit(limit + 1)
        if cursor:
            wanted = wanted.where(sa.tuple_(ERASURE.c.requested_at, ERASURE.c.id) < sa.tuple_(*_place(cursor)))
        async with self._db.transaction() as session:
            found = [_erasure(row) for row in (await session.execute(wanted)).mappings()]
        return found[:limit], _cursor(found[limit - 1]) if len(found) > limit else ""

    async def forgettings(self, since: datetime) -> list[Forgetting]:
        """What whoever writes must know: recent erasures, and all withdrawals."""
        columns = (ERASURE.c.id, ERASURE.c.type, ERASURE.c.digests, ERASURE.c.requested_at)
        wanted = sa.select(*columns).where(sa.or_(ERASURE.c.type == "withdraw", ERASURE.c.requested_at > since))
        async with self._db.transaction() as session:
            rows = (await session.execute(wanted)).all()
        return [Forgetting(row.id, frozenset(row.digests), row.requested_at, row.type == "withdraw") for row in rows]


async def _get(session: AsyncSession, erasure_id: str) -> Erasure:
    row = (await session.execute(sa.select(ERASURE).where(ERASURE.c.id == erasure_id))).mappings().first()
    if row is None:
        raise NotFound("there is no such request")
    return _erasure(row)


def _row(erasure: Erasure) -> dict[str, Any]:
    plain = {name: getattr(erasure, name) for name in ("id", "type", "requested_by", "reason", "requested_at")}
    stores = {name: asdict(traces) for name, traces in erasure.stores.items()}
    lists = {"digests": list(erasure.digests), "subjects": list(erasure.subjects)}
    return {**plain, **lists, "stores": stores, "finished_at": erasure.finished_at}


def _erasure(row: sa.RowMapping) -> Erasure:
    stores = {name: Traces(**traces) for name, traces in row["stores"].items()}
    values = dict(row)
    return Erasure(**{**values, "stores": stores, "digests": tuple(row["digests"]), "subjects": tuple(row["subjects"])})


def _cursor(erasure: Erasure) -> str:
    return base64.urlsafe_b64encode(json.dumps([erasure.requested_at.isoformat(), erasure.id]).encode()).decode()


def _place(cursor: str) -> tuple[datetime, str]:
    try:
        at, erasure_id = json.loads(base64.urlsafe_b64decode(cursor))
        return datetime.fromisoformat(at), str(erasure_id)
    except (ValueError, TypeError, binascii.Error):
        raise Invalid("the cursor is not one of ours") from None
