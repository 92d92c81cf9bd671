"""Cycles, depths and counts over the hierarchy, and the limits of version 2."""

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
    deep = {"point": 2, "lineString": 3, "multiPoint": 3, "polygon": 4, "multiLineString": 4, "multiPolygon": 5}
    for geometry, own in deep.items():
        most = 5 - own
        yield accept(f"{geometry} in {most} arrays", interface(telemetry(_nest_on(geometry, most))))
        one_more = interface(telemetry(_nest_on(geometry, most + 1)))
        yield reject(Rule.SCHEMA_DEPTH, "/contents/0/schema", f"{geometry} in {most + 1} arrays", one_more)
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
    known = telemetry(name="known", id_="dtmi:ex:known;1")
    yield accept("v2: 300 contents, one referred to again", of(*contents[:299], known, "dtmi:ex:known;1"))
    again = of(known, *["dtmi:ex:known;1"] * 300, id="dtmi:ex:base;1")
    yield accept("v2: one content 301 times, inherited", of(*contents[:299], extends="dtmi:ex:base;1"), again)
    base = of(*contents[:200], id="dtmi:ex:base;1")
    yield reject(
        Rule.CONTENTS_COUNT, "", "v2: 301 contents with inherited", of(*contents[200:], extends="dtmi:ex:base;1"), base
    )
    bases = [of(id=f"dtmi:ex:b{number};1") for number in range(3)]
    yield accept("v2: 2 bases", of(extends=[base["@id"] for base in bases[:2]]), *bases)
    twice = [base["@id"] for base in (*bases[:2], bases[0])]
    yield accept("v2: 2 bases, one of them twice", of(extends=twice), *bases[:2])
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
    yield from _semantic_types_of_2()


def _semantic_types_of_2() -> Iterator[Case]:
    def of(*contents: Any, **members: Any) -> Doc:
        return interface(*contents, context=V2, **members)

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


def all_cases() -> Iterator[Case]:
    yield from _cycles()
    yield from _depths()
    yield from _components()
    yield from _extends()
    yield from _limits_of_2()
