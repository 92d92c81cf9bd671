"""Dates and times as RFC 3339 writes them, and ISO 8601 durations."""

from __future__ import annotations

import re
from datetime import date

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_OFFSET = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_CLOCK = r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]|(?:[01][0-9]|2[0-3]):59:60)(?:\.[0-9]+)?"
_TIME = re.compile(rf"{_CLOCK}{_OFFSET}?")
_TIME_OF_DATE = re.compile(rf"{_CLOCK}{_OFFSET}")
_DURATION = re.compile(
    r"-?P(?=.)(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?=.)(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?"
)
_WEEKS = re.compile(r"-?P[0-9]+W")


def is_date(text: str) -> bool:
    """A day of the Gregorian calendar, years 0001 to 9999."""
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    try:
        date(*map(int, match.groups()))
    except ValueError:
        return False
    return True


def is_date_time(text: str) -> bool:
    """Date, T and time with an offset; second 60 only at the end of an hour, for leap seconds."""
    return len(text) > 11 and text[10] in "Tt" and is_date(text[:10]) and _TIME_OF_DATE.fullmatch(text[11:]) is not None


def is_time(text: str) -> bool:
    """A time of day, with an offset or local."""
    return _TIME.fullmatch(text) is not None


def is_duration(text: str) -> bool:
    """Years to seconds, at least one of them and only seconds with a fraction, as XML Schema has it; or weeks."""
    return _DURATION.fullmatch(text) is not None or _WEEKS.fullmatch(text) is not None
