"""Single members of classes, uniqueness, limits and exclusions of the hierarchy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.twin.domain.dtdl import Rule

from .cases import (
    Case,
    Doc,
    accept,
    array,
    command,
    component,
    enum,
    field,
    interface,
    map_of,
    obj,
    prop,
    reject,
    relationship,
    telemetry,
)


def all_cases() -> Iterator[Case]:
    yield from _literals()
    yield from _enums()
    yield from _maps()
    yield from _interface_schemas()
    yield from _names()
    yield from _inherited_names()


def _literals() -> Iterator[Case]:
    def writable(value: Any) -> Doc:
        return interface(prop(writable=value))

    xsd = "http://www.w3.org/2001/XMLSchema#"
    for right in (
        True,
        False,
        [True],
        [],
        {"@value": True},
        {"@value": False, "@type": "xsd:boolean"},
        [{"@value": True, "@type": f"{xsd}boolean"}],
    ):
        yield accept(f"writable {right}", writable(right))
        yield accept(f"relationship writable {right}", interface(relationship(writable=right)))
    for wrong in (1, 0, "true", None, "", 1.0):
        yield reject(Rule.VALUE_BOOLEAN, "/contents/0/writable", f"writable {wrong!r}", writable(wrong))
    yield reject(Rule.VALUE_BOOLEAN, "/contents/0/writable", "writable @value 1", writable({"@value": 1}))
    for wrong in ({}, {"@value": True, "@type": "xsd:string"}, {"@value": True, "@id": "dtmi:a;1"}):
        yield reject(Rule.VALUE_OBJECT, None, f"writable {wrong}", writable(wrong))
    yield reject(Rule.VALUE_COUNT, "/contents/0/writable", "writable twice", writable([True, False]))
    yield from _multiplicities(xsd)
    yield from _command_types()
    yield accept("relationship with properties", interface(relationship(properties=[prop(), prop(name="b")])))
    wrong_kind = relationship(properties=[telemetry()])
    yield reject(Rule.ELEMENT_CLASS, None, "relationship with telemetry", interface(wrong_kind))
    yield accept("arrays in properties", interface(prop(array("point"))))


def _multiplicities(xsd: str) -> Iterator[Case]:
    for member, right, low, high in (
        ("maxMultiplicity", (1, 2, 500, 501, 2**31 - 1), (0, -1, -(2**31)), ()),
        ("minMultiplicity", (0,), (-1,), (1, 2)),
    ):
        at = f"/contents/0/{member}"
        first = right[0]
        for value in (
            *right,
            float(first),
            [first],
            [],
            {"@value": first},
            {"@value": float(first), "@type": "xsd:integer"},
            {"@value": first, "@type": "xsd:integer"},
            {"@value": first, "@type": f"{xsd}integer"},
        ):
            yield accept(f"{member} {value}", interface(relationship(**{member: value})))
        for value in (*low, *high, -1.0):
            yield reject(Rule.VALUE_RANGE, at, f"{member} {value}", interface(relationship(**{member: value})))
        for value in (1.5, 0.1, -0.5, "1", "1.0", True, False, None, 2**31, 2.0**31, 1e300):
            yield reject(Rule.VALUE_INTEGER, at, f"{member} {value!r}", interface(relationship(**{member: value})))
        for value in (
            {"@value": 1, "@type": "xsd:string"},
            {"@value": 1, "x": 1},
            {"value": 1},
            {"@value": 1, "@type": "xsd:int"},
        ):
            yield reject(Rule.VALUE_OBJECT, None, f"{member} {value}", interface(relationship(**{member: value})))
    both = relationship(minMultiplicity=0, maxMultiplicity=1)
    yield accept("both multiplicities", interface(both))


def _command_types() -> Iterator[Case]:
    for right in ("synchronous", "asynchronous", ["synchronous"], [], "dtmi:dtdl:instance:CommandType:synchronous;3"):
        yield accept(f"commandType {right}", interface(command(commandType=right)))
    for wrong in ("sync", "", 1, True, "dtmi:dtdl:instance:CommandType:synchronous;2", {"@value": "synchronous"}):
        yield reject(
            Rule.VALUE_CHOICE,
            "/contents/0/commandType",
            f"commandType {wrong!r}",
            interface(command(commandType=wrong)),
        )
    yield reject(Rule.ELEMENT_EXPECTED, "/contents/0/request", "request 1", interface(command(request=1)))
    yield reject(Rule.REFERENCE_SYNTAX, "/contents/0/request", "request string", interface(command(request="string")))
    yield reject(
        Rule.ELEMENT_CLASS, None, "request is a response", interface(command(request=field(type_="CommandResponse")))
    )
    yield reject(
        Rule.TYPE_MATERIAL, None, "request is a payload", interface(command(request=field(type_="CommandPayload")))
    )


def _enums() -> Iterator[Case]:
    def of(schema: Any) -> Doc:
        return interface(telemetry(schema))

    at = "/contents/0/schema"
    dtmi = "dtmi:dtdl:instance:Schema:"
    values = [
        *({"name": "a", "enumValue": value} for value in ({"@value": 1}, [{"@value": 1, "@type": "xsd:integer"}], [1])),
    ]
    kinds = [enum(1, kind=f"{dtmi}integer;{version}") for version in (2, 3)]
    kinds += [enum("1", kind=f"{dtmi}string;{version}") for version in (2, 3)]
    typed = {"name": "a", "enumValue": {"@value": "x", "@type": "xsd:string"}}
    strings = [enum(*texts, kind="string") for texts in (("a", "b"), ("", "A b"), ("A", "a"), (typed,))]
    one = enum() | {"enumValues": {"name": "a", "enumValue": 1}}
    several = [enum(), enum(1, 2), enum(-(2**31), 2**31 - 1), one, enum() | {"valueSchema": ["integer"]}]
    for right in (*several, *kinds, *strings, *(enum(value) for value in values)):
        yield accept(f"enum {str(right)[16:150]}", of(right))
    for wrong in ("long", "boolean", "double", "dtmi:dtdl:instance:Schema:integer;4", "dtmi:ex:s;1", 1, {}, "Integer"):
        yield reject(Rule.VALUE_CHOICE, f"{at}/valueSchema", f"valueSchema {wrong}", of(enum(kind=wrong)))
    yield reject(Rule.ENUM_VALUE_TYPE, f"{at}/enumValues/0/enumValue", "string of integers", of(enum("1")))
    yield reject(Rule.ENUM_VALUE_TYPE, f"{at}/enumValues/0/enumValue", "integer of strings", of(enum(1, kind="string")))
    for wrong in (1.5, True, None, 2**31, 2.0**31):
        yield reject(Rule.VALUE_INTEGER, f"{at}/enumValues/0/enumValue", f"enumValue {wrong}", of(enum(wrong)))
    for wrong in ({}, {"@value": 1, "@type": "xsd:string"}, {"@value": "a", "@type": "xsd:integer"}, {"en": "a"}):
        yield reject(Rule.VALUE_OBJECT, None, f"enumValue {wrong}", of(enum({"name": "a", "enumValue": wrong})))
    for right in (1.0, -0.0, 2147483647.0, {"@value": 1e2, "@type": "xsd:integer"}):
        yield accept(f"enumValue {right}", of(enum({"name": "a", "enumValue": right})))
    fraction = enum(1, {"name": "b", "enumValue": 1.0})
    yield reject(Rule.ENUM_VALUE_DUPLICATE, f"{at}/enumValues/1/enumValue", "1 and 1.0", of(fraction))
    yield reject(Rule.ENUM_VALUE_TYPE, f"{at}/enumValues/0/enumValue", "1.0 of strings", of(enum(1.0, kind="string")))
    twice = enum(1, {"name": "b", "enumValue": {"@value": 1}})
    yield reject(Rule.ENUM_VALUE_DUPLICATE, f"{at}/enumValues/1/enumValue", "same value", of(twice))
    yield reject(
        Rule.ENUM_VALUE_DUPLICATE, f"{at}/enumValues/1/enumValue", "same text", of(enum("a", "a", kind="string"))
    )
    same = enum({"name": "a", "enumValue": 1}, {"name": "a", "enumValue": 2})
    yield reject(Rule.NAME_DUPLICATE, f"{at}/enumValues/1/name", "same name of a value", of(same))
    shared = enum({"name": "a", "enumValue": 1, "@id": "dtmi:ex:v;1"}, id_="dtmi:ex:e;1")
    other = {"@type": "Enum", "valueSchema": "string", "enumValues": ["dtmi:ex:v;1"]}
    yield accept(
        "value shared by two enums",
        interface(telemetry(shared), telemetry(other | {"valueSchema": "integer"}, name="b")),
    )
    yield reject(
        Rule.ENUM_VALUE_TYPE,
        None,
        "value shared by enums of two kinds",
        interface(telemetry(shared), telemetry(other, name="b")),
    )
    yield reject(
        Rule.ELEMENT_CLASS, None, "a Field as value", of(enum({"@type": "Field", "name": "a", "schema": "date"}))
    )


def _maps() -> Iterator[Case]:
    def of(key: Any) -> Doc:
        return interface(telemetry(map_of() | {"mapKey": {"name": "k", "schema": key}}))

    for right in ("string", ["string"], "dtmi:dtdl:instance:Schema:string;3", "dtmi:dtdl:instance:Schema:string;2"):
        yield accept(f"key {right}", of(right))
    for wrong in ("integer", "String", "dtmi:ex:s;1", 1, {"@type": "Enum", "valueSchema": "string"}):
        yield reject(Rule.VALUE_CHOICE, "/contents/0/schema/mapKey/schema", f"key {wrong}", of(wrong))
    yield reject(
        Rule.REFERENCE_SYNTAX,
        "/contents/0/schema/mapKey",
        "key is a term",
        interface(telemetry(map_of() | {"mapKey": "string"})),
    )
    yield accept("map of maps", interface(telemetry(map_of(map_of()))))


def _interface_schemas() -> Iterator[Case]:
    for schema in (array(), enum(1), map_of(), obj(field())):
        kind = schema["@type"]
        right = interface(schemas=[schema | {"@id": "dtmi:ex:s;1"}])
        yield accept(f"schemas: {kind}", right)
        yield reject(Rule.ID_MISSING, "/schemas/0", f"schemas: {kind} without @id", interface(schemas=[schema]))
        yield reject(Rule.ID_MISSING, "/schemas", f"schemas: one {kind} without @id", interface(schemas=schema))
    yield reject(Rule.REFERENCE_SYNTAX, "/schemas", "schemas: a term", interface(schemas="double"))
    yield accept("schemas: a reference", interface(telemetry(array(id_="dtmi:ex:s;1")), schemas="dtmi:ex:s;1"))
    wrong = {"@type": "Telemetry", "@id": "dtmi:ex:s;1", "name": "a", "schema": "date"}
    yield reject(Rule.ELEMENT_CLASS, "/schemas/@type", "schemas: a Telemetry", interface(schemas=wrong))


def _names() -> Iterator[Case]:
    part: Doc = {"@type": "Interface", "@id": "dtmi:ex:part;1"}
    for other in (prop(), telemetry(), command("value"), relationship("value"), component(part, "value")):
        kind = other["@type"]
        yield reject(
            Rule.NAME_DUPLICATE, "/contents/1/name", f"Telemetry and {kind} of one name", interface(telemetry(), other)
        )
    yield accept("names differ in case", interface(telemetry(), telemetry(name="Value")))
    pair = relationship(properties=[prop(), prop()])
    yield reject(Rule.NAME_DUPLICATE, "/contents/0/properties/1/name", "properties of one name", interface(pair))
    yield accept("a property called like the relationship", interface(relationship("a", properties=prop(name="a"))))
    fields = obj(field(), field("date"))
    yield reject(
        Rule.NAME_DUPLICATE, "/contents/0/schema/fields/1/name", "fields of one name", interface(telemetry(fields))
    )
    yield accept("field called like the telemetry", interface(telemetry(obj(field(name="value")))))
    yield accept(
        "key and value of one name", interface(telemetry(map_of() | {"mapKey": {"name": "val", "schema": "string"}}))
    )
    payloads = command(request=field(), response=field())
    yield accept("request and response of one name", interface(payloads))


def _inherited_names() -> Iterator[Case]:
    base = interface(telemetry(), id="dtmi:ex:base;1")
    middle = interface(id="dtmi:ex:middle;1", extends="dtmi:ex:base;1")
    yield accept("other names in the heir", interface(prop(name="b"), extends="dtmi:ex:base;1"), base)
    yield reject(
        Rule.NAME_DUPLICATE, "/contents/0/name", "name of the base", interface(prop(), extends="dtmi:ex:base;1"), base
    )
    yield reject(
        Rule.NAME_DUPLICATE,
        "/contents/0/name",
        "name of the base's base",
        interface(prop(), extends="dtmi:ex:middle;1"),
        middle,
        base,
    )
    other = interface(prop(), id="dtmi:ex:other;1")
    both = interface(extends=["dtmi:ex:base;1", "dtmi:ex:other;1"])
    yield reject(Rule.NAME_DUPLICATE, "/extends", "name of two bases", both, base, other)
    left = interface(id="dtmi:ex:left;1", extends="dtmi:ex:base;1")
    diamond = interface(extends=["dtmi:ex:left;1", "dtmi:ex:middle;1"])
    yield accept("the same base over two ways", diamond, left, middle, base)
    yield reject(
        Rule.NAME_DUPLICATE, None, "name of a base over two ways", diamond | {"contents": [prop()]}, left, middle, base
    )
    yield accept("part with the same names", interface(telemetry(), component("dtmi:ex:base;1")), base)
