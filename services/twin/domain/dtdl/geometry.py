"""GeoJSON geometries (RFC 7946) for the geospatial schemas."""

from __future__ import annotations

import math
from collections.abc import Callable

from .faults import Rule, Spot

_Check = Callable[[object, Spot], None]


def check_geometry(schema: str, value: object, spot: Spot) -> None:
    """A geometry object of the type that the schema is called after; members beyond it are left alone."""
    if not isinstance(value, dict):
        spot.fault(Rule.INSTANCE_TYPE, "must be a GeoJSON object")
        return
    name = schema[0].upper() + schema[1:]
    if value.get("type") != name:
        spot.at("type").fault(Rule.INSTANCE_GEOMETRY, f"must be {name!r}")
    elif "coordinates" not in value:
        spot.fault(Rule.INSTANCE_GEOMETRY, "needs 'coordinates'")
    else:
        _GEOMETRIES[schema](value["coordinates"], spot.at("coordinates"))


def _position(value: object, spot: Spot) -> None:
    if not isinstance(value, list) or len(value) < 2 or not all(map(_is_number, value)):
        spot.fault(Rule.INSTANCE_GEOMETRY, "must be a position: an array of at least two numbers")


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
    )


def _several(check: _Check, fewest: int = 0) -> _Check:
    def check_each(value: object, spot: Spot) -> None:
        if not isinstance(value, list) or len(value) < fewest:
            spot.fault(Rule.INSTANCE_GEOMETRY, f"must be an array of at least {fewest}")
            return
        for index, item in enumerate(value):
            check(item, spot.at(index))

    return check_each


_line = _several(_position, 2)
_open_ring = _several(_position, 4)


def _ring(value: object, spot: Spot) -> None:
    _open_ring(value, spot)
    if isinstance(value, list) and value and value[0] != value[-1]:
        spot.fault(Rule.INSTANCE_GEOMETRY, "a ring ends where it begins")


_polygon = _several(_ring)

_GEOMETRIES: dict[str, _Check] = {
    "point": _position,
    "multiPoint": _several(_position),
    "lineString": _line,
    "multiLineString": _several(_line),
    "polygon": _polygon,
    "multiPolygon": _several(_polygon),
}
