"""Single members of classes, uniqueness, limits and exclusions of the hierarchy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.twin.domain.dtdl import Rule

from .cases import (
    V2,
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
    yield from _cycles()
    yield from _depths()
    yield from _components()
    yield from _extends()
    yield from _limits_of_2()


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
            [first],
            [],
            {"@value": first},
            {"@value": first, "@type": "xsd:integer"},
            {"@value": first, "@type": f"{xsd}integer"},
        ):
            yield accept(f"{member} {value}", interface(relationship(**{member: value})))
        for value in (*low, *high):
            yield reject(Rule.VALUE_RANGE, at, f"{member} {value}", interface(relationship(**{member: value})))
        for value in (1.0, 0.0, 1.5, "1", True, False, None, 2**31, 1e3):
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
    for wrong in (1.0, True, None, 2**31):
        yield reject(Rule.VALUE_INTEGER, f"{at}/enumValues/0/enumValue", f"enumValue {wrong}", of(enum(wrong)))
    for wrong in ({}, {"@value": 1, "@type": "xsd:string"}, {"@value": "a", "@type": "xsd:integer"}, {"en": "a"}):
        yield reject(Rule.VALUE_OBJECT, None, f"enumValue {wrong}", of(enum({"name": "a", "enumValue": wrong})))
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


def _cycles() -> Iterator[Case]:
    yield reject(Rule.CYCLE, "/extends", "extends itself", interface(extends="dtmi:ex:thing;1"))
    a, b = interface(extends="dtmi:ex:b;1"), interface(id="dtmi:ex:b;1", extends="dtmi:ex:thing;1")
    yield reject(Rule.CYCLE, None, "extends each other", a, b)
    yield reject(Rule.CYCLE, "/contents/0/schema", "part of itself", interface(component("dtmi:ex:thing;1")))
    part = interface(component("dtmi:ex:thing;1"), id="dtmi:ex:b;1")
    yield reject(Rule.CYCLE, None, "part of its part", interface(component("dtmi:ex:b;1")), part)
    yield reject(Rule.CYCLE, None, "extends its part", interface(component("dtmi:ex:b;1")), b)
    inside = {"@type": "Interface", "@id": "dtmi:ex:b;1", "extends": "dtmi:ex:thing;1"}
    yield reject(Rule.CYCLE, None, "extends the Interface around", interface(component(inside)))
    for title, schema in {
        "array": array("dtmi:ex:s;1", id_="dtmi:ex:s;1"),
        "object": obj(field("dtmi:ex:s;1"), id_="dtmi:ex:s;1"),
        "map": map_of("dtmi:ex:s;1", id_="dtmi:ex:s;1"),
        "array of arrays": array(array("dtmi:ex:s;1"), id_="dtmi:ex:s;1"),
    }.items():
        yield reject(Rule.CYCLE, None, f"{title} of itself", interface(schemas=[schema]))
        yield reject(Rule.CYCLE, None, f"{title} of itself inline", interface(telemetry(schema)))
    pair = [array("dtmi:ex:b;1", id_="dtmi:ex:a;1"), array("dtmi:ex:a;1", id_="dtmi:ex:b;1")]
    yield reject(Rule.CYCLE, None, "arrays of each other", interface(schemas=pair))
    yield accept("relationship to itself", interface(relationship(target="dtmi:ex:thing;1")))


def _nest(kind: str, depth: int) -> Any:
    schema: Any = "double"
    for _ in range(depth):
        schema = {"array": array, "object": lambda inner: obj(field(inner)), "map": map_of}[kind](schema)
    return schema


def _depths() -> Iterator[Case]:
    for kind in ("array", "object", "map"):
        for depth in (1, 4, 5):
            yield accept(f"{kind} of depth {depth}", interface(telemetry(_nest(kind, depth))))
        for depth in (6, 7):
            yield reject(
                Rule.SCHEMA_DEPTH,
                "/contents/0/schema",
                f"{kind} of depth {depth}",
                interface(telemetry(_nest(kind, depth))),
            )
    five = _nest("array", 5) | {"@id": "dtmi:ex:five;1"}
    yield accept("depth by reference", interface(prop("dtmi:ex:five;1"), schemas=[five]))
    six = array("dtmi:ex:five;1", id_="dtmi:ex:six;1")
    yield reject(Rule.SCHEMA_DEPTH, "/schemas/1", "depth by reference, too deep", interface(schemas=[five, six]))
    yield accept("enum does not deepen", interface(telemetry(_nest_on(enum(1), 5))))
    yield accept("empty object does not deepen", interface(telemetry(_nest_on(obj(), 5))))
    mixed = array(obj(field(map_of(array(obj(field()))))))
    yield accept("mixed of depth 5", interface(command(request=field(mixed))))
    yield reject(
        Rule.SCHEMA_DEPTH,
        "/contents/0/request/schema",
        "mixed of depth 6",
        interface(command(request=field(array(mixed)))),
    )


def _nest_on(schema: Any, depth: int) -> Any:
    for _ in range(depth):
        schema = array(schema)
    return schema


def _components() -> Iterator[Case]:
    leaf = interface(telemetry(), id="dtmi:ex:leaf;1")
    middle = interface(component("dtmi:ex:leaf;1"), id="dtmi:ex:middle;1")
    yield accept("component", middle, leaf)
    yield accept(
        "two components of one Interface",
        interface(component("dtmi:ex:leaf;1"), component("dtmi:ex:leaf;1", "b")),
        leaf,
    )
    yield reject(
        Rule.COMPONENT_NESTED,
        "/contents/0/schema",
        "component in a component",
        interface(component("dtmi:ex:middle;1")),
        middle,
        leaf,
    )
    heir = interface(id="dtmi:ex:heir;1", extends="dtmi:ex:middle;1")
    yield accept("inherited component", heir, middle, leaf)
    yield reject(
        Rule.COMPONENT_NESTED,
        "/contents/0/schema",
        "inherited component in a component",
        interface(component("dtmi:ex:heir;1")),
        heir,
        middle,
        leaf,
    )
    inline = {"@type": "Interface", "@id": "dtmi:ex:in;1", "contents": [component("dtmi:ex:leaf;1")]}
    yield reject(Rule.COMPONENT_NESTED, None, "component in an inline component", interface(component(inline)), leaf)
    yield reject(Rule.ELEMENT_CLASS, None, "component of a schema", interface(component(obj())))
    yield reject(Rule.REFERENCE_SYNTAX, None, "component of a term", interface(component("double")))


def _chain(levels: int, context: str = "dtmi:dtdl:context;3") -> list[Doc]:
    chain = [interface(id="dtmi:ex:c0;1", context=context)]
    for level in range(1, levels + 1):
        chain.append(interface(id=f"dtmi:ex:c{level};1", extends=f"dtmi:ex:c{level - 1};1", context=context))
    return chain


def _extends() -> Iterator[Case]:
    yield accept("inheritance over 10 levels", *_chain(10))
    yield reject(Rule.EXTENDS_DEPTH, "", "inheritance over 11 levels", *_chain(11))
    bases = [interface(id=f"dtmi:ex:b{number};1") for number in range(1025)]
    all_of = interface(extends=[base["@id"] for base in bases])
    most = interface(extends=[base["@id"] for base in bases[:1024]])
    yield accept("1024 bases", [most, *bases[:1024]])
    yield reject(Rule.EXTENDS_COUNT, "/0", "1025 bases", [all_of, *bases])
    yield reject(
        Rule.EXTENDS_COUNT,
        "/0",
        "1025 bases in all",
        [interface(id="dtmi:ex:top;1", extends="dtmi:ex:thing;1"), most, *bases[:1024]],
    )
    yield reject(Rule.ELEMENT_CLASS, "/extends/@type", "extends a property", interface(extends=prop(id_="dtmi:ex:p;1")))
    big = obj(*({"name": f"f{number}", "schema": "date"} for number in range(49_998)))
    more = [telemetry(big), telemetry(name="b"), telemetry(name="c")]
    yield reject(
        Rule.CONTENTS_COUNT,
        "",
        "100,002 elements, some inherited",
        interface(*more[1:], extends="dtmi:ex:b;1"),
        interface(more[0], id="dtmi:ex:b;1"),
    )


def _limits_of_2() -> Iterator[Case]:
    def of(*contents: Any, **members: Any) -> Doc:
        return interface(*contents, context=V2, **members)

    yield reject(Rule.VALUE_COUNT, None, "v2: no values", of(telemetry(enum())))
    yield reject(
        Rule.MEMBER_REQUIRED,
        None,
        "v2: Enum without values",
        of(telemetry({"@type": "Enum", "valueSchema": "integer"})),
    )
    yield accept("v2: 100 values", of(telemetry(enum(*range(100)))))
    yield reject(Rule.VALUE_COUNT, None, "v2: 101 values", of(telemetry(enum(*range(101)))))
    fields = [field(name=f"f{number}") for number in range(31)]
    yield accept("v2: 30 fields", of(telemetry(obj(*fields[:30]))))
    yield reject(Rule.VALUE_COUNT, None, "v2: 31 fields", of(telemetry(obj(*fields))))
    yield reject(Rule.VALUE_COUNT, None, "v2: no fields", of(telemetry(obj())))
    contents = [telemetry(name=f"t{number}") for number in range(301)]
    yield accept("v2: 300 contents", of(*contents[:300]))
    yield reject(Rule.VALUE_COUNT, "/contents", "v2: 301 contents", of(*contents))
    base = of(*contents[:200], id="dtmi:ex:base;1")
    yield reject(
        Rule.CONTENTS_COUNT, "", "v2: 301 contents with inherited", of(*contents[200:], extends="dtmi:ex:base;1"), base
    )
    bases = [of(id=f"dtmi:ex:b{number};1") for number in range(3)]
    yield accept("v2: 2 bases", of(extends=[base["@id"] for base in bases[:2]]), *bases)
    yield reject(Rule.VALUE_COUNT, "/extends", "v2: 3 bases", of(extends=[base["@id"] for base in bases]), *bases)
    yield reject(Rule.EXTENDS_DEPTH, "", "v2: 11 levels", *_chain(11, V2))
    yield reject(Rule.SCHEMA_DEPTH, None, "v2: depth 6", of(telemetry(_nest("array", 6))))
    yield accept("v2: maxMultiplicity 500", of(relationship(maxMultiplicity=500)))
    yield reject(Rule.VALUE_RANGE, None, "v2: maxMultiplicity 501", of(relationship(maxMultiplicity=501)))
    yield accept("v2: Telemetry of an Array", of(telemetry(array("point"))))
    for title, schema in {
        "Array": array(),
        "point": "point",
        "Object of an Array": obj(field(array())),
        "Map of points": map_of("polygon"),
    }.items():
        yield reject(Rule.PROPERTY_ARRAY, "/contents/0", f"v2: Property of {title}", of(prop(schema)))
    yield accept("v2: CommandPayload", of(command(request=field(type_="CommandPayload"))))
    yield reject(Rule.TYPE_MATERIAL, None, "v2: CommandRequest", of(command(request=field(type_="CommandRequest"))))
    yield accept("v2: Temperature", of(telemetry(type_=["Telemetry", "Temperature"], unit="kelvin")))
    yield accept(
        "v2: by DTMI",
        of(telemetry(type_=["Telemetry", "dtmi:standard:class:Temperature;2"], unit="dtmi:standard:unit:kelvin;2")),
    )
    yield reject(Rule.MEMBER_REQUIRED, "/contents/0", "v2: no unit", of(telemetry(type_=["Telemetry", "Temperature"])))
    yield reject(
        Rule.UNIT_TYPE,
        "/contents/0/unit",
        "v2: unit of another",
        of(telemetry(type_=["Telemetry", "Temperature"], unit="metre")),
    )
    yield reject(
        Rule.UNIT_TYPE,
        "/contents/0/unit",
        "v2: unit of v3",
        of(telemetry(type_=["Telemetry", "Current"], unit="kiloampere")),
    )
    yield reject(
        Rule.COTYPE_SEVERAL,
        "/contents/0/@type",
        "v2: two semantic types",
        of(telemetry(type_=["Telemetry", "Length", "Distance"], unit="metre")),
    )
    yield reject(
        Rule.COTYPE_SCHEMA,
        "/contents/0",
        "v2: text",
        of(telemetry("string", type_=["Telemetry", "Temperature"], unit="kelvin")),
    )
    yield reject(
        Rule.COTYPE_CLASS,
        "/contents/0/@type",
        "v2: Command",
        of(command(type_=["Command", "Temperature"], unit="kelvin")),
    )
    yield accept("v2: a semantic type of v3 is any term", of(telemetry(type_=["Telemetry", "Irradiance"])))
