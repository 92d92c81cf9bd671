"""The balance by day, and the rules that fired."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from operator import attrgetter

from chassis.errors import Invalid, Problem
from services.ingest.domain.cleaning.batch import TRADE_ZONE
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.rules import ELSEWHERE, RULES, Described
from services.ingest.usecases.ports import QualityDay, RuleCount, Store

DAYS = 28
MAX_DAYS = 400


async def get_quality_days(
    store: Store, *, source: str, days: tuple[str, str], now: datetime
) -> tuple[list[QualityDay], list[RuleCount]]:
    """The balance of each day of arrival in the trade zone, and the rules that fired in those days.

    `days` are the first and the last one, ISO; where they are empty, the last 28 days. Raises Invalid for days that
    are none and for more than 400.
    """
    last = day_asked(days[1]) or now.astimezone(TRADE_ZONE).date()
    first = day_asked(days[0]) or last - timedelta(days=DAYS)
    if not timedelta(0) <= last - first < timedelta(days=MAX_DAYS):
        message = f"ask for 1 to {MAX_DAYS} days, the first one first"
        raise Invalid("the days are too many or in the wrong order", errors=[Problem("", "date", message)])
    source = source.replace("\0", "")
    balances = await store.days(source=source, first=first, last=last)
    return balances, await store.rules_fired(source=source, first=first, last=last)


def day_asked(text: str) -> date | None:
    """The day that somebody asks for; None where none is named."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("the day is none", errors=[Problem("", "date", "give days such as 2025-03-15")]) from None


def list_rules() -> list[Rule | Described]:
    """All cleaning rules, by id; of one that reads a kind in a way of its own beside, the last to run speaks for it."""
    told: tuple[Rule | Described, ...] = (*RULES, *ELSEWHERE)
    return sorted({rule.id: rule for rule in told}.values(), key=attrgetter("id"))
