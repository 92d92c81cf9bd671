"""Answers and cards: one transaction each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend.store.rows import move, seen, seen_query
from services.recommend.store.tables import ANSWER, CARD, RECOMMENDATION
from services.recommend.usecases.ports import Answer, Outgoing, Row


class Answering:
    """One transaction that takes a person's answer."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, recommendation_id: str) -> Row | None:
        query = seen_query().where(RECOMMENDATION.c.id == recommendation_id).with_for_update(of=RECOMMENDATION)
        row = (await self._session.execute(query)).first()
        return seen(row) if row is not None else None

    async def card(self, task_id: str) -> Row | None:
        row = (await self._session.execute(sa.select(CARD).where(CARD.c.task_id == task_id))).first()
        return dict(row._mapping) if row is not None else None

    async def is_first(self, recommendation_id: str, answer: Answer, state: str, at: datetime) -> bool:
        """Keeps the answer; False when one with its key is kept already."""
        statement = (
            insert(ANSWER)
            .values(
                key=f"{recommendation_id}:{answer.key}",
                recommendation_id=recommendation_id,
                event=answer.event,
                state=state,
                reason=answer.reason,
                user_id=answer.user_id,
                origin=answer.origin,
                answered_at=at,
            )
            .on_conflict_do_nothing()
            .returning(ANSWER.c.key)
        )
        return (await self._session.execute(statement)).first() is not None

    async def move(self, row: Row, state: str, *, at: datetime, trace_id: str) -> None:
        await move(self._session, row, state, at=at, trace_id=trace_id)

    async def change_card(self, recommendation_id: str, *, text: str, response_code: str, at: datetime) -> None:
        """Has the sent card follow the answer. A click brings a fresh response code; without any it stays as it is."""
        values: dict[str, Any] = {"update_text": text, "due_at": at, "attempts": 0}
        if response_code:
            values["response_code"] = response_code
        can_follow = sa.and_(
            CARD.c.recommendation_id == recommendation_id,
            CARD.c.state == "sent",
            sa.or_(CARD.c.response_code != "", sa.literal(bool(response_code))),
        )
        await self._session.execute(sa.update(CARD).where(can_follow).values(**values))


class Delivering:
    """One transaction that handles one card."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.told = False

    async def next_due(self, at: datetime) -> Outgoing | None:
        """The card that is due first, live ones before others, with what it shows; locked until the end."""
        waits = sa.or_(CARD.c.state.in_(["queued", "held"]), CARD.c.update_text != "")
        query = (
            sa.select(CARD)
            .where(waits, CARD.c.due_at <= at)
            .order_by((CARD.c.update_text == ""), CARD.c.is_live.desc(), CARD.c.due_at, CARD.c.task_id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        card = (await self._session.execute(query)).first()
        if card is None:
            return None
        found = await self._session.execute(seen_query().where(RECOMMENDATION.c.id == card.recommendation_id))
        row = found.first()
        return Outgoing(dict(card._mapping), seen(row) if row is not None else None)

    async def settle(
        self, task_id: str, *, state: str, note: str, due_at: datetime, sent_at: datetime | None, response_code: str
    ) -> None:
        await self._write(task_id, state=state, note=note, due_at=due_at, sent_at=sent_at, response_code=response_code)

    async def updated(self, task_id: str, *, update_text: str, due_at: datetime, note: str) -> None:
        """What became of a change; a response code works once, so none is left when nothing waits any more."""
        spent = {} if update_text else {"response_code": ""}
        await self._write(task_id, update_text=update_text, due_at=due_at, note=note, **spent)

    async def move(self, row: Row, state: str, *, at: datetime, trace_id: str) -> None:
        locked = seen_query().where(RECOMMENDATION.c.id == row["id"]).with_for_update(of=RECOMMENDATION)
        current = (await self._session.execute(locked)).one()
        if current.state == row["state"]:
            await move(self._session, row, state, at=at, trace_id=trace_id)
            self.told = True

    async def _write(self, task_id: str, **values: Any) -> None:
        counted = {**values, "attempts": CARD.c.attempts + 1}
        await self._session.execute(sa.update(CARD).where(CARD.c.task_id == task_id).values(**counted))
