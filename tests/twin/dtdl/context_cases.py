"""Documents, contexts and their combination, versions side by side, partitions and references."""

from __future__ import annotations

from collections.abc import Iterator

from services.twin.domain.dtdl import Rule

from .cases import (
    QUANTITATIVE,
    V2,
    V3,
    Case,
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

HISTORY = "dtmi:dtdl:extension:historization;1"
UNKNOWN = "dtmi:ex:unknown;1"


def all_cases() -> Iterator[Case]:
    yield from _roots()
    yield from _top_level()
    yield from _combined()
    yield from _versions()
    yield from _partitions()
    yield from _references()


def _roots() -> Iterator[Case]:
    yield accept("no element", [])
    yield accept("one element in an array", [interface()])
    yield accept("two elements", [interface(), interface(id="dtmi:ex:other;1")])
    yield accept("two documents", interface(), interface(id="dtmi:ex:other;1"))
    for wrong in (1, None, True, 1.5):
        yield reject(Rule.ROOT_SHAPE, "", f"root is {wrong}", wrong)
    for wrong in (1, None, [], [interface()], "x"):
        yield reject(Rule.ROOT_SHAPE, "/1", f"root holds {str(wrong)[:20]}", [interface(), wrong])
    yield reject(Rule.JSON_TYPE, "", "a value that JSON does not have", {1, 2})
    yield reject(Rule.JSON_TYPE, "/a", "a member that JSON does not have", {"a": object()})
    yield reject(Rule.JSON_TYPE, "/1", "a name that is no string", {1: 2})


def _top_level() -> Iterator[Case]:
    context = {"@context": V3}
    yield reject(Rule.CONTEXT_MISSING, "", "no @context", {"@id": "dtmi:ex:a;1", "@type": "Interface"})
    yield reject(Rule.CONTEXT_MISSING, "", "empty object", {})
    yield reject(Rule.CONTEXT_LANGUAGE, "/@context", "empty @context", interface(context=[]))
    yield reject(Rule.CONTEXT_LANGUAGE, "/@context", "only an extension", interface(context=HISTORY))
    for kind in ("Telemetry", "Property", "Array", "Object", "Enum", "Map", "Command", "Field", "MapKey"):
        document = context | {"@id": "dtmi:ex:a;1", "@type": kind, "name": "a", "schema": "double"}
        yield reject(Rule.ELEMENT_CLASS, "/@type", f"top level {kind}", document)
    yield reject(Rule.TYPE_MISSING, "", "top level without @type", context | {"@id": "dtmi:ex:a;1"})
    yield reject(Rule.KEYWORD, "/@graph", "a graph", interface() | {"@graph": []})


def _combined() -> Iterator[Case]:
    yield accept("the same context twice", interface(context=[V3, V3]))
    yield accept("an older context before", interface(context=[V2, V3]))
    yield reject(
        Rule.CONTEXT_LANGUAGE_VERSION,
        "/@context",
        "a newer context after",
        interface(context=[V3, "dtmi:dtdl:context;4"]),
    )
    yield reject(Rule.CONTEXT_LANGUAGE_VERSION, "/@context", "v1", interface(context="dtmi:dtdl:context;1"))
    yield reject(Rule.CONTEXT_LANGUAGE_VERSION, "/@context", "v3.1", interface(context="dtmi:dtdl:context;3.1"))
    yield reject(Rule.CONTEXT_ORDER, "/@context", "v2 after v3", interface(context=[V3, V2]))
    yield accept("v3 after v2", interface(context=[V2, V3]))
    for language in (V2, V3):
        yield accept(f"{language} twice", interface(context=[language, language]))
        again = interface(context=[language, HISTORY, language])
        yield reject(Rule.CONTEXT_ORDER, "/@context", f"{language} again after an extension", again)
    yield accept("v2 with an unknown extension", interface(context=[V2, UNKNOWN]))
    minor = f"{UNKNOWN}.2"
    yield reject(Rule.CONTEXT_DTMI, "/@context/1", "v2 with a minor version", interface(context=[V2, minor]))
    yield accept("extension", interface(context=[V3, HISTORY]))
    versions = [V3, "dtmi:dtdl:extension:historization;9", HISTORY]
    yield reject(
        Rule.CONTEXT_UNDEFINED, "/@context/1", "unknown version before a known one", interface(context=versions)
    )
    known = interface(telemetry(type_=["Telemetry", "Historized"]), context=[V3, HISTORY, HISTORY.replace(";1", ";2")])
    yield accept("two known versions", known)
    yield accept("extensions", interface(context=[V3, HISTORY, QUANTITATIVE]))
    yield reject(Rule.CONTEXT_ORDER, "/@context", "extension before", interface(context=[HISTORY, V3]))
    yield reject(Rule.CONTEXT_UNDEFINED, "/@context/1", "unknown extension", interface(context=[V3, UNKNOWN]))
    for name in ("quantitativeTypes;2", "historization;9", "initialization;1", "nothing;1"):
        context = [V3, f"dtmi:dtdl:extension:{name}"]
        yield reject(Rule.CONTEXT_UNDEFINED, "/@context/1", f"extension {name}", interface(context=context))
    for number, wrong in enumerate(
        ("", "dtmi:dtdl:context;03", "dtdl:context;3", " " + V3, "dtmi:dtdl:context;3#limits", "DTMI:dtdl:context;3")
    ):
        yield reject(Rule.CONTEXT_DTMI, "/@context", f"context {number}: {wrong!r}", interface(context=wrong))
    historized = telemetry(type_=["Telemetry", "Historized"])
    yield accept("context of an extension inside", interface(historized | {"@context": HISTORY}))
    yield accept("context of an extension inside an array", interface(historized | {"@context": [HISTORY]}))
    yield accept("empty context inside", interface(telemetry(context_=[])))
    beside = [historized | {"@context": HISTORY}, telemetry(name="b", type_=["Telemetry", "Historized"])]
    yield reject(Rule.TYPE_UNDEFINED, "/contents/1/@type", "context holds only inside", interface(*beside))
    deep = telemetry(obj(field(type_=["Field", "Temperature"], unit="kelvin")), context_=QUANTITATIVE)
    yield accept("context holds for everything inside", interface(deep))
    yield reject(
        Rule.CONTEXT_MISSING,
        None,
        "context of another document",
        interface(),
        {"@id": "dtmi:ex:b;1", "@type": "Interface"},
    )


def _versions() -> Iterator[Case]:
    older = interface(telemetry(), id="dtmi:ex:old;1", context=V2)
    yield accept("v2 alone", older)
    yield accept("v3 extends v2", interface(extends="dtmi:ex:old;1"), older)
    yield accept("v3 has a part of v2", interface(component("dtmi:ex:old;1")), older)
    yield accept("v2 inside v3", interface(component(older)))
    newer = interface(id="dtmi:ex:new;1")
    yield reject(Rule.ELEMENT_CLASS, "/extends", "v2 extends v3", interface(extends="dtmi:ex:new;1", context=V2), newer)
    part = component({"@type": "Interface", "@id": "dtmi:ex:p;1", "@context": V3})
    yield reject(Rule.ELEMENT_CLASS, "/contents/0/schema", "v3 inside v2", interface(part, context=V2))
    for content in (telemetry(), prop(), command(), relationship()):
        yield accept(f"{content['@type']} of v2 in v3", interface(content | {"@context": V2}))
    yield accept("schema of v2 in v3", interface(telemetry(array(context_=V2))))
    yield accept("properties of v2 in v3", interface(relationship(properties=prop(context_=V2))))
    inside = {
        "request": command(request=field(context_=V2)),
        "field": telemetry(obj(field(context_=V2))),
        "value of an Enum": telemetry(enum({"name": "a", "enumValue": 1, "@context": V2})),
        "key of a Map": telemetry(map_of() | {"mapKey": {"name": "k", "schema": "string", "@context": V2}}),
    }
    for title, content in inside.items():
        yield reject(Rule.ELEMENT_CLASS, None, f"{title} of v2 in v3", interface(content))
    schemas = [array(id_="dtmi:ex:a;1", context_=V2)]
    yield reject(Rule.ELEMENT_CLASS, "/schemas/0", "schemas of v2 in v3", interface(schemas=schemas))
    yield from _extensions_of_3_in_2()
    yield accept("unknown extension in v2", interface(context=[V2, UNKNOWN]))
    yield reject(Rule.CONTEXT_ORDER, "/@context", "v2 not first", interface(context=[UNKNOWN, V2]))
    yield reject(
        Rule.REFERENCE_RESERVED,
        None,
        "v3 schema by DTMI in v2",
        interface(telemetry("dtmi:dtdl:instance:Schema:date;3"), context=V2),
    )


def _extensions_of_3_in_2() -> Iterator[Case]:
    """The context may name them; what they define is for elements of version 3."""
    kept = prop(type_=["Property", "Historized"])
    yield accept("v3 extension in v2", interface(context=[V2, HISTORY]))
    yield accept("v3 extension inside v2", interface(telemetry(context_=HISTORY), context=V2))
    yield reject(Rule.COTYPE_CLASS, "/contents/0/@type", "its co-type in v2", interface(kept, context=[V2, HISTORY]))
    older = interface(kept, id="dtmi:ex:old;1", context=V2)
    yield accept("informal co-type of v2", older)
    at = "/contents/0/schema/contents/0/@type"
    yield reject(Rule.COTYPE_CLASS, at, "its co-type in v2 in v3", interface(component(older), context=[V3, HISTORY]))
    quantities = "dtmi:dtdl:extension:quantitativeTypes;1"
    length = telemetry(type_=["Telemetry", "Length"], unit="metre")
    yield accept("semantic type of v2 beside that of v3", interface(length, context=[V2, quantities]))
    newer = telemetry(type_=["Telemetry", "ApparentPower"], unit="voltAmpere")
    yield reject(Rule.COTYPE_CLASS, None, "semantic type of v3 in v2", interface(newer, context=[V2, quantities]))
    kinds = interface(telemetry("LengthUnit"), context=[V2, quantities])
    yield reject(Rule.REFERENCE_SYNTAX, "/contents/0/schema", "units of v3 in v2", kinds)


def _partitions() -> Iterator[Case]:
    shared = array(id_="dtmi:ex:s;1")
    other = interface(telemetry("dtmi:ex:s;1"), id="dtmi:ex:b;1")
    owner = interface(schemas=[shared])
    yield accept("schema of the same Interface", interface(telemetry("dtmi:ex:s;1"), schemas=[shared]))
    yield accept("schema defined inline elsewhere", interface(telemetry(shared), telemetry("dtmi:ex:s;1", name="b")))
    yield accept(
        "schema referred to before it is defined", interface(telemetry("dtmi:ex:s;1", name="b"), telemetry(shared))
    )
    yield accept(
        "schema referred to by another schema",
        interface(schemas=[shared, obj(field("dtmi:ex:s;1"), id_="dtmi:ex:o;1")]),
    )
    yield reject(Rule.REFERENCE_PARTITION, "/contents/0/schema", "schema of another Interface", other, owner)
    heir = interface(telemetry("dtmi:ex:s;1"), id="dtmi:ex:b;1", extends="dtmi:ex:thing;1")
    yield reject(Rule.REFERENCE_PARTITION, "/contents/0/schema", "schema of a base", heir, owner)
    part = component({"@type": "Interface", "@id": "dtmi:ex:p;1", "contents": [telemetry("dtmi:ex:s;1")]})
    yield reject(Rule.REFERENCE_PARTITION, None, "schema of the Interface around", interface(part, schemas=[shared]))
    content = telemetry(id_="dtmi:ex:t;1")
    yield reject(
        Rule.REFERENCE_PARTITION,
        "/contents",
        "content of another",
        interface(content),
        interface(id="dtmi:ex:b;1", contents="dtmi:ex:t;1"),
    )
    nested = component({"@type": "Interface", "@id": "dtmi:ex:p;1"})
    yield accept(
        "an Interface inside another may be extended",
        interface(nested),
        interface(id="dtmi:ex:b;1", extends="dtmi:ex:p;1"),
    )


def _references() -> Iterator[Case]:
    base = interface(id="dtmi:ex:base;1")
    yield accept("extends", interface(extends="dtmi:ex:base;1"), base)
    yield accept("extends in an array", interface(extends=["dtmi:ex:base;1"]), base)
    yield accept("extends inline", interface(extends={"@type": "Interface", "@id": "dtmi:ex:base;1"}))
    yield accept("extends the same twice", interface(extends=["dtmi:ex:base;1", "dtmi:ex:base;1"]), base)
    yield accept("target needs no document", interface(relationship(target="dtmi:ex:nowhere;1")))
    yield accept("target is itself", interface(relationship(target="dtmi:ex:thing;1")))
    yield reject(Rule.REFERENCE_UNRESOLVED, "/extends", "extends nothing", interface(extends="dtmi:ex:base;1"))
    yield reject(
        Rule.REFERENCE_UNRESOLVED,
        "/extends/1",
        "extends one of nothing",
        interface(extends=["dtmi:ex:base;1", "dtmi:ex:no;1"]),
        base,
    )
    yield reject(
        Rule.REFERENCE_UNRESOLVED, "/contents/0/schema", "part of nothing", interface(component("dtmi:ex:no;1"))
    )
    yield reject(Rule.REFERENCE_UNRESOLVED, "/extends", "other version", interface(extends="dtmi:ex:base;2"), base)
    yield reject(Rule.REFERENCE_UNRESOLVED, "/extends", "other case", interface(extends="dtmi:ex:Base;1"), base)
    for wrong in ("", "base", "http://ex.com/base", "dtmi:ex:base;0", "dtmi:ex:_base;1", "Interface"):
        yield reject(Rule.REFERENCE_SYNTAX, "/extends", f"extends {wrong!r}", interface(extends=wrong))
        yield reject(Rule.REFERENCE_SYNTAX, "/contents/0/schema", f"part {wrong!r}", interface(component(wrong)))
        yield reject(Rule.REFERENCE_SYNTAX, "/contents", f"contents {wrong!r}", interface(contents=wrong))
    yield reject(
        Rule.REFERENCE_RESERVED, "/extends", "extends the language", interface(extends="dtmi:dtdl:class:Interface;3")
    )
    nested = interface(extends=[["dtmi:ex:base;1"]])
    yield reject(Rule.ELEMENT_EXPECTED, "/extends/0", "array in an array", nested)
    content = telemetry(id_="dtmi:ex:t;1")
    yield accept("a content and a reference to it", interface(content, "dtmi:ex:t;1"))
    to_content = interface(content, extends="dtmi:ex:t;1")
    yield reject(Rule.ELEMENT_CLASS, "/extends", "extends a Telemetry", to_content)
    wrong = relationship(target=["dtmi:ex:a;1", "dtmi:ex:b;1"])
    yield reject(Rule.VALUE_COUNT, "/contents/0/target", "two targets", interface(wrong))
    for target in ("", "x", 1, True, {}, {"@id": "dtmi:ex:a;1"}, "http://a", "dtmi:a;0"):
        yield reject(
            Rule.TARGET_DTMI, "/contents/0/target", f"target {target!r}", interface(relationship(target=target))
        )
