"""Values of twins that fit a schema, and values that do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.twin.domain.dtdl import Rule

from .cases import QUANTITATIVE, V3, Doc, array, enum, field, interface, map_of, obj, telemetry


@dataclass(frozen=True)
class ValueCase:
    title: str
    document: Doc
    value: Any
    rule: Rule | None = None
    pointer: str = ""


RIGHT: dict[str, list[Any]] = {
    "boolean": [True, False],
    "date": ["2024-02-29", "0001-01-01", "9999-12-31", "2000-02-29"],
    "dateTime": [
        "2024-02-29T12:30:00Z",
        "2024-02-29T12:30:00-23:59",
        "2024-02-29T12:30:00.123456789+08:00",
        "2016-12-31T23:59:59Z",
    ],
    "double": [0, 1, -1.5, 1.7e308, 10**300, 5e-324],
    "duration": [
        "P1D",
        "PT1S",
        "P1Y2M3DT4H5M6.7S",
        "PT0S",
        "P0.5Y",
        "P0D",
        "P3W",
        "P1W2D",
        "PT0.5H",
        "P1DT1.5M",
        "P1.5W",
    ],
    "float": [0, 1.5, 3.4e38, -3.4028234663852886e38, 1e-50],
    "integer": [0, -(2**31), 2**31 - 1],
    "long": [0, -(2**63), 2**63 - 1],
    "string": ["", "text", "香烟", "x" * 100_000],
    "time": ["12:30:00+08:00", "12:30:00Z", "00:00:00.5+00:00", "23:59:59-23:59"],
    "point": [
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Point", "coordinates": [1.5, -2, 30], "bbox": [1, 2, 1, 2]},
    ],
    "multiPoint": [{"type": "MultiPoint", "coordinates": []}, {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}],
    "lineString": [{"type": "LineString", "coordinates": [[1, 2], [3, 4]]}],
    "multiLineString": [{"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]]]}],
    "polygon": [{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}],
    "multiPolygon": [{"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]}],
}
FORMATS: dict[str, list[str]] = {
    "date": [
        "",
        "2023-02-29",
        "2024-2-1",
        "20240201",
        "2024-13-01",
        "2024-00-01",
        "24-01-01",
        "2024-01-01T00:00:00Z",
        "２０２４-01-01",
        "2024-01-01\n",
        "0000-01-01",
        "2024-W01-1",
        "1900-02-29",
    ],
    "dateTime": [
        "",
        "2024-02-29t12:30:00Z",
        "2024-02-29T12:30:00z",
        "2016-12-31T23:59:60Z",
        "2024-01-01",
        "2024-01-01T12:30:00",
        "2024-01-01T12:30Z",
        "2024-01-01 12:30:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T12:60:00Z",
        "2024-01-01T12:30:61Z",
        "2024-01-01T12:30:60Z",
        "2023-02-29T12:30:00Z",
        "2024-01-01T12:30:00+0800",
        "2024-01-01T12:30:00+24:00",
        "2024-01-01T12:30:00.Z",
        "2024-01-01T12:30:00,5Z",
    ],
    "duration": [
        "",
        "P",
        "PT",
        "1D",
        "P1S",
        "P1DT",
        "PT1D",
        "P1.5DT1H",
        "PT1.S",
        "P1H",
        "P-1D",
        "PT15",
        "P1D2H",
        "P1W1M",
        "-P1D",
        "P1.5Y1M",
        "PT1.5H1S",
        "P1Y1W",
        "PW",
    ],
    "time": [
        "",
        "12:30:00",
        "23:59:60Z",
        "12:30:00z",
        "12:30",
        "24:00:00",
        "12:60:00",
        "12:30:61",
        "T12:30:00",
        "12:30:00 Z",
        "1:30:00",
        "12:30:00+8",
        "noon",
    ],
}
RANGES: dict[str, list[Any]] = {
    "double": [float("inf"), float("-inf"), float("nan"), 10**400],
    "float": [3.5e38, -1e39, 10**39, float("inf")],
    "integer": [2**31, -(2**31) - 1, 10**400],
    "long": [2**63, -(2**63) - 1],
}
TYPES: dict[str, list[Any]] = {
    "boolean": [0, 1, "true", None, [], {}],
    "date": [20240101, None, True],
    "dateTime": [0, None],
    "double": ["1", True, None, []],
    "duration": [1, None],
    "float": ["1", False, None],
    "integer": [1.0, 1.5, "1", True, None],
    "long": [1.0, "1", False, None],
    "string": [1, None, True, [], {}],
    "time": [1, None],
    "point": [1, None, [1, 2], "POINT (1 2)"],
}
GEOMETRIES: dict[str, list[tuple[str, Any]]] = {
    "point": [
        ("/type", {}),
        ("/type", {"type": "point", "coordinates": [1, 2]}),
        ("", {"type": "Point"}),
        ("/coordinates", {"type": "Point", "coordinates": [1]}),
        ("/coordinates", {"type": "Point", "coordinates": [1, "2"]}),
        ("/coordinates", {"type": "Point", "coordinates": [True, 2]}),
        ("/coordinates", {"type": "Point", "coordinates": [[1, 2]]}),
        ("/coordinates", {"type": "Point", "coordinates": [1, float("nan")]}),
        ("/type", {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}),
    ],
    "lineString": [
        ("/coordinates", {"type": "LineString", "coordinates": [[1, 2]]}),
        ("/coordinates/1", {"type": "LineString", "coordinates": [[1, 2], [3]]}),
    ],
    "polygon": [
        ("/coordinates/0", {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}),
        ("/coordinates/0", {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}),
        ("/coordinates/0", {"type": "Polygon", "coordinates": [5]}),
    ],
    "multiPoint": [
        ("/coordinates", {"type": "MultiPoint", "coordinates": 5}),
        ("/coordinates/0", {"type": "MultiPoint", "coordinates": [1, 2]}),
    ],
}


def _of(schema: Any, *extensions: str) -> Doc:
    return interface(telemetry(schema), context=[V3, QUANTITATIVE, *extensions])


def all_cases() -> Iterator[ValueCase]:
    yield from _primitives()
    yield from _geometries()
    yield from _complex()


def _primitives() -> Iterator[ValueCase]:
    for schema, values in RIGHT.items():
        yield from (ValueCase(f"{schema} {number}", _of(schema), value) for number, value in enumerate(values))
    for rule, table in ((Rule.INSTANCE_FORMAT, FORMATS), (Rule.INSTANCE_RANGE, RANGES), (Rule.INSTANCE_TYPE, TYPES)):
        for schema, values in table.items():
            for number, value in enumerate(values):
                yield ValueCase(f"{schema} {rule} {number}", _of(schema), value, rule)


def _geometries() -> Iterator[ValueCase]:
    for schema, values in GEOMETRIES.items():
        for number, (pointer, value) in enumerate(values):
            yield ValueCase(f"{schema} wrong {number}", _of(schema), value, Rule.INSTANCE_GEOMETRY, pointer)


def _complex() -> Iterator[ValueCase]:
    colours = _of(enum("red", "green", kind="string"))
    numbers = _of(enum(0, 1))
    yield ValueCase("enum of strings", colours, "red")
    yield ValueCase("enum of integers", numbers, 1)
    for number, (document, value) in enumerate(
        [
            (colours, "blue"),
            (colours, 1),
            (numbers, True),
            (numbers, 1.0),
            (numbers, "1"),
            (colours, None),
            (numbers, "n0"),
        ]
    ):
        yield ValueCase(f"not of the enum {number}", document, value, Rule.INSTANCE_ENUM)
    yield ValueCase("unit", _of("TemperatureUnit"), "kelvin")
    yield ValueCase("no unit", _of("TemperatureUnit"), "metre", Rule.INSTANCE_ENUM)
    yield ValueCase("prefix", _of("DecimalPrefix"), "deca")
    yield ValueCase("no prefix", _of("DecimalPrefix"), "kibi", Rule.INSTANCE_ENUM)
    yield ValueCase("array", _of(array("integer")), [1, 2, 3])
    yield ValueCase("empty array", _of(array("integer")), [])
    yield ValueCase("array with a text", _of(array("integer")), [1, "2"], Rule.INSTANCE_TYPE, "/1")
    yield ValueCase("object for an array", _of(array("integer")), {}, Rule.INSTANCE_TYPE)
    yield ValueCase("map", _of(map_of("date")), {"a/b": "2024-01-01"})
    yield ValueCase("map with a wrong value", _of(map_of("date")), {"a/b": "x"}, Rule.INSTANCE_FORMAT, "/a~1b")
    yield ValueCase("array for a map", _of(map_of()), [], Rule.INSTANCE_TYPE)
    yield ValueCase("map with a number as key", _of(map_of()), {1: 1.0}, Rule.INSTANCE_TYPE)
    pair = obj(field("integer", "x"), field("string", "y"))
    yield ValueCase("object", _of(pair), {"x": 1, "y": "a"})
    yield ValueCase("object without fields", _of(pair), {})
    yield ValueCase("unknown field", _of(pair), {"z": 1}, Rule.INSTANCE_FIELD, "/z")
    yield ValueCase("wrong field", _of(pair), {"x": "1"}, Rule.INSTANCE_TYPE, "/x")
    yield ValueCase("text for an object", _of(pair), "x", Rule.INSTANCE_TYPE)
    needed = obj(field("integer", "x", type_=["Field", "Required"]))
    required = _of(needed, "dtmi:dtdl:extension:requirement;1")
    yield ValueCase("required field", required, {"x": 1})
    yield ValueCase("no required field", required, {}, Rule.INSTANCE_MISSING)
    deep = _of(array(obj(field(map_of("integer"), "m"))))
    yield ValueCase("nested", deep, [{"m": {"k": 1}}])
    yield ValueCase("nested wrong", deep, [{"m": {"k": 1}}, {"m": {"k": None}}], Rule.INSTANCE_TYPE, "/1/m/k")
