"""Days on which a source sent fewer records than it usually does (DQ-40)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median

DAYS = 28
SHARE = 0.9
ENOUGH_DAYS = 7


def partial_days(counts: Mapping[date, int], today: date) -> list[date]:
    """The days of the last 28 with less than 90 % of their median, newest first; `today` is not over and not judged.

    `counts` has the records of a source (and kind) by business day; a day without records counts as 0. Days before the
    first record are nobody's fault, and less than a week tells no habit. A weekday on which the source rests more often
    than not is not judged.
    """
    known = [day for day, count in counts.items() if count and day < today]
    if not known:
        return []
    first = max(min(known), today - timedelta(days=DAYS))
    days = [first + timedelta(days=ahead) for ahead in range((today - first).days)]
    if len(days) < ENOUGH_DAYS:
        return []
    working = {weekday for weekday in range(7) if _works(days, counts, weekday)}
    judged = [day for day in days if day.weekday() in working]
    if not judged:
        return []
    usual = median(counts.get(day, 0) for day in judged)
    return [day for day in reversed(judged) if counts.get(day, 0) < SHARE * usual]


def _works(days: list[date], counts: Mapping[date, int], weekday: int) -> bool:
    same = [day for day in days if day.weekday() == weekday]
    return bool(same) and 2 * sum(counts.get(day, 0) > 0 for day in same) >= len(same)
