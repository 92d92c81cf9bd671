"""Bringing queued cards to account managers, and changing them when they were answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from services.recommend.domain.limits import LIMITS, licence_limit
from services.recommend.domain.states import LIVE
from services.recommend.usecases.ports import CardUnit, Outgoing, Postman, Row, Store

ATTEMPTS = 8
FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 900.0


async def deliver_next(store: Store, postman: Postman, now: Callable[[], datetime]) -> bool:
    """Handles the card that is due first; False when none is.

    The card is sent inside the transaction that marks it: a crash between the two sends it again under the same task
    id, which WeCom takes once.
    """
    async with store.delivering() as unit:
        due = await unit.next_due(now())
        if due is None:
            return False
        if due.card["update_text"]:
            await _change(unit, due, postman, now())
        else:
            await _send(unit, due, postman, now())
    return True


async def _send(unit: CardUnit, due: Outgoing, postman: Postman, at: datetime) -> None:
    card, recommendation = due.card, due.recommendation
    refusal = _refusal(recommendation, at)
    if recommendation is None or refusal:
        await unit.settle(card["task_id"], state="withheld", note=refusal, due_at=at, sent_at=None, response_code="")
        return
    outcome = await postman.send(card["task_id"], card["account_manager"], recommendation)
    is_worn_out = outcome.state == "held" and outcome.retry_after_s == 0 and card["attempts"] + 1 >= ATTEMPTS
    await unit.settle(
        card["task_id"],
        state="failed" if is_worn_out else outcome.state,
        note=outcome.note,
        due_at=at + timedelta(seconds=outcome.retry_after_s or backoff_s(card["attempts"])),
        sent_at=at if outcome.state == "sent" else None,
        response_code=outcome.response_code,
    )
    if outcome.state == "sent" and recommendation["state"] == "open":
        await unit.move(recommendation, "shown", at=at, trace_id=recommendation["trace_id"])


def _refusal(recommendation: Row | None, at: datetime) -> str:
    """Why the card may not leave now; empty when it may. The licence counts at this moment, not when it was queued."""
    if recommendation is None or recommendation["state"] not in LIVE:
        return "no_longer_recommended"
    code = licence_limit(
        licence_required=recommendation["licence_required"],
        status=recommendation["license_status"],
        valid_to=recommendation["license_valid_to"],
        today=at.date().isoformat(),
    )
    if code:
        return code
    blocking = [limit for limit in recommendation["limits"] if LIMITS[limit].blocks and not limit.startswith("licence")]
    if blocking:
        return str(blocking[0])
    return "school_zone" if recommendation["school_zone"] and recommendation["mode"] == "new" else ""


async def _change(unit: CardUnit, due: Outgoing, postman: Postman, at: datetime) -> None:
    card = due.card
    outcome = await postman.update(card["account_manager"], card["response_code"], card["update_text"])
    keeps_trying = outcome.state == "held" and card["attempts"] + 1 < ATTEMPTS
    await unit.updated(
        card["task_id"],
        update_text=card["update_text"] if keeps_trying else "",
        due_at=at + timedelta(seconds=outcome.retry_after_s or backoff_s(card["attempts"])),
        note=outcome.note,
    )


def backoff_s(attempts: int) -> float:
    """Seconds until the next try: doubles from 2 s to a quarter of an hour."""
    return float(min(FIRST_RETRY_S * 2**attempts, LONGEST_RETRY_S))
