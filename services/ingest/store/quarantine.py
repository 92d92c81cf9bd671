"""Records set aside: pages, single ones, and what a person does to them. The book marks what it took (`settling`)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate

from chassis.db import Database, copy_frame
from chassis.errors import Invalid, Problem
from services.ingest.domain.cleaning.receipt import Reason
from services.ingest.domain.keeping.replaying import CONFLICT, Item
from services.ingest.store.ledger import Ledger
from services.ingest.store.setting_aside import reasons_json
from services.ingest.store.settling import move, remember
from services.ingest.store.tables import QUARANTINE
from services.ingest.usecases import Quarantined
from services.ingest.usecases.quarantine import WAITING, Change, Claimed, Found, Wanted

CLAIM_S = 60
"""A claim of a process that died is free again after this."""
ASKED_EVERY_S = 0.02


class PostgresShelf:
    """The quarantine."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, wanted: Wanted, *, limit: int, cursor: str) -> Found:
        conditions = _conditions(wanted)
        order = (QUARANTINE.c.quarantined_at.desc(), QUARANTINE.c.id.desc())
        page = sa.select(QUARANTINE).where(*conditions, *_before(cursor)).order_by(*order).limit(limit + 1)
        count = sa.select(sa.func.count()).select_from(QUARANTINE).where(*conditions)
        async with self._db.transaction() as session:
            rows = (await session.execute(page)).all()
            total = int(await session.scalar(count) or 0)
        following = _cursor(rows[limit - 1]) if len(rows) > limit else ""
        return Found([_quarantined(row) for row in rows[:limit]], following, total)

    async def item(self, id: str) -> Quarantined | None:
        async with self._db.transaction() as session:
            row = (await session.execute(sa.select(QUARANTINE).where(QUARANTINE.c.id == id))).first()
        return None if row is None else _quarantined(row)

    async def mend(self, item: Quarantined, record: dict[str, Any], change: Change) -> bool:
        statement = (
            sa.update(QUARANTINE)
            .where(
                QUARANTINE.c.id == item.id,
                QUARANTINE.c.revision == item.revision,
                QUARANTINE.c.state.in_(WAITING),
                _is_free(change.at),
            )
            .values(
                record=record,
                original=sa.func.coalesce(QUARANTINE.c.original, QUARANTINE.c.record),
                state="mended",
                **_changed(change),
            )
            .returning(QUARANTINE.c.id, QUARANTINE.c.revision)
        )
        async with self._db.transaction() as session:
            rows = (await session.execute(statement)).all()
            await remember(session, "mended", _revisions(rows), change)
        return bool(rows)

    async def drop(self, ids: Sequence[str], reason: str, change: Change) -> int:
        statement = (
            sa.update(QUARANTINE)
            .where(_named(ids), QUARANTINE.c.state.in_(WAITING), _is_free(change.at))
            .values(state="dropped", drop_reason=reason, **_changed(change))
            .returning(QUARANTINE.c.id, QUARANTINE.c.revision)
        )
        return await self._move(statement, "dropped", {"quarantined": -1, "rejected": 1}, change)

    async def reopen(self, ids: Sequence[str], change: Change) -> int:
        back = sa.case((QUARANTINE.c.original.is_(None), "open"), else_="mended")
        statement = (
            sa.update(QUARANTINE)
            .where(_named(ids), QUARANTINE.c.state == "dropped")
            .values(state=back, drop_reason="", **_changed(change))
            .returning(QUARANTINE.c.id, QUARANTINE.c.revision)
        )
        return await self._move(statement, "reopened", {"quarantined": 1, "rejected": -1}, change)

    async def _move(self, statement: ReturningUpdate[Any], action: str, moved: dict[str, int], change: Change) -> int:
        async with self._db.transaction() as session:
            rows = (await session.execute(statement)).all()
            await remember(session, action, _revisions(rows), change)
            ledger = Ledger()
            await move(session, [row.id for row in rows], moved, f"{action}:{uuid.uuid4().hex}", ledger)
            await ledger.write(session)
        return len(rows)

    async def states(self, ids: Sequence[str]) -> dict[str, str]:
        statement = sa.select(QUARANTINE.c.id, QUARANTINE.c.state).where(_named(ids))
        async with self._db.transaction() as session:
            return {row.id: row.state for row in (await session.execute(statement)).all()}

    async def claim(self, ids: Sequence[str], by: str, at: datetime) -> Claimed:
        async with self._db.transaction() as session:
            # In one order, so that two who claim the same items do not wait for each other in a circle.
            locked = sa.select(QUARANTINE.c.id).where(_named(ids)).order_by(QUARANTINE.c.id).with_for_update()
            await session.execute(locked)
            items = await _claim(session, sa.and_(_named(ids), QUARANTINE.c.state.in_(WAITING), _is_free(at)), by, at)
        return Claimed(items, len(ids) - len(items))

    async def claim_matching(self, wanted: Wanted, limit: int, by: str, at: datetime) -> Claimed:
        conditions = [*_conditions(wanted), _is_free(at)]
        if not wanted.source and wanted.rule != CONFLICT:
            # Who names neither side of a contradiction has not decided it.
            conditions.append(sa.not_(_fired(CONFLICT)))
        # Those that were not tried for longest come first, so that calls in a row reach them all.
        order = (QUARANTINE.c.tried_at.asc().nulls_first(), QUARANTINE.c.id)
        chosen = sa.select(QUARANTINE.c.id).where(*conditions).order_by(*order).limit(limit)
        async with self._db.transaction() as session:
            ids = (await session.scalars(chosen.with_for_update(skip_locked=True))).all()
            return Claimed(await _claim(session, _named(ids), by, at))

    async def release(self, items: Sequence[Item]) -> None:
        if not items:
            return
        statement = sa.update(QUARANTINE).where(_named([item.id for item in items])).values(claimed_at=None)
        async with self._db.transaction() as session:
            await session.execute(statement)

    async def refuse_again(self, refused: Sequence[tuple[Item, str, tuple[Reason, ...]]], change: Change) -> None:
        """New reasons beside the same record; the item is free again."""
        rows = pl.DataFrame(
            {
                "id": [item.id for item, *_ in refused],
                "reasons": [reasons_json(reasons) for *_, reasons in refused],
            }
        )
        async with self._db.transaction() as session:
            await session.execute(sa.text("CREATE TEMP TABLE refused (id text, reasons jsonb) ON COMMIT DROP"))
            await copy_frame(session, "refused", rows)
            # Only a change of the reasons is a change of the item: who reads it meanwhile may still mend it.
            changed = await session.execute(
                sa.text(
                    f"UPDATE {QUARANTINE.fullname} q SET claimed_at = NULL, reasons = r.reasons, changed_by = :by, "
                    "changed_at = :at, revision = q.revision + 1 FROM refused r WHERE q.id = r.id "
                    "AND q.reasons IS DISTINCT FROM r.reasons RETURNING q.id, q.revision"
                ),
                {"by": change.by, "at": change.at},
            )
            await remember(session, "refused_again", _revisions(changed.all()), change)

    async def settled(self, items: Sequence[Item], *, within_s: float) -> bool:
        ids = [item.id for item in items]
        waiting = sa.select(sa.exists().where(_named(ids), QUARANTINE.c.state.in_(WAITING)))
        try:
            async with asyncio.timeout(within_s):
                while ids:
                    async with self._db.transaction() as session:
                        if not await session.scalar(waiting):
                            return True
                    await asyncio.sleep(ASKED_EVERY_S)
        except TimeoutError:
            return False
        return True


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [QUARANTINE.c.state.in_(wanted.states)]
    named = (("kind", wanted.kind), ("source", wanted.source))
    conditions += [QUARANTINE.c[name] == value for name, value in named if value]
    if wanted.rule:
        conditions.append(_fired(wanted.rule))
    if wanted.search:
        places = (sa.cast(QUARANTINE.c.record, sa.Text), QUARANTINE.c.id, QUARANTINE.c.batch_id)
        conditions.append(sa.or_(*(place.icontains(wanted.search, autoescape=True) for place in places)))
    return conditions


def _fired(rule: str) -> sa.ColumnElement[bool]:
    return QUARANTINE.c.reasons.contains([{"rule": rule}])


def _named(ids: Sequence[str]) -> sa.ColumnElement[bool]:
    return QUARANTINE.c.id == sa.any_(sa.literal(list(ids), sa.ARRAY(sa.Text)))


def _is_free(at: datetime) -> sa.ColumnElement[bool]:
    claimed = QUARANTINE.c.claimed_at
    return sa.or_(claimed.is_(None), claimed < at - timedelta(seconds=CLAIM_S))


def _changed(change: Change) -> dict[str, Any]:
    return {"revision": QUARANTINE.c.revision + 1, "changed_by": change.by, "changed_at": change.at}


def _revisions(rows: Sequence[Any]) -> dict[str, int]:
    return {row.id: row.revision for row in rows}


async def _claim(session: AsyncSession, condition: sa.ColumnElement[bool], by: str, at: datetime) -> list[Item]:
    columns = (
        QUARANTINE.c.id,
        QUARANTINE.c.revision,
        QUARANTINE.c.kind,
        QUARANTINE.c.source,
        QUARANTINE.c.line,
        sa.cast(QUARANTINE.c.record, sa.Text).label("record"),
        sa.cast(QUARANTINE.c.original, sa.Text).label("original"),
        QUARANTINE.c.quarantined_at,
        QUARANTINE.c.state,
        _fired(CONFLICT).label("was_contradicted"),
    )
    claim = {"claimed_at": at, "claimed_by": by, "tried_at": at}
    statement = sa.update(QUARANTINE).where(condition).values(**claim).returning(*columns)
    rows = (await session.execute(statement)).all()
    return [
        Item(
            id=row.id,
            revision=row.revision,
            kind=row.kind,
            source=row.source,
            line=row.line,
            record_json=row.record,
            original_json=row.original or "",
            at_ms=int(row.quarantined_at.timestamp() * 1000),
            is_mended=row.state == "mended",
            was_contradicted=row.was_contradicted,
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]


def _quarantined(row: Any) -> Quarantined:
    return Quarantined(
        id=row.id,
        kind=row.kind,
        source=row.source,
        batch_id=row.batch_id,
        line=row.line,
        record_json=json.dumps(row.record, ensure_ascii=False),
        reasons=tuple(Reason(**reason) for reason in row.reasons),
        state=row.state,
        at=row.quarantined_at,
        trace_id=row.trace_id,
        revision=row.revision,
        original_json="" if row.original is None else json.dumps(row.original, ensure_ascii=False),
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        replayed_as=row.replayed_as,
        drop_reason=row.drop_reason,
    )


def _before(cursor: str) -> list[sa.ColumnElement[bool]]:
    if not cursor:
        return []
    try:
        at, id = json.loads(base64.urlsafe_b64decode(cursor))
        place = sa.tuple_(sa.literal(datetime.fromisoformat(at)), sa.literal(str(id)))
    except (ValueError, TypeError, binascii.Error):
        message = "use the cursor as the previous page gave it"
        raise Invalid("the cursor is not valid", errors=[Problem("", "cursor", message)]) from None
    return [sa.tuple_(QUARANTINE.c.quarantined_at, QUARANTINE.c.id) < place]


def _cursor(row: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([row.quarantined_at.isoformat(), row.id]).encode()).decode()
