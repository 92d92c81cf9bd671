"""The feature extensions: co-types, their properties, and what they demand of siblings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from services.twin.domain.dtdl import Rule

from .cases import (
    V2,
    V3,
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
    samples,
    telemetry,
)

BASE = "dtmi:dtdl:extension:quantitativeTypes:v1"


def _context(*names: str) -> list[str]:
    return [V3, *(f"dtmi:dtdl:extension:{name}" for name in names)]


def all_cases() -> Iterator[Case]:
    yield from _plain()
    yield from _annotation()
    yield from _overriding()
    yield from _mqtt()


PLAIN = {
    "historization;1": ("Historized", {"Property", "Telemetry"}),
    "historization;2": ("Historized", {"Property", "Telemetry"}),
    "streaming;1": ("Streaming", {"Property"}),
    "requirement;1": ("Required", {"Field"}),
}


def _plain() -> Iterator[Case]:
    for name, (kind, allowed) in PLAIN.items():
        for sample in samples():
            title = f"{kind} ({name}) on {sample.class_name}"
            changed = sample.with_(__type=[sample.class_name, kind])
            changed["@context"] = _context(name)
            extension, _, version = name.partition(";")
            by_dtmi = sample.with_(__type=[sample.class_name, f"dtmi:dtdl:extension:{extension}:v{version}:{kind}"])
            by_dtmi["@context"] = _context(name)
            if sample.class_name in allowed:
                yield accept(title, changed)
                yield accept(f"{title} by DTMI", by_dtmi)
            else:
                yield reject(Rule.COTYPE_CLASS, f"{sample.pointer}/@type", title, changed)
    streaming = ["Property", "Streaming"]
    yield accept(
        "Streaming and not writable", interface(prop(type_=streaming, writable=False), context=_context("streaming;1"))
    )
    writable = prop(type_=streaming, writable=True)
    yield reject(
        Rule.COTYPE_VALUE,
        "/contents/0/writable",
        "Streaming and writable",
        interface(writable, context=_context("streaming;1")),
    )
    yield reject(
        Rule.TYPE_UNDEFINED,
        None,
        "Historized of v2 in v1",
        interface(
            telemetry(type_=["Telemetry", "dtmi:dtdl:extension:historization:v2:Historized"]),
            context=_context("historization;1"),
        ),
    )


def _annotated(*contents: Doc, version: int = 1, **members: Any) -> Doc:
    return interface(telemetry(name="base"), *contents, context=_context(f"annotation;{version}"), **members)


def _note(annotates: Any = "base", kind: str = "Property", name: str = "note", **members: Any) -> Doc:
    return {"@type": [kind, "ValueAnnotation"], "name": name, "schema": "double", "annotates": annotates} | members


def _annotation() -> Iterator[Case]:
    for version in (1, 2):
        for kind in ("Property", "Telemetry"):
            yield accept(f"{kind} annotates, version {version}", _annotated(_note(kind=kind), version=version))
    yield accept("annotation of a Property", _annotated(prop(name="p"), _note("p")))
    yield accept("annotates @value", _annotated(_note({"@value": "base"})))
    yield accept("two annotations", _annotated(_note(), _note(name="other")))
    base = _annotated(id="dtmi:ex:b;1")
    heir = interface(_note(), context=_context("annotation;1"), extends="dtmi:ex:b;1")
    yield accept("annotation of what is inherited", heir, base)
    older = interface(telemetry(name="base"), id="dtmi:ex:b;1", context=V2)
    yield reject(Rule.ANNOTATES_SIBLING, "/contents/0/annotates", "annotation of what is of v2", heir, older)
    sibling = interface(_note(), context=_context("annotation;1"))
    yield reject(Rule.ANNOTATES_SIBLING, "/contents/0/annotates", "annotation of another Interface", sibling, base)
    for wrong in ("", "nothing", "Base", "note"):
        yield reject(Rule.ANNOTATES_SIBLING, "/contents/1/annotates", f"annotates {wrong!r}", _annotated(_note(wrong)))
    yield reject(
        Rule.ANNOTATES_SIBLING,
        "/contents/2/annotates",
        "annotation of an annotation",
        _annotated(_note(), _note("note", name="n")),
    )
    for other in (command(), relationship("act"), component({"@type": "Interface", "@id": "dtmi:ex:p;1"}, "act")):
        yield reject(Rule.ANNOTATES_SIBLING, None, f"annotation of a {other['@type']}", _annotated(other, _note("act")))
    yield reject(Rule.VALUE_STRING, "/contents/1/annotates", "annotates 1", _annotated(_note(1)))
    yield reject(Rule.VALUE_COUNT, "/contents/1/annotates", "annotates two", _annotated(_note(["base", "base"])))
    lonely = prop(name="note", type_=["Property", "ValueAnnotation"])
    yield reject(Rule.MEMBER_REQUIRED, "/contents/1", "annotation of nothing", _annotated(lonely))
    yield reject(
        Rule.COTYPE_CLASS,
        "/contents/1/@type",
        "Command annotates",
        _annotated(command(type_=["Command", "ValueAnnotation"], annotates="base")),
    )
    yield reject(Rule.MEMBER_UNDEFINED, None, "annotates without co-type", _annotated(prop(annotates="base")))
    inside = relationship(properties=[prop(name="a"), _note("a")])
    yield accept("annotation among properties of a relationship", interface(inside, context=_context("annotation;1")))
    outside = relationship(properties=[prop(name="a"), _note("base")])
    yield reject(Rule.ANNOTATES_SIBLING, None, "annotation beyond the relationship", _annotated(outside))


def _overriding() -> Iterator[Case]:
    context = _context("quantitativeTypes;1", "annotation;1", "overriding;1")
    hot = telemetry(name="base", type_=["Telemetry", "Temperature"], unit="kelvin")
    types = ["Property", "ValueAnnotation", "Override"]

    def of(*contents: Doc, base: Doc = hot) -> Doc:
        return interface(base, *contents, context=context)

    def over(overrides: Any = "unit", schema: Any = "TemperatureUnit", name: str = "note", **members: Any) -> Doc:
        return _note(name=name, overrides=overrides) | {"@type": types, "schema": schema} | members

    yield accept("override", of(over()))
    yield accept("override by DTMI", of(over(f"{BASE}:property:unit", f"{BASE}:enum:TemperatureUnit")))
    newer = _context("quantitativeTypes;1", "annotation;2", "overriding;2")
    yield accept("override, version 2", of(over()) | {"@context": newer})
    for annotation, overriding in ((1, 2), (2, 1)):
        mixed = _context("quantitativeTypes;1", f"annotation;{annotation}", f"overriding;{overriding}")
        title = f"override of version {overriding} beside an annotation of version {annotation}"
        yield reject(Rule.COTYPE_NEEDS, "/contents/1/@type", title, of(over()) | {"@context": mixed})
    for wrong in ("", "schema", "name", "nothing", "dtmi:ex:a;1"):
        yield reject(Rule.OVERRIDES_PROPERTY, "/contents/1/overrides", f"overrides {wrong!r}", of(over(wrong)))
    yield reject(Rule.OVERRIDES_PROPERTY, None, "override of what has no unit", of(over(), base=telemetry(name="base")))
    for schema in ("string", "LengthUnit", "double", enum("kelvin", kind="string")):
        yield reject(
            Rule.OVERRIDES_SCHEMA, "/contents/1/schema", f"override with {str(schema)[:20]}", of(over(schema=schema))
        )
    yield reject(Rule.OVERRIDES_DUPLICATE, "/contents/2/overrides", "two overrides", of(over(), over(name="other")))
    alone = prop("TemperatureUnit", type_=["Property", "Override"], overrides="unit")
    yield reject(Rule.COTYPE_NEEDS, "/contents/1/@type", "override without annotation", of(alone))
    sent = over() | {"@type": ["Telemetry", "ValueAnnotation", "Override"]}
    yield reject(Rule.COTYPE_CLASS, "/contents/1/@type", "Telemetry overrides", of(sent))
    yield reject(Rule.VALUE_STRING, "/contents/1/overrides", "overrides 1", of(over(1)))
    missing = {name: value for name, value in over().items() if name != "overrides"}
    yield reject(Rule.MEMBER_REQUIRED, "/contents/1", "override of nothing", of(missing))


def _mqtt() -> Iterator[Case]:
    def of(*contents: Doc, version: int = 1, **members: Any) -> Doc:
        return interface(*contents, context=_context(f"mqtt;{version}"), **members)

    sent = {"@type": ["Interface", "Mqtt"], "payloadFormat": "json"}
    for version in (1, 2, 3):
        for form in ("avro", "JSON", "Avro/1.11.0", "Json/ecma/404", "", {"@value": "raw"}, ["cbor"]):
            form_of = of(version=version) | sent | {"payloadFormat": form}
            yield accept(f"payload {form}, version {version}", form_of)
        for wrong in (1, None, {"json": "raw"}):
            at, form_of = "/payloadFormat", of(version=version) | sent | {"payloadFormat": wrong}
            yield reject(Rule.VALUE_OBJECT if isinstance(wrong, dict) else Rule.VALUE_STRING, at, f"{wrong}", form_of)
        yield from _topics(of(version=version) | sent)
    yield reject(Rule.MEMBER_REQUIRED, "", "Mqtt without payload", of() | {"@type": ["Interface", "Mqtt"]})
    grouped = of() | sent | {"cmdServiceGroupId": "a"}
    yield reject(Rule.MEMBER_UNDEFINED, "/cmdServiceGroupId", "a group in version 1", grouped)
    for group in ("", "a/b", "a b", "a+", "{a}"):
        yield reject(
            Rule.VALUE_PATTERN,
            "/cmdServiceGroupId",
            f"group {group!r}",
            of(version=2) | sent | {"cmdServiceGroupId": group},
        )
    yield from _mqtt_commands()
    yield from _indexes()
    yield from _results()


def _topics(document: Doc) -> Iterator[Case]:
    yield accept("topics", document | {"telemetryTopic": "a/{b}/c", "commandTopic": "d"})
    for topic in ("a", "a/b", "{id}/b", "vehicles/{ex:id}/t", "a.b/c-d", "a/$b", "{a}"):
        yield accept(f"topic {topic}", document | {"telemetryTopic": topic})
    for topic in (
        "",
        "/a",
        "a/",
        "a//b",
        "$a",
        "a b",
        "a/+",
        "a/#",
        "a/{}",
        "a/{b",
        "a/{b}c",
        "ä",
        "{a1}",
        '"a"',
        "{a:}",
    ):
        yield reject(Rule.VALUE_PATTERN, "/telemetryTopic", f"topic {topic!r}", document | {"telemetryTopic": topic})


def _of_mqtt(*contents: Doc, version: int = 1) -> Doc:
    return interface(*contents, context=_context(f"mqtt;{version}"))


def _mqtt_commands() -> Iterator[Case]:
    of = _of_mqtt
    cacheable = ["Command", "Idempotent", "Cacheable"]
    for ttl in ("PT15S", "P1D", "P1Y2M3DT4H5M6.7S", "P1W", {"@value": "PT1S", "@type": "xsd:duration"}):
        yield accept(f"ttl {ttl}", of(command(type_=cacheable, ttl=ttl)))
    for ttl in ("", "15", "P", "PT", "P1H", "PT1D", "1D", "p1d", "P1.5DT1H", "-PT1S", 15, None, "P1D "):
        yield reject(Rule.VALUE_DURATION, "/contents/0/ttl", f"ttl {ttl!r}", of(command(type_=cacheable, ttl=ttl)))
    yield accept("Idempotent", of(command(type_=["Command", "Idempotent"])))
    yield reject(Rule.COTYPE_NEEDS, None, "Cacheable alone", of(command(type_=["Command", "Cacheable"], ttl="PT1S")))
    yield reject(Rule.COTYPE_CLASS, None, "Idempotent Telemetry", of(telemetry(type_=["Telemetry", "Idempotent"])))

    transparent = ["CommandRequest", "Transparent"]
    for version in (2, 3):
        right = command(request=field(obj(field()), type_=transparent))
        yield accept(f"Transparent, version {version}", of(right, version=version))
    wrong = command(request=field("string", type_=transparent))
    yield reject(Rule.COTYPE_SCHEMA, None, "Transparent text", of(wrong, version=2))
    old = command(request=field(obj(), type_=transparent))
    yield reject(Rule.TYPE_UNDEFINED, None, "Transparent in version 1", of(old))


def _indexes() -> Iterator[Case]:
    of = _of_mqtt

    def indexed(index: Any, name: str = "a") -> Doc:
        return telemetry(name=name, type_=["Telemetry", "Indexed"], index=index)

    yield accept("indexes", of(indexed(1), indexed(2, "b")))
    yield reject(Rule.INDEX_DUPLICATE, "/contents/1/index", "same index", of(indexed(1), indexed(1, "b")))
    yield from _inherited_indexes(indexed)
    for wrong in (0, -1):
        yield reject(Rule.VALUE_RANGE, "/contents/0/index", f"index {wrong}", of(indexed(wrong)))
    yield accept("index 1.0", of(indexed(1.0)))
    for wrong in ("1", 1.5, None):
        yield reject(Rule.VALUE_INTEGER, "/contents/0/index", f"index {wrong!r}", of(indexed(wrong)))
    pair = [field(name="a", type_=["Field", "Indexed"], index=1), field(name="b", type_=["Field", "Indexed"], index=1)]
    yield reject(Rule.INDEX_DUPLICATE, None, "same index of fields", of(telemetry(obj(*pair))))


def _inherited_indexes(indexed: Callable[..., Doc]) -> Iterator[Case]:
    def of(name: str, *contents: Doc, **members: Any) -> Doc:
        return interface(*contents, context=_context("mqtt;1"), id=f"dtmi:ex:{name};1", **members)

    base, other = of("base", indexed(1), indexed(2, "b")), of("other", indexed(1, "c"))
    heir = of("heir", indexed(3, "c"), extends="dtmi:ex:base;1")
    yield accept("other index than the inherited", base, heir)
    yield accept("index inherited twice", of("d", extends=["dtmi:ex:base;1", "dtmi:ex:heir;1"]), base, heir)
    same = of("same", indexed(2, "c"), extends="dtmi:ex:base;1")
    yield reject(Rule.INDEX_DUPLICATE, "/contents/0/index", "index of what is inherited", same, base)
    both = of("both", extends=["dtmi:ex:base;1", "dtmi:ex:other;1"])
    yield reject(Rule.INDEX_DUPLICATE, "/extends", "same index in two bases", both, base, other)


def _results() -> Iterator[Case]:
    def part(name: str, *kinds: str, schema: Any = "string") -> Doc:
        return field(schema, name, type_=["Field", *kinds])

    def result(*fields: Doc, kind: str = "Result") -> Doc:
        return obj(*fields, type_=["Object", kind])

    def of(schema: Doc, version: int = 3) -> Doc:
        return _of_mqtt(command(response=field(schema)), version=version)

    message = part("message", "ErrorMessage")
    error = result(message, kind="Error")
    good, bad = part("good", "NormalResult"), part("bad", "ErrorResult", schema=error)
    at = "/contents/0/response/schema/fields"
    for fields in ((good, bad), (good,), (bad,), ()):
        yield accept(f"Result of {len(fields)}: {[each['name'] for each in fields]}", of(result(*fields)))
    yield reject(Rule.COTYPE_NEEDS, f"{at}/1", "Result with another field", of(result(good, field())))
    yield reject(Rule.COTYPE_NEEDS, f"{at}/0/@type", "NormalResult without Result", of(obj(good)))
    yield reject(Rule.COTYPE_SEVERAL, f"{at}/1/@type", "two ErrorResults", of(result(bad, bad | {"name": "b"})))
    yield reject(Rule.COTYPE_CLASS, None, "Result on a Map", of(map_of(type_=["Map", "Result"])))
    yield reject(Rule.TYPE_UNDEFINED, None, "Result in version 2", of(result(), version=2))
    for schema in ("string", array(), obj()):
        plain = part("bad", "ErrorResult", schema=schema)
        yield reject(Rule.COTYPE_SCHEMA, None, f"ErrorResult is {str(schema)[:40]}", of(result(plain)))
    for needed in (good, bad):
        required = needed | {"@type": [*needed["@type"], "Required"]}
        document = of(result(required))
        document["@context"] = [*document["@context"], "dtmi:dtdl:extension:requirement;1"]
        yield reject(Rule.COTYPE_SEVERAL, f"{at}/0/@type", f"{needed['name']} result is Required", document)
    yield accept("Error", of(result(message, field(), kind="Error")))
    yield reject(Rule.COTYPE_NEEDS, f"{at}/0/@type", "ErrorMessage without Error", of(obj(message)))
    number = part("message", "ErrorMessage", schema="integer")
    yield reject(Rule.COTYPE_SCHEMA, f"{at}/0", "ErrorMessage is a number", of(result(number, kind="Error")))
    pair = result(message, part("b", "ErrorMessage"), kind="Error")
    yield reject(Rule.COTYPE_SEVERAL, f"{at}/1/@type", "two ErrorMessages", of(pair))
