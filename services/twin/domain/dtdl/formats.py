"""Dates, times and durations as the metamodel of DTDL has them: RFC 3339 with an offset, and ISO 8601."""

from __future__ import annotations

import re
from datetime import date

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_OFFSET = r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_TIME = re.compile(rf"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?{_OFFSET}")
# A fraction is possible in the last part only.
_NUMBER = r"[0-9]+(?:\.[0-9]+(?=[A-Z]\Z))?"
_DAY = rf"(?:(?:{_NUMBER}Y)?(?:{_NUMBER}M)?|{_NUMBER}W)(?:{_NUMBER}D)?"
_CLOCK = rf"(?:T(?=.)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
_DURATION = re.compile(rf"P(?=.){_DAY}{_CLOCK}")


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
    """Date, T and time with an offset; no leap seconds."""
    return text[10:11] == "T" and is_date(text[:10]) and is_time(text[11:])


def is_time(text: str) -> bool:
    """A time of day with an offset."""
    return _TIME.fullmatch(text) is not None


def is_duration(text: str) -> bool:
    """Years and months, or weeks; days; hours, minutes and seconds: at least one of them, the last with a fraction."""
    return _DURATION.fullmatch(text) is not None
