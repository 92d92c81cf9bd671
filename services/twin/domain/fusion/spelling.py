"""Values as exact numbers, and numbers as values of the kind that was told."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

SPELT = re.compile(r"-?\d{1,40}(\.\d{1,40})?", re.ASCII)
"""Money and other exact decimals travel as text, like "12.50"."""


def as_number(value: Any) -> Fraction | None:
    """The exact number of a value; None where it is none."""
    match value:
        case bool():
            return None
        case int():
            return Fraction(value)
        case float():
            return Fraction(str(value)) if math.isfinite(value) else None
        case str():
            return Fraction(value) if SPELT.fullmatch(value) else None
        case _:
            return None


def as_told(number: Fraction, told: Sequence[Any], *, is_whole: bool) -> Any:
    """A number as the told values are: integer, float, or decimal text with the places of the most exact one."""
    if is_whole:
        return round(number)
    if any(isinstance(each, str) for each in told):
        return _decimal_text(number, max(len(each.partition(".")[2]) for each in told if isinstance(each, str)))
    return float(number)


def as_float(number: Fraction) -> float:
    """The nearest float; the greatest there is for what lies beyond."""
    try:
        return float(number)
    except OverflowError:
        return sys.float_info.max if number > 0 else -sys.float_info.max


def _decimal_text(number: Fraction, places: int) -> str:
    scaled = round(number * 10**places)
    digits = str(abs(scaled)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if scaled < 0 else text
