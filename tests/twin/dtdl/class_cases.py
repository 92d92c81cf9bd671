"""Clauses that the specification repeats for every class: @type, @id, texts, members by DTMI, unknown members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.twin.domain.dtdl import Rule

from .cases import MISSING, V2, V3, Case, Sample, accept, reject, samples

LONG = "x" * 512
UNKNOWN = "dtmi:ex:unknown;1"
NO_IDS = [
    *(
        "",
        "it",
        "urn:ex:it;1",
        "DTMI:ex:it;1",
        "dtmi:",
        "dtmi:;1",
        "dtmi:1a;1",
        "dtmi:_a;1",
        "dtmi:a:_b:c;1",
        "dtmi:a_;1",
    ),
    *(
        "dtmi:a::b;1",
        "dtmi:a:;1",
        "dtmi:a;",
        "dtmi:a;0",
        "dtmi:a;01",
        "dtmi:a;1.0",
        "dtmi:a;1.01",
        "dtmi:a;1.",
        "dtmi:a;.1",
    ),
    *("dtmi:a;1.1.1", "dtmi:a;1234567890", "dtmi:a;1.1234567", "dtmi:a;-1", "dtmi:a;x", "dtmi:a;1 ", " dtmi:a;1"),
    *("dtmi:a;1\n", "dtmi:a-b;1", "dtmi:a.b;1", "dtmi:ä;1", "dtmi:a;１", "dtmi:a;1;2", "dtmi:a b;1", "_:b0"),
    *("dtmi:a#f", "dtmi:a/b;1"),
]

# What the specification says each class needs, and which other members it has. Written by hand, so that it can
# disagree with the parser.
REQUIRED = {
    "Array": ["elementSchema"],
    "Command": ["name"],
    "CommandRequest": ["name", "schema"],
    "CommandResponse": ["name", "schema"],
    "CommandPayload": ["name", "schema"],
    "Component": ["name", "schema"],
    "Enum": ["valueSchema"],
    "EnumValue": ["enumValue", "name"],
    "Field": ["name", "schema"],
    "Interface": [],
    "Map": ["mapKey", "mapValue"],
    "MapKey": ["name", "schema"],
    "MapValue": ["name", "schema"],
    "Object": [],
    "Property": ["name", "schema"],
    "Relationship": ["name"],
    "Telemetry": ["name", "schema"],
}
OPTIONAL: dict[str, dict[str, Any]] = {
    "Command": {"commandType": "synchronous", "request": {"name": "a", "schema": "date"}, "response": []},
    "Enum": {"enumValues": []},
    "Interface": {"contents": [], "extends": [], "schemas": []},
    "Object": {"fields": []},
    "Property": {"writable": True},
    "Relationship": {
        "maxMultiplicity": 3,
        "minMultiplicity": 0,
        "properties": [],
        "target": "dtmi:ex:other;1",
        "writable": False,
    },
}
TEXTS = {"comment": "c", "description": "d", "displayName": "n"}
EVERY_MEMBER = {name for names in REQUIRED.values() for name in names} | {
    name for members in OPTIONAL.values() for name in members
}


def all_cases() -> Iterator[Case]:
    for sample in samples():
        for clause in (_types, _ids, _members, _contexts, _schemas, _undefined):
            yield from clause(sample)


def _members_of(sample: Sample) -> set[str]:
    return {*REQUIRED[sample.class_name], *OPTIONAL.get(sample.class_name, {}), *TEXTS}


def _types(sample: Sample) -> Iterator[Case]:
    name, at = sample.class_name, sample.pointer
    dtmi = f"dtmi:dtdl:class:{name};3"
    yield accept(f"{name}: smallest", sample.document)
    for written in (name, [name], dtmi, [dtmi], [name, dtmi], [name, name]):
        yield accept(f"{name}: @type {written}", sample.with_(__type=written))
    if sample.is_implied:
        yield accept(f"{name}: @type implied", sample.with_(__type=MISSING))
    else:
        yield reject(Rule.TYPE_MISSING, at, f"{name}: no @type", sample.with_(__type=MISSING))
    for wrong in (1, None, True, {}, [name, 1], [[name]], {"@value": name}):
        yield reject(Rule.TYPE_SHAPE, f"{at}/@type", f"{name}: @type {wrong}", sample.with_(__type=wrong))
    for wrong in ([], name.lower(), "Historized", "dtmi:ex:Type;1", f"dtmi:dtdl:class:{name};2", "Schema", "Entity"):
        yield reject(Rule.TYPE_MATERIAL, f"{at}/@type", f"{name}: @type {wrong}", sample.with_(__type=wrong))
    other = "Command" if name == "Array" else "Array"
    if name not in ("Enum", "Map", "Object"):
        yield reject(Rule.ELEMENT_CLASS, f"{at}/@type", f"{name}: is {other}", sample.with_(__type=other))
    yield reject(Rule.TYPE_SEVERAL, f"{at}/@type", f"{name}: is {other} too", sample.with_(__type=[name, other]))
    yield reject(Rule.TYPE_UNDEFINED, f"{at}/@type", f"{name}: unknown co-type", sample.with_(__type=[name, "Flavor"]))
    yield reject(Rule.TYPE_UNDEFINED, f"{at}/@type", f"{name}: DTMI co-type", sample.with_(__type=[name, "dtmi:a:B;1"]))
    for wrong in ("dtmi:", "dtmi:a:b;0", "dtmi:_a;1", "dtmi:a:;1"):
        case = sample.with_(__type=[name, wrong])
        yield reject(Rule.TYPE_INVALID_DTMI, f"{at}/@type", f"{name}: co-type {wrong}", case)
    for wrong in ("http://ex.com/Type", "xsd:string", ":"):
        case = sample.with_(__type=[name, wrong])
        yield reject(Rule.TYPE_NOT_TERM, f"{at}/@type", f"{name}: co-type {wrong}", case)


def _ids(sample: Sample) -> Iterator[Case]:
    name, at = sample.class_name, f"{sample.pointer}/@id"
    longest = 128 if name == "Interface" else 2048
    for right in (
        "dtmi:ex:it;1",
        "dtmi:a",
        "dtmi:A:b_c:d9;999999999.999999",
        "dtmi:a;1.1",
        "dtmi:dtdl;1",
        "dtmi:a:" + "b" * (longest - 7),
    ):
        yield accept(f"{name}: @id {right[:40]}", sample.with_(__id=right))
    for wrong in (1, None, ["dtmi:ex:it;1"], {}, True):
        yield reject(Rule.ID_SHAPE, at, f"{name}: @id {wrong}", sample.with_(__id=wrong))
    for wrong in NO_IDS:
        yield reject(Rule.ID_SYNTAX, at, f"{name}: @id {wrong!r}", sample.with_(__id=wrong))
    for wrong in ("dtmi:dtdl:x;1", "dtmi:standard:x;1", "dtmi:dtdl:class:Interface;3"):
        yield reject(Rule.ID_RESERVED, at, f"{name}: @id {wrong}", sample.with_(__id=wrong))
    long = "dtmi:a:" + "b" * (longest - 6)
    yield reject(Rule.ID_LENGTH, at, f"{name}: @id too long", sample.with_(__id=long))
    if name == "Interface":
        yield reject(Rule.ID_MISSING, sample.pointer, f"{name}: no @id", sample.with_(__id=MISSING))
        other = {"@context": V3, "@type": "Interface", "@id": sample.document["@id"]}
        yield reject(Rule.ID_DUPLICATE, "/@id", f"{name}: same @id twice", sample.document, other)
    else:
        yield reject(Rule.ID_DUPLICATE, at, f"{name}: same @id twice", sample.with_(__id="dtmi:ex:thing;1"))


def _members(sample: Sample) -> Iterator[Case]:
    name, at = sample.class_name, sample.pointer
    given = sample.element(sample.document)
    for member in REQUIRED[name]:
        yield reject(Rule.MEMBER_REQUIRED, at, f"{name}: no {member}", sample.with_(**{member: MISSING}))
    values = {member: given[member] for member in REQUIRED[name]} | OPTIONAL.get(name, {}) | TEXTS
    for member, value in values.items():
        dtmi = f"dtmi:dtdl:property:{member};3"
        swapped = sample.with_(**{member: MISSING})
        sample.element(swapped)[dtmi] = value
        yield accept(f"{name}: {member} by DTMI", swapped)
        both = sample.with_named(member, value)
        sample.element(both)[dtmi] = value
        yield reject(Rule.MEMBER_TWICE, f"{at}/{dtmi}", f"{name}: {member} by term and DTMI", both)
        older = sample.with_(**{member: MISSING})
        sample.element(older)[f"dtmi:dtdl:property:{member};2"] = value
        yield reject(
            Rule.MEMBER_IRRELEVANT, f"{at}/dtmi:dtdl:property:{member};2", f"{name}: {member} by DTMI of v2", older
        )
        if member not in TEXTS:
            yield from _one_or_array(sample, member, value)
    yield from _unknown_members(sample)


def _unknown_members(sample: Sample) -> Iterator[Case]:
    name, at = sample.class_name, sample.pointer
    for member in sorted(EVERY_MEMBER - _members_of(sample)):
        case = sample.with_named(member, "x")
        yield reject(Rule.MEMBER_IRRELEVANT, f"{at}/{member}", f"{name}: {member} is of another class", case)
    for keyword in ("@graph", "@value", "@language", "@foo", "@", "@reverse", "@container", "@vocab"):
        yield reject(Rule.KEYWORD, f"{at}/{keyword}", f"{name}: {keyword}", sample.with_named(keyword, []))
    for member in ("foo", "unit", "", "Name", "type", "id"):
        yield reject(Rule.MEMBER_UNDEFINED, f"{at}/{member}", f"{name}: {member!r}", sample.with_named(member, 1))
    for member in ("dtmi:", "dtmi:a b", "dtmi:a;0"):
        yield reject(Rule.MEMBER_INVALID_DTMI, None, f"{name}: {member!r}", sample.with_named(member, 1))
    for member in ("http://ex.com/foo", "xsd:foo", ":"):
        yield reject(Rule.MEMBER_NOT_TERM, None, f"{name}: {member!r}", sample.with_named(member, 1))
    yield reject(Rule.MEMBER_IRRELEVANT, None, f"{name}: any DTMI", sample.with_named("dtmi:ex:foo;1", 1))


MANY = {"contents", "extends", "schemas", "enumValues", "fields", "properties"}


def _one_or_array(sample: Sample, member: str, value: Any) -> Iterator[Case]:
    name, at = sample.class_name, f"{sample.pointer}/{member}"
    if isinstance(value, list):
        yield accept(f"{name}: {member} empty", sample.with_named(member, []))
    else:
        yield accept(f"{name}: {member} in an array", sample.with_named(member, [value]))
        yield reject(Rule.VALUE_COUNT, at, f"{name}: two of {member}", sample.with_named(member, [value, value]))
        required = member in REQUIRED[name]
        if required:
            yield reject(Rule.VALUE_COUNT, at, f"{name}: none of {member}", sample.with_named(member, []))
        else:
            yield accept(f"{name}: none of {member}", sample.with_named(member, []))
    rule = Rule.VALUE_CHOICE if name == "MapKey" and member == "schema" else RULE_OF_NULL[member]
    yield reject(rule, at, f"{name}: {member} null", sample.with_named(member, None))


RULE_OF_NULL = {
    "name": Rule.VALUE_STRING,
    "schema": Rule.ELEMENT_EXPECTED,
    "elementSchema": Rule.ELEMENT_EXPECTED,
    "mapKey": Rule.ELEMENT_EXPECTED,
    "mapValue": Rule.ELEMENT_EXPECTED,
    "request": Rule.ELEMENT_EXPECTED,
    "response": Rule.ELEMENT_EXPECTED,
    "contents": Rule.ELEMENT_EXPECTED,
    "extends": Rule.ELEMENT_EXPECTED,
    "schemas": Rule.ELEMENT_EXPECTED,
    "enumValues": Rule.ELEMENT_EXPECTED,
    "fields": Rule.ELEMENT_EXPECTED,
    "properties": Rule.ELEMENT_EXPECTED,
    "enumValue": Rule.VALUE_INTEGER,
    "valueSchema": Rule.VALUE_CHOICE,
    "commandType": Rule.VALUE_CHOICE,
    "maxMultiplicity": Rule.VALUE_INTEGER,
    "minMultiplicity": Rule.VALUE_INTEGER,
    "target": Rule.TARGET_DTMI,
    "writable": Rule.VALUE_BOOLEAN,
}


def _contexts(sample: Sample) -> Iterator[Case]:
    name, at = sample.class_name, f"{sample.pointer}/@context"
    for right in (V3, [V3], [V3, "dtmi:dtdl:extension:historization;1"]):
        yield accept(f"{name}: @context {right}", sample.with_(__context=right))
    for wrong in (1, None, {}, {"@vocab": "x"}, [V3, {}]):
        yield reject(Rule.CONTEXT_SHAPE, None, f"{name}: @context {wrong}", sample.with_(__context=wrong))
    yield reject(Rule.CONTEXT_DTMI, at, f"{name}: @context is a URL", sample.with_(__context="http://azureiot.com/v1"))
    yield reject(Rule.CONTEXT_UNVERSIONED, at, f"{name}: no version", sample.with_(__context="dtmi:dtdl:context"))
    yield reject(Rule.CONTEXT_LANGUAGE_VERSION, at, f"{name}: v4", sample.with_(__context="dtmi:dtdl:context;4"))
    yield reject(Rule.CONTEXT_UNDEFINED, f"{at}/1", f"{name}: unknown extension", sample.with_(__context=[V3, UNKNOWN]))
    wrong_order = ["dtmi:dtdl:extension:historization;1", V3]
    yield reject(Rule.CONTEXT_ORDER, at, f"{name}: extension first", sample.with_(__context=wrong_order))


def _schemas(sample: Sample) -> Iterator[Case]:
    member = "elementSchema" if sample.class_name == "Array" else "schema"
    if member not in REQUIRED[sample.class_name] or sample.class_name in ("Component", "MapKey"):
        return
    name, at = sample.class_name, f"{sample.pointer}/{member}"
    yield from _standard_schemas(sample, member)
    for right in COMPLEX:
        yield accept(f"{name}: {member} {right['@type']}", sample.with_named(member, right))
        with_id = sample.with_named(member, right | {"@id": "dtmi:ex:s;1"})
        yield accept(f"{name}: {member} {right['@type']} with @id", with_id)
        shared = sample.with_named(member, "dtmi:ex:s;1") | {"schemas": [right | {"@id": "dtmi:ex:s;1"}]}
        yield accept(f"{name}: {member} refers to {right['@type']}", shared)
    for wrong in NO_TERMS:
        yield reject(Rule.REFERENCE_SYNTAX, at, f"{name}: {member} {wrong!r}", sample.with_named(member, wrong))
    for wrong in (1, True, None):
        yield reject(Rule.ELEMENT_EXPECTED, at, f"{name}: {member} {wrong!r}", sample.with_named(member, wrong))
    for wrong in (
        "dtmi:dtdl:instance:Schema:integer;4",
        "dtmi:dtdl:instance:Schema:uuid;3",
        "dtmi:standard:schema:geospatial:circle;3",
    ):
        yield reject(Rule.REFERENCE_RESERVED, at, f"{name}: {member} {wrong}", sample.with_named(member, wrong))
    yield reject(Rule.REFERENCE_UNRESOLVED, at, f"{name}: {member} nowhere", sample.with_named(member, "dtmi:ex:no;1"))
    for wrong in ("Interface", "Telemetry", "Field"):
        element = {"@type": wrong, "@id": "dtmi:ex:s;1"}
        yield reject(
            Rule.ELEMENT_CLASS, f"{at}/@type", f"{name}: {member} is {wrong}", sample.with_named(member, element)
        )
    to_interface = sample.with_named(member, "dtmi:ex:base;1")
    base = {"@context": V3, "@id": "dtmi:ex:base;1", "@type": "Interface"}
    yield reject(Rule.ELEMENT_CLASS, at, f"{name}: {member} refers to an Interface", to_interface, base)
    only_id = sample.with_named(member, {"@id": "dtmi:ex:s;1"})
    yield reject(Rule.TYPE_MISSING, at, f"{name}: {member} is only an @id", only_id)


def _standard_schemas(sample: Sample, member: str) -> Iterator[Case]:
    is_in_schema = sample.class_name in ("Array", "Field", "MapValue")
    for name in STANDARD:
        changed = sample.with_named(member, name)
        title = f"{sample.class_name}: {member} {name}"
        if is_in_schema and "multiPolygon" in name:
            yield reject(Rule.SCHEMA_DEPTH, None, title, changed)
        else:
            yield accept(title, changed)


STANDARD = [
    written.format(name)
    for name in ("boolean", "date", "dateTime", "double", "duration", "float", "integer", "long", "string", "time")
    for written in ("{}", "dtmi:dtdl:instance:Schema:{};3", "dtmi:dtdl:instance:Schema:{};2")
] + [
    written.format(name)
    for name in ("lineString", "multiLineString", "multiPoint", "multiPolygon", "point", "polygon")
    for written in ("{}", "dtmi:standard:schema:geospatial:{};3")
]
COMPLEX: list[dict[str, Any]] = [
    {"@type": "Array", "elementSchema": "date"},
    {"@type": "Enum", "valueSchema": "string"},
    {"@type": "Object"},
    {"@type": "Map", "mapKey": {"name": "k", "schema": "string"}, "mapValue": {"name": "v", "schema": "time"}},
]
NO_TERMS = [
    *("", "int", "Double", "bytes", "decimal", "uuid", "short", "byte", "unsignedInteger", "scaledDecimal", "Schema"),
    *("number", "http://www.w3.org/2001/XMLSchema#string", "dtmi:a;0", "dtmi:", "Temperature", "TemperatureUnit"),
]


def _undefined(sample: Sample) -> Iterator[Case]:
    """What an unknown extension could define is only incomplete; what none could is wrong."""
    name, at = sample.class_name, sample.pointer
    unknown = sample.with_(__type=[name, "Flavor"], taste="sweet", **{"dtmi:ex:foo;1": 1})
    unknown["@context"] = [V3, UNKNOWN]
    yield reject(Rule.CONTEXT_UNDEFINED, "/@context/1", f"{name}: of an unknown extension", unknown)
    for member, rule in (("http://a", Rule.MEMBER_NOT_TERM), ("dtmi:", Rule.MEMBER_INVALID_DTMI), ("@x", Rule.KEYWORD)):
        wrong = sample.with_(__type=[name, "Flavor"], **{member: 1})
        wrong["@context"] = [V3, UNKNOWN]
        yield Case(f"{name}: {member} beside an unknown co-type", (wrong,), rule, None)
    plain = sample.with_(taste="sweet")
    plain["@context"] = [V3, UNKNOWN]
    yield reject(Rule.MEMBER_UNDEFINED, f"{at}/taste", f"{name}: unknown member without co-type", plain)


def of_version_2() -> Iterator[Case]:
    for sample in samples(2):
        name, at = sample.class_name, sample.pointer
        dtmi = f"dtmi:dtdl:class:{name};2"
        yield accept(f"v2 {name}: smallest", sample.document)
        for written in (dtmi, [name, "Flavor"], [name, "http://ex.com/Type"]):
            yield accept(f"v2 {name}: @type {written}", sample.with_(__type=written))
        for newer in ("CommandRequest", "AdjunctType", "LatentType", "metamodel", "deca", "EnergyRate"):
            yield accept(f"v2 {name}: {newer}, a word of v3 alone", sample.with_(__type=[name, newer]))
        yield accept(
            f"v2 {name}: informal", sample.with_(__type=[name, "Flavor"], taste=1, **{"http://a": 1, "name": "a"})
        )
        yield accept(f"v2 {name}: other keywords", sample.with_named("@foo", 1))
        yield reject(Rule.KEYWORD, f"{at}/@graph", f"v2 {name}: @graph", sample.with_named("@graph", 1))
        yield reject(Rule.TYPE_UNDEFINED, f"{at}/@type", f"v2 {name}: DTMI", sample.with_(__type=[name, "dtmi:a:B;1"]))
        for term in ("Schema", "integer", "schemas", "kelvin", "kilo"):
            case = sample.with_(__type=[name, term])
            yield reject(Rule.TYPE_UNDEFINED, f"{at}/@type", f"v2 {name}: reserved {term}", case)
        yield reject(Rule.MEMBER_UNDEFINED, f"{at}/foo", f"v2 {name}: foo", sample.with_named("foo", 1))
        yield reject(Rule.TEXT_LENGTH, None, f"v2 {name}: displayName", sample.with_named("displayName", "x" * 65))
        yield accept(f"v2 {name}: displayName of 64", sample.with_named("displayName", "x" * 64))
        for wrong in ("dtmi:ex:a", "dtmi:ex:a;1.1"):
            yield reject(Rule.ID_SYNTAX, f"{at}/@id", f"v2 {name}: @id {wrong}", sample.with_(__id=wrong))
        if "name" in REQUIRED[name]:
            yield reject(Rule.TEXT_LENGTH, f"{at}/name", f"v2 {name}: name", sample.with_(name="x" * 65))
        assert sample.document["@context"] == V2
