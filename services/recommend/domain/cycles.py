"""ISO weeks as a count of weeks, so that columns can subtract them; week 0 holds 1970-01-01."""

import datetime as dt

_FIRST_MONDAY = dt.date(1969, 12, 29)


def cycle_of_text(text: str) -> int:
    """Week number of ISO text, for example ``2011-W39`` -> 2178; ValueError where it is no ISO week."""
    year, week = text.split("-W")
    return (dt.date.fromisocalendar(int(year), int(week), 1) - _FIRST_MONDAY).days // 7


def cycle_of_day(day: dt.date) -> int:
    """Week number of a day."""
    return (day - _FIRST_MONDAY).days // 7


def text_of_cycle(cycle: int) -> str:
    """ISO text of a week number."""
    year, week, _ = (_FIRST_MONDAY + dt.timedelta(weeks=cycle)).isocalendar()
    return f"{year}-W{week:02d}"
