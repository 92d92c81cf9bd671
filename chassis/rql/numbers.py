"""Exact comparison of JSON numbers with a number of a query, without making a Decimal of each.

A float stands for the shortest decimal that reads back as it: that is what JSON text and PostgreSQL hold. Rounding to
floats keeps the order, so a float that is not the one nearest to the query's number compares as floats do, and that
one's decimal is compared once, beforehand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from operator import eq, ge, gt, le, lt
from typing import Any

_SPELT = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
SPELT_SQL = "^-?[0-9]{1,40}(\\.[0-9]{1,40})?$"
"""What number() takes for a spelt number, as a PostgreSQL expression."""

Test = Callable[[Any], bool]


def number_of(value: object) -> int | float | Decimal | None:
    """The value if it is a number, or the number that a text spells; None for all others."""
    if isinstance(value, str):
        return Decimal(value) if _SPELT.fullmatch(value) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def comparison(operator: str, wanted: Decimal) -> Test:
    """Whether a value is a number that stands in the relation `operator` (eq, gt, ge, lt, le) to `wanted`."""
    of_int, int_bound = integer_side(operator, wanted)
    of_float, float_bound = float_side(operator, wanted)
    of_decimal = _COMPARE[operator]

    def test(value: Any) -> bool:
        kind = type(value)
        if kind is int:
            return of_int(value, int_bound)
        if kind is float:
            return of_float(value, float_bound)
        return kind is Decimal and of_decimal(value, wanted)

    return test


_Compare = Callable[[Any, Any], bool]
_COMPARE: dict[str, _Compare] = {each.__name__: each for each in (eq, gt, ge, lt, le)}


def integer_side(operator: str, wanted: Decimal) -> tuple[_Compare, int | None]:
    """Integers compare with the integer on the right side of the wanted number."""
    exact = Fraction(wanted)
    if operator == "eq":
        return eq, int(exact) if exact.denominator == 1 else None
    return _COMPARE[operator], math.ceil(exact) if operator in ("lt", "ge") else math.floor(exact)


def float_side(operator: str, wanted: Decimal) -> tuple[_Compare, float]:
    """Floats compare with the float nearest to the wanted number, which may count to either side."""
    nearest = float(wanted)
    shown = Decimal(repr(nearest))
    if operator == "eq":
        return eq, nearest if shown == wanted else math.nan
    if shown < wanted:
        return {"lt": le, "ge": gt}.get(operator, _COMPARE[operator]), nearest
    if shown > wanted:
        return {"gt": ge, "le": lt}.get(operator, _COMPARE[operator]), nearest
    return _COMPARE[operator], nearest
