"""What a migration may make of a value: small functions by name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

_LARGEST = 10**308
Convert = Callable[[Any], Any]


class Unconvertible(ValueError):
    """A value of which nothing can be made; the message says what it would have to be."""


def conversion(by: str, options: Mapping[str, Any]) -> Convert:
    """The function of a name; raises Unconvertible where name or options are wrong."""
    if by in _PLAIN:
        if options:
            raise Unconvertible(f"{by} takes nothing more than the property")
        return _PLAIN[by]
    if by not in _MADE:
        raise Unconvertible(f"must be one of {', '.join(sorted((*_PLAIN, *_MADE)))}")
    return _MADE[by](options)


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _to_double(value: Any) -> float:
    return _finite(_number(value, texts=True))


def _to_integer(value: Any) -> int:
    number = _number(value, texts=True)
    if number != number.to_integral_value():
        raise Unconvertible("must be a whole number")
    return int(number)


def _round(value: Any) -> int:
    return int(_number(value, texts=True).to_integral_value())


def _to_boolean(value: Any) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    found = known.get(_to_text(value).strip().lower())
    if found is None:
        raise Unconvertible("must be true, yes or 1, or false, no or 0")
    return found


def _to_date(value: Any) -> str:
    if not isinstance(value, str) or "T" not in value:
        raise Unconvertible("must be a time with its day")
    return value.partition("T")[0]


def _to_array(value: Any) -> list[Any]:
    return [value]


def _unit(options: Mapping[str, Any]) -> Convert:
    before, after = (UNITS.get(str(options.get(name))) for name in ("from", "to"))
    if set(options) != {"from", "to"} or before is None or after is None or before[0] != after[0]:
        raise Unconvertible(f"unit needs from and to, units of the same quantity, of {', '.join(sorted(UNITS))}")
    _, of_before, zero_before = before
    _, of_after, zero_after = after
    return lambda value: _told((_number(value) + zero_before) * of_before / of_after - zero_after, value)


def _scale(options: Mapping[str, Any]) -> Convert:
    given = {name: options.get(name, 0) for name in ("factor", "offset")}
    is_known = "factor" in options and set(options) <= {"factor", "offset"}
    if not is_known or not all(_is_number(each) for each in given.values()):
        raise Unconvertible("scale needs a factor, and may have an offset, which are numbers")
    factor, offset = (Decimal(str(each)) for each in given.values())
    return lambda value: _told(_number(value) * factor + offset, value)


def _values(options: Mapping[str, Any]) -> Convert:
    table = options.get("values")
    if set(options) != {"values"} or not isinstance(table, dict):
        raise Unconvertible("values needs an object: the new value by the text of the old one")
    known: dict[str, Any] = table

    def convert(value: Any) -> Any:
        if _to_text(value) not in known:
            raise Unconvertible("is none of the values that the migration names")
        return known[_to_text(value)]

    return convert


def _number(value: Any, *, texts: bool = False) -> Decimal:
    try:
        number = Decimal(str(value)) if _is_number(value) or (texts and isinstance(value, str)) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    # An exponent beyond what a double has would make numbers of a gigabyte.
    if not number.is_finite() or number.adjusted() > 308:
        raise Unconvertible("must be a number")
    return number


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _told(number: Decimal, before: Any) -> int | float:
    is_whole = isinstance(before, int) and number == number.to_integral_value()
    return int(number) if is_whole else _finite(number)


def _finite(number: Decimal) -> float:
    found = float(number)
    if not math.isfinite(found):
        raise Unconvertible("is beyond what a number can be")
    return found


_PLAIN: Mapping[str, Convert] = {
    "round": _round,
    "to_array": _to_array,
    "to_boolean": _to_boolean,
    "to_date": _to_date,
    "to_double": _to_double,
    "to_integer": _to_integer,
    "to_text": _to_text,
}
_MADE: Mapping[str, Callable[[Mapping[str, Any]], Convert]] = {"scale": _scale, "unit": _unit, "values": _values}

# Quantity, factor to its first unit, and what is added before: units of the QuantitativeTypes extension.
UNITS: Mapping[str, tuple[str, Decimal, Decimal]] = {
    unit: (quantity, Decimal(factor), Decimal(zero))
    for quantity, units in {
        "angle": {
            "radian": ("1", "0"),
            "degreeOfArc": ("0.017453292519943295769", "0"),
            "turn": ("6.283185307179586476925", "0"),
        },
        "area": {"squareMetre": ("1", "0"), "hectare": ("10000", "0"), "squareKilometre": ("1000000", "0")},
        "energy": {"joule": ("1", "0"), "kilojoule": ("1000", "0"), "kilowattHour": ("3600000", "0")},
        "length": {
            "metre": ("1", "0"),
            "millimetre": ("0.001", "0"),
            "centimetre": ("0.01", "0"),
            "kilometre": ("1000", "0"),
            "inch": ("0.0254", "0"),
            "foot": ("0.3048", "0"),
            "mile": ("1609.344", "0"),
        },
        "mass": {
            "kilogram": ("1", "0"),
            "milligram": ("0.000001", "0"),
            "gram": ("0.001", "0"),
            "tonne": ("1000", "0"),
            "massPound": ("0.45359237", "0"),
        },
        "power": {"watt": ("1", "0"), "kilowatt": ("1000", "0"), "megawatt": ("1000000", "0")},
        "pressure": {
            "pascal": ("1", "0"),
            "hectopascal": ("100", "0"),
            "kilopascal": ("1000", "0"),
            "millibar": ("100", "0"),
            "bar": ("100000", "0"),
        },
        "share": {"unity": ("1", "0"), "percent": ("0.01", "0"), "partsPerMillion": ("0.000001", "0")},
        "temperature": {
            "kelvin": ("1", "0"),
            "degreeCelsius": ("1", "273.15"),
            "degreeFahrenheit": ("0.55555555555555555555555556", "459.67"),
        },
        "time": {
            "second": ("1", "0"),
            "millisecond": ("0.001", "0"),
            "minute": ("60", "0"),
            "hour": ("3600", "0"),
            "day": ("86400", "0"),
        },
        "velocity": {
            "metrePerSecond": ("1", "0"),
            "kilometrePerHour": ("0.27777777777777777777777778", "0"),
            "metrePerHour": ("0.00027777777777777777777777778", "0"),
        },
        "volume": {
            "cubicMetre": ("1", "0"),
            "litre": ("0.001", "0"),
            "millilitre": ("0.000001", "0"),
            "cubicCentimetre": ("0.000001", "0"),
        },
    }.items()
    for unit, (factor, zero) in units.items()
}
