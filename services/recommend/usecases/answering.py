"""Reading recommendations and taking people's answers to them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime

from chassis.errors import ChassisError, Conflict, Invalid, NotFound, Problem
from services.recommend.domain.states import STATE_NAMES, after, event_of_key
from services.recommend.usecases.ports import Answer, AnswerUnit, Place, Row, Store, Wanted


async def get_recommendation(store: Store, recommendation_id: str) -> Row:
    """One recommendation. NotFound when there is none of that id."""
    row = await store.get(recommendation_id)
    if row is None:
        raise _unknown(recommendation_id)
    return row


async def list_recommendations(store: Store, wanted: Wanted, *, cursor: str, limit: int) -> tuple[list[Row], str]:
    """A page of recommendations, best first, and the cursor of the next page. Invalid for a cursor not made here."""
    found = await store.find(wanted, _place(cursor) if cursor else None, limit + 1)
    page = found[:limit]
    return page, _cursor(page[-1]) if len(found) > limit else ""


async def give_feedback(store: Store, recommendation_id: str, answer: Answer, *, at: datetime, trace_id: str) -> Row:
    """Takes an answer once per key and returns the recommendation as it is then.

    NotFound, Invalid for an unknown event, Conflict where the state does not allow it.
    """
    async with store.answering() as unit:
        row = await unit.lock(recommendation_id)
        if row is None:
            raise _unknown(recommendation_id)
        await _take(unit, row, answer, _Click(at, trace_id))
    return await get_recommendation(store, recommendation_id)


@dataclass(frozen=True, slots=True)
class _Click:
    at: datetime
    trace_id: str
    response_code: str = ""


async def answer_card(
    store: Store, task_id: str, answer: Answer, *, response_code: str, at: datetime, trace_id: str
) -> tuple[Row, str, bool]:
    """Takes a click on a card; returns the recommendation, the text that replaces the buttons, and whether the same
    click had been taken before.

    `answer.event` is the button's key. A click that comes too late changes nothing and shows the state there is.
    NotFound for a card that was not sent to this user.
    """
    repeated = False
    async with store.answering() as unit:
        card = await unit.card(task_id)
        if card is None or card["account_manager"].lower() != answer.user_id.lower():
            raise NotFound("this user has no such card", code="card_not_found")
        row = await unit.lock(card["recommendation_id"])
        if row is None:
            raise _unknown(card["recommendation_id"])
        event = event_of_key(answer.event)
        named = Answer(answer.key, event, answer.reason, answer.user_id, answer.origin)
        try:
            repeated = not await _take(unit, row, named, _Click(at, trace_id, response_code))
        except Conflict:
            await unit.change_card(row["id"], text=button_text(row["state"]), response_code=response_code, at=at)
    current = await get_recommendation(store, row["id"])
    return current, button_text(current["state"]), repeated


def button_text(state: str) -> str:
    """What a card shows in place of its buttons."""
    zh, en = STATE_NAMES.get(state, (state, state))
    return f"{zh} {en}"


async def _take(unit: AnswerUnit, row: Row, answer: Answer, click: _Click) -> bool:
    """Moves the recommendation and has its card follow; False when the key had been taken before."""
    state = _state_after(row["state"], answer.event)
    if not await unit.is_first(row["id"], answer, state or row["state"], click.at):
        return False
    if state is None:
        raise Conflict(f"the recommendation is {row['state']}: {answer.event} comes too late", code="state_conflict")
    if state != row["state"]:
        await unit.move(row, state, at=click.at, trace_id=click.trace_id)
    if state != "shown":
        await unit.change_card(row["id"], text=button_text(state), response_code=click.response_code, at=click.at)
    return True


def _state_after(state: str, event: str) -> str | None:
    try:
        return after(state, event)
    except Conflict:
        return None


def _cursor(row: Row) -> str:
    place = json.dumps([row["rank"], row["score"], row["id"]])
    return base64.urlsafe_b64encode(place.encode()).decode()


def _place(cursor: str) -> Place:
    try:
        rank, score, last = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return Place(int(rank), float(score), str(last))
    except (ValueError, TypeError) as error:
        problem = Problem("/cursor", "format", "use next_cursor of the previous page as it is")
        raise Invalid("the cursor is not one of ours", errors=[problem]) from error


def _unknown(recommendation_id: str) -> ChassisError:
    return NotFound(f"there is no recommendation {recommendation_id}", code="recommendation_not_found")
