"""JSON that strangers write: read within limits, and each fault told with a pointer.

too_deep          nested deeper than anybody needs
out_of_range      a number that no float can hold, in whatever way it is spelt
nul               a text or name with U+0000, which PostgreSQL cannot hold
half_character    a text or name with half of a surrogate pair, which UTF-8 cannot hold
malformed_json    anything else that is not JSON
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from chassis.errors import Invalid, Problem

MAX_DEPTH = 64
MAX_FAULTS = 20
_HALF = re.compile("[\ud800-\udfff]")
_DIGITS = 310
"""More than the largest float has."""


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text; Invalid with a pointer to each fault, 20 at most."""
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=_integer if _may_be_huge(text) else None)
    except RecursionError:
        raise _invalid([_too_deep("")]) from None
    except ValueError:
        problem = Problem("", "malformed_json", "must be JSON in UTF-8")
        raise Invalid("the body is not JSON", errors=[problem]) from None
    problems: list[Problem] = []
    # As the one member of a list that nobody sees, whatever it is.
    _look_into([value], [], problems)
    if problems:
        raise _invalid(problems[:MAX_FAULTS])
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _may_be_huge(text: str | bytes) -> bool:
    # Only then it is worth a call for each integer.
    pattern = r"\d{310}"
    return bool(re.search(pattern, text) if isinstance(text, str) else re.search(pattern.encode(), text))


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _DIGITS else math.inf


def _invalid(problems: list[Problem]) -> Invalid:
    return Invalid("the body holds what cannot be kept", errors=problems)


def _too_deep(pointer: str) -> Problem:
    return Problem(pointer, "too_deep", f"nest at most {MAX_DEPTH} levels")


def _look_into(value: Any, path: list[str | int], problems: list[Problem]) -> None:
    """Collects the faults within an object or array; it is called once for each of them that is not empty."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, dict | list):
            if len(path) >= MAX_DEPTH:
                problems.append(_too_deep(_pointer([*path, key])))
            elif each:
                path.append(key)
                _look_into(each, path, problems)
                path.pop()
        elif _is_bad(each):
            problems.append(_fault(each, _pointer([*path, key])))
        if len(problems) >= MAX_FAULTS:
            return
    if isinstance(value, dict) and any(map(_is_bad, value)):
        # A name that cannot be told is pointed at by what it stands in.
        problems.append(_fault(next(filter(_is_bad, value)), _pointer(path)))


def _is_bad(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value or (not value.isascii() and _HALF.search(value) is not None)
    return value is not None and not -sys.float_info.max <= value <= sys.float_info.max


def _fault(value: Any, pointer: str) -> Problem:
    if not isinstance(value, str):
        return Problem(pointer, "out_of_range", "no number may lie beyond ±1.8e308")
    if "\0" in value:
        return Problem(pointer, "nul", "no text or name may hold the character U+0000")
    return Problem(pointer, "half_character", "no text or name may hold half of a surrogate pair")


def _pointer(path: Sequence[str | int]) -> str:
    """Without its first step, into the list that nobody sees."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path[1:])
