"""The life of a recommendation.

open ──▶ shown ──▶ accepted ──▶ done
  │        │          │ ▲
  │        ▼          ▼ │
  ├──▶ rejected ──▶ (reopened) ──▶ open
  ├──▶ withdrawn  (a newer ranking left it out) ──▶ open, when it comes back
  └──▶ expired    (its cycle has passed)
"""

from typing import Literal

from chassis.errors import Conflict, Invalid, Problem

State = Literal["open", "shown", "accepted", "rejected", "done", "expired", "withdrawn"]
LIVE: tuple[State, ...] = ("open", "shown", "accepted")
"""States that a person can still act on, or has agreed to."""

_MOVES: dict[str, tuple[str, dict[str, State]]] = {
    "shown": ("the card was shown", {"open": "shown", "shown": "shown"}),
    "accepted": (
        "accept it",
        {"open": "accepted", "shown": "accepted", "accepted": "accepted", "rejected": "accepted"},
    ),
    "rejected": (
        "reject it",
        {"open": "rejected", "shown": "rejected", "rejected": "rejected", "accepted": "rejected"},
    ),
    "done": ("mark it done", {"open": "done", "shown": "done", "accepted": "done", "done": "done"}),
    "reopened": ("reopen it", {"accepted": "open", "rejected": "open", "done": "open", "open": "open"}),
}
EVENTS = tuple(_MOVES)
STATE_NAMES = {
    "open": ("待处理", "open"),
    "shown": ("已查看", "shown"),
    "accepted": ("已采纳", "Accepted"),
    "rejected": ("已拒绝", "Rejected"),
    "done": ("已完成", "Done"),
    "expired": ("已过期", "Expired"),
    "withdrawn": ("已撤回", "Withdrawn"),
}


def after(state: str, event: str) -> State:
    """The state after a person's answer. Invalid for an unknown event, Conflict where the state does not allow it.

    A late `shown` (a card opened after it was answered) changes nothing.
    """
    if event not in _MOVES:
        problem = Problem("/event", "enum", f"must be one of {', '.join(EVENTS)}")
        raise Invalid("the answer is not known", errors=[problem])
    wish, moves = _MOVES[event]
    if state in moves:
        return moves[state]
    if event == "shown" and state in ("accepted", "rejected", "done"):
        return state  # type: ignore[return-value]  # one of the three just listed
    raise Conflict(f"the recommendation is {state}: it is too late to {wish}", code="state_conflict")


def event_of_key(event_key: str) -> str:
    """The answer behind a button key such as `accept:ID`."""
    answers = {"accept": "accepted", "reject": "rejected"}
    verb = event_key.split(":", 1)[0]
    if verb not in answers:
        raise Invalid(
            "the button is not known", errors=[Problem("/event_key", "enum", "must be accept:ID or reject:ID")]
        )
    return answers[verb]
