"""Documents to accept and to reject: how a case is written, and the smallest element of each class."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from services.twin.domain.dtdl import Rule

Doc = dict[str, Any]
V3 = "dtmi:dtdl:context;3"
V2 = "dtmi:dtdl:context;2"
QUANTITATIVE = "dtmi:dtdl:extension:quantitativeTypes;1"
MISSING = object()


@dataclass(frozen=True)
class Case:
    """Documents and what is wrong with them: `rule` None for nothing."""

    title: str
    documents: tuple[Any, ...]
    rule: Rule | None = None
    pointer: str | None = None


def accept(title: str, *documents: Any) -> Case:
    return Case(title, documents)


def reject(rule: Rule, pointer: str | None, title: str, *documents: Any) -> Case:
    return Case(title, documents, rule, pointer)


def interface(*contents: Any, context: Any = V3, id: str = "dtmi:ex:thing;1", **members: Any) -> Doc:
    document: Doc = {"@context": context, "@id": id, "@type": "Interface"}
    if contents:
        document["contents"] = list(contents)
    return document | members


def telemetry(schema: Any = "double", name: str = "value", **members: Any) -> Doc:
    return {"@type": "Telemetry", "name": name, "schema": schema} | _keywords(members)


def prop(schema: Any = "double", name: str = "value", **members: Any) -> Doc:
    return {"@type": "Property", "name": name, "schema": schema} | _keywords(members)


def component(schema: Any, name: str = "part", **members: Any) -> Doc:
    return {"@type": "Component", "name": name, "schema": schema} | _keywords(members)


def relationship(name: str = "link", **members: Any) -> Doc:
    return {"@type": "Relationship", "name": name} | _keywords(members)


def command(name: str = "act", **members: Any) -> Doc:
    return {"@type": "Command", "name": name} | _keywords(members)


def array(element: Any = "double", **members: Any) -> Doc:
    return {"@type": "Array", "elementSchema": element} | _keywords(members)


def enum(*values: Any, kind: str = "integer", **members: Any) -> Doc:
    listed = [
        value if isinstance(value, dict) else {"name": f"n{index}", "enumValue": value}
        for index, value in enumerate(values)
    ]
    return {"@type": "Enum", "valueSchema": kind, "enumValues": listed} | _keywords(members)


def obj(*fields: Any, **members: Any) -> Doc:
    return {"@type": "Object", "fields": list(fields)} | _keywords(members)


def map_of(value: Any = "double", **members: Any) -> Doc:
    key = {"name": "key", "schema": "string"}
    return {"@type": "Map", "mapKey": key, "mapValue": {"name": "val", "schema": value}} | _keywords(members)


def field(schema: Any = "double", name: str = "x", **members: Any) -> Doc:
    return {"name": name, "schema": schema} | _keywords(members)


def _keywords(members: dict[str, Any]) -> Doc:
    """`type_` and `id_` are written for "@type" and "@id"."""
    return {
        {"type_": "@type", "id_": "@id", "context_": "@context"}.get(name, name): value
        for name, value in members.items()
    }


@dataclass(frozen=True)
class Sample:
    """The smallest right document that has an element of one class, and where that element is."""

    class_name: str
    document: Doc
    path: tuple[str | int, ...]
    is_implied: bool = False

    @property
    def pointer(self) -> str:
        return "".join(f"/{step}" for step in self.path)

    def element(self, document: Doc) -> Doc:
        found: Any = document
        for step in self.path:
            found = found[step]
        return found

    def with_(self, **changes: Any) -> Doc:
        """The document with members of the element changed; MISSING takes one away, `__` stands for '@'."""
        document = copy.deepcopy(self.document)
        element = self.element(document)
        for name, value in changes.items():
            key = name.replace("__", "@")
            if value is MISSING:
                element.pop(key, None)
            else:
                element[key] = value
        return document

    def with_named(self, name: str, value: Any) -> Doc:
        document = copy.deepcopy(self.document)
        self.element(document)[name] = value
        return document


def samples(version: int = 3) -> list[Sample]:
    """One of each class that DTDL v2 or v3 has."""
    context = V3 if version == 3 else V2

    def of(content: Any) -> Doc:
        return interface(content, context=context)

    one = enum(1, id_="dtmi:ex:e;1")
    names = ("CommandRequest", "CommandResponse") if version == 3 else ("CommandPayload", "CommandPayload")
    both = command(request=field(), response=field())
    return [
        Sample("Interface", interface(context=context), ()),
        Sample("Array", of(telemetry(array())), ("contents", 0, "schema")),
        Sample("Command", of(command()), ("contents", 0)),
        Sample(names[0], of(both), ("contents", 0, "request"), True),
        Sample(names[1], of(both), ("contents", 0, "response"), True),
        Sample(
            "Component",
            of(component({"@type": "Interface", "@id": "dtmi:ex:part;1"})),
            ("contents", 0),
        ),
        Sample("Enum", of(telemetry(one)), ("contents", 0, "schema")),
        Sample("EnumValue", of(telemetry(one)), ("contents", 0, "schema", "enumValues", 0), True),
        Sample("Field", of(telemetry(obj(field()))), ("contents", 0, "schema", "fields", 0), True),
        Sample("Map", of(telemetry(map_of())), ("contents", 0, "schema")),
        Sample("MapKey", of(telemetry(map_of())), ("contents", 0, "schema", "mapKey"), True),
        Sample("MapValue", of(telemetry(map_of())), ("contents", 0, "schema", "mapValue"), True),
        Sample("Object", of(telemetry(obj(field()))), ("contents", 0, "schema")),
        Sample("Property", of(prop()), ("contents", 0)),
        Sample("Relationship", of(relationship()), ("contents", 0)),
        Sample("Telemetry", of(telemetry()), ("contents", 0)),
    ]
