"""Whether a JSON value fits a schema. Schemas are at most six deep, so that this may call itself."""

from __future__ import annotations

import math
from collections.abc import Callable

from . import formats
from .faults import Fault, FaultLog, Rule, Spot
from .geometry import check_geometry
from .schemas import (
    ArraySchema,
    EnumSchema,
    Geospatial,
    MapSchema,
    ObjectSchema,
    Primitive,
    Schema,
    UnitSchema,
)

MOST_FAULTS = 1000
_LARGEST_FLOAT = 3.4028234663852886e38


def check_value(schema: Schema, value: object, pointer: str = "") -> list[Fault]:
    """What of `value` (as `json.loads` gives it) does not fit, with pointers below `pointer`; empty when it fits."""
    log = FaultLog(MOST_FAULTS)
    _check(schema, value, Spot(log, 0, pointer))
    return log.faults()


def _check(schema: Schema, value: object, spot: Spot) -> None:
    if spot.log.is_full:
        return
    if isinstance(schema, Primitive):
        _PRIMITIVES[schema.name](value, spot)
    elif isinstance(schema, Geospatial):
        check_geometry(schema.name, value, spot)
    else:
        _check_complex(schema, value, spot)


def _check_complex(schema: Schema, value: object, spot: Spot) -> None:
    if isinstance(schema, UnitSchema):
        if value not in schema.units:
            spot.fault(Rule.INSTANCE_ENUM, f"must be one of {schema.name}")
    elif isinstance(schema, EnumSchema):
        _check_enum(schema, value, spot)
    elif isinstance(schema, ArraySchema):
        _check_array(schema, value, spot)
    elif isinstance(schema, MapSchema):
        _check_map(schema, value, spot)
    elif isinstance(schema, ObjectSchema):
        _check_object(schema, value, spot)


def _check_enum(schema: EnumSchema, value: object, spot: Spot) -> None:
    if not any(type(value) is type(each.value) and value == each.value for each in schema.values):
        some = ", ".join(repr(each.value) for each in schema.values[:20])
        spot.fault(Rule.INSTANCE_ENUM, f"must be one of {some}")


def _check_array(schema: ArraySchema, value: object, spot: Spot) -> None:
    if not isinstance(value, list):
        spot.fault(Rule.INSTANCE_TYPE, "must be an array")
        return
    for index, item in enumerate(value):
        _check(schema.element, item, spot.at(index))


def _check_map(schema: MapSchema, value: object, spot: Spot) -> None:
    if not isinstance(value, dict):
        spot.fault(Rule.INSTANCE_TYPE, "must be an object")
        return
    for key, item in value.items():
        if isinstance(key, str):
            _check(schema.value.schema, item, spot.at(key))
        else:
            spot.fault(Rule.INSTANCE_TYPE, "has a key that is not a string")


def _check_object(schema: ObjectSchema, value: object, spot: Spot) -> None:
    if not isinstance(value, dict):
        spot.fault(Rule.INSTANCE_TYPE, "must be an object")
        return
    for key, item in value.items():
        field = schema.fields.get(key)
        if field is None:
            spot.at(str(key)).fault(Rule.INSTANCE_FIELD, "is not a field of the schema")
        else:
            _check(field.schema, item, spot.at(field.name))
    for field in schema.fields.values():
        if field.is_required and field.name not in value:
            spot.fault(Rule.INSTANCE_MISSING, f"needs {field.name!r}")


def _boolean(value: object, spot: Spot) -> None:
    if not isinstance(value, bool):
        spot.fault(Rule.INSTANCE_TYPE, "must be true or false")


def _string(value: object, spot: Spot) -> None:
    if not isinstance(value, str):
        spot.fault(Rule.INSTANCE_TYPE, "must be a string")


def _integer_of(bits: int) -> Callable[[object, Spot], None]:
    bound = 2 ** (bits - 1)

    def check(value: object, spot: Spot) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            spot.fault(Rule.INSTANCE_TYPE, "must be an integer, without fraction or exponent")
        elif not -bound <= value < bound:
            spot.fault(Rule.INSTANCE_RANGE, f"must fit in {bits // 8} bytes")

    return check


def _number_to(largest: float) -> Callable[[object, Spot], None]:
    def check(value: object, spot: Spot) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            spot.fault(Rule.INSTANCE_TYPE, "must be a number")
        elif not _is_within(value, largest):
            spot.fault(Rule.INSTANCE_RANGE, f"must be finite and at most {largest:g} in size")

    return check


def _is_within(value: float, largest: float) -> bool:
    return math.isfinite(value) and abs(value) <= largest if isinstance(value, float) else abs(value) <= int(largest)


def _text(is_right: Callable[[str], bool], example: str) -> Callable[[object, Spot], None]:
    def check(value: object, spot: Spot) -> None:
        if not isinstance(value, str):
            spot.fault(Rule.INSTANCE_TYPE, "must be a string")
        elif not is_right(value):
            spot.fault(Rule.INSTANCE_FORMAT, f"must be like {example!r}")

    return check


_PRIMITIVES: dict[str, Callable[[object, Spot], None]] = {
    "boolean": _boolean,
    "date": _text(formats.is_date, "2024-02-29"),
    "dateTime": _text(formats.is_date_time, "2024-02-29T12:30:00Z"),
    "double": _number_to(1.7976931348623157e308),
    "duration": _text(formats.is_duration, "P1DT12H"),
    "float": _number_to(_LARGEST_FLOAT),
    "integer": _integer_of(32),
    "long": _integer_of(64),
    "string": _string,
    "time": _text(formats.is_time, "12:30:00Z"),
}
