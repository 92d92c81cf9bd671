"""The classes of DTDL v2 and v3 and their members, as tables.

Sources: DTDL Language Specification, versions 3 and 2, chapters "DTDL element" and "Standard schemas".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto


def words(text: str) -> tuple[str, ...]:
    """The words of a table that is written as text."""
    return tuple(text.split())


VERSIONS = (2, 3)
NUMERIC = ("double", "float", "integer", "long")
PRIMITIVES = ("boolean", "date", "dateTime", "double", "duration", "float", "integer", "long", "string", "time")
GEOSPATIAL = ("lineString", "multiLineString", "multiPoint", "multiPolygon", "point", "polygon")
# A geometry is an Object whose coordinates are Arrays of numbers, so many levels deep.
GEOSPATIAL_DEPTH = {"point": 2, "lineString": 3, "multiPoint": 3, "multiLineString": 4, "polygon": 4, "multiPolygon": 5}
COMPLEX = ("Array", "Enum", "Map", "Object")
CONTENTS = ("Command", "Component", "Property", "Relationship", "Telemetry")

SCHEMA_DEPTH = 5
EXTENDS_DEPTH = 10
EXTENDS_COUNT = 1024
CONTENTS_COUNT = 100_000
INTERFACE_BYTES = 1024 * 1024


class Kind(Enum):
    """What the value of a member may be."""

    STRING = auto()
    NAME = auto()
    LOCALIZED = auto()
    INTEGER = auto()
    BOOLEAN = auto()
    CHOICE = auto()
    TARGET = auto()
    ENUM_VALUE = auto()
    ELEMENT = auto()
    SCHEMA = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a class: kind of its values and how many; `most` None is without bound."""

    kind: Kind
    fewest: int = 0
    most: int | None = 1
    longest: int = 512
    lowest: int | None = None
    highest: int | None = None
    choices: Mapping[str, str] | None = None
    classes: frozenset[str] = frozenset()
    versions: tuple[int, ...] = ()
    needs_id: bool = False

    @property
    def implied(self) -> str | None:
        """The class of a value that names none."""
        return next(iter(self.classes)) if self.classes <= IMPLIED and len(self.classes) == 1 else None


IMPLIED = frozenset({"CommandPayload", "CommandRequest", "CommandResponse", "EnumValue", "Field", "MapKey", "MapValue"})


def _standard(names: Iterable[str], prefix: str, versions: Iterable[int]) -> dict[str, str]:
    """Term and identifiers of each name, to the name."""
    by_dtmi = {f"{prefix}:{name};{version}": name for name in names for version in versions}
    return {name: name for name in names} | by_dtmi


def _upto(version: int) -> range:
    return range(2, version + 1)


STANDARD_SCHEMAS: Mapping[int, Mapping[str, str]] = {
    version: _standard(PRIMITIVES, "dtmi:dtdl:instance:Schema", _upto(version))
    | _standard(GEOSPATIAL, "dtmi:standard:schema:geospatial", _upto(version))
    for version in VERSIONS
}


def _elements(versions: tuple[int, ...], *classes: str, most: int | None = None, fewest: int = 0) -> Member:
    return Member(kind=Kind.ELEMENT, classes=frozenset(classes), versions=versions, most=most, fewest=fewest)


def _tables(version: int) -> dict[str, dict[str, Member]]:
    is_2 = version == 2
    older = tuple(_upto(version))
    same = (version,)
    name = Member(kind=Kind.NAME, fewest=1, longest=64 if is_2 else 512)
    schema = Member(kind=Kind.SCHEMA, fewest=1, classes=frozenset(COMPLEX), versions=older)
    text = Member(kind=Kind.STRING)
    boolean = Member(kind=Kind.BOOLEAN)
    requests = ("CommandPayload", "CommandPayload") if is_2 else ("CommandRequest", "CommandResponse")
    payload = {"name": name, "schema": schema}
    key_schema = {each: value for each, value in STANDARD_SCHEMAS[version].items() if value == "string"}
    enum_schema = {each: value for each, value in STANDARD_SCHEMAS[version].items() if value in ("integer", "string")}
    timing = _standard(("asynchronous", "synchronous"), "dtmi:dtdl:instance:CommandType", same)
    classes = {
        "Array": {"elementSchema": schema},
        "Command": {
            "name": name,
            "commandType": Member(kind=Kind.CHOICE, choices=timing),
            "request": _elements(same, requests[0], most=1),
            "response": _elements(same, requests[1], most=1),
        },
        "Component": {"name": name, "schema": _elements(older, "Interface", most=1, fewest=1)},
        "Enum": {
            "valueSchema": Member(kind=Kind.CHOICE, choices=enum_schema, fewest=1),
            "enumValues": _elements(same, "EnumValue", most=100 if is_2 else None, fewest=1 if is_2 else 0),
        },
        "EnumValue": {"name": name, "enumValue": Member(kind=Kind.ENUM_VALUE, fewest=1)},
        "Field": payload,
        "Interface": {
            "contents": _elements(older, *CONTENTS, most=300 if is_2 else None),
            "extends": _elements(older, "Interface", most=2 if is_2 else None),
            "schemas": replace(_elements(same, *COMPLEX), needs_id=True),
        },
        "Map": {
            "mapKey": _elements(same, "MapKey", most=1, fewest=1),
            "mapValue": _elements(same, "MapValue", most=1, fewest=1),
        },
        "MapKey": {"name": name, "schema": Member(kind=Kind.CHOICE, choices=key_schema, fewest=1)},
        "MapValue": payload,
        "Object": {"fields": _elements(same, "Field", most=30 if is_2 else None, fewest=1 if is_2 else 0)},
        "Property": {"name": name, "schema": schema, "writable": boolean},
        "Relationship": {
            "name": name,
            "minMultiplicity": Member(kind=Kind.INTEGER, lowest=0, highest=0),
            "maxMultiplicity": Member(kind=Kind.INTEGER, lowest=1, highest=500 if is_2 else None),
            "properties": _elements(older, "Property", most=300 if is_2 else None),
            "target": Member(kind=Kind.TARGET),
            "writable": boolean,
        },
        "Telemetry": {"name": name, "schema": schema},
    } | dict.fromkeys(requests, payload)
    common = {
        "comment": text,
        "description": Member(kind=Kind.LOCALIZED, most=None),
        "displayName": Member(kind=Kind.LOCALIZED, most=None, longest=64 if is_2 else 512),
    }
    return {each: common | members for each, members in classes.items()}


CLASSES: Mapping[int, Mapping[str, Mapping[str, Member]]] = {version: _tables(version) for version in VERSIONS}

MATERIAL: Mapping[int, Mapping[str, str]] = {
    version: {term: name for name in CLASSES[version] for term in (name, f"dtmi:dtdl:class:{name};{version}")}
    for version in VERSIONS
}


def _properties(version: int) -> dict[str, str]:
    names = {name for members in CLASSES[version].values() for name in members}
    return {term: name for name in names for term in (name, f"dtmi:dtdl:property:{name};{version}")}


PROPERTIES: Mapping[int, Mapping[str, str]] = {version: _properties(version) for version in VERSIONS}

# Terms of v2 that are neither a class one can write nor a member nor a schema, and no co-types of a user's own.
RESERVED_TERMS_OF_2 = words(
    "Boolean CommandType ComplexSchema Content Date DateTime Double Duration Entity Float Integer Long NamedEntity "
    "NumericSchema PrimitiveSchema Schema SchemaField SemanticType SemanticUnit String TemporalSchema Time Unit "
    "UnitAttribute asynchronous exponent languageMajorVersion symbol synchronous baseUnit bottomUnit prefix topUnit "
    "unit"
)
