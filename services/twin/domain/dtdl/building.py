"""Nodes of a model without faults to the object model that callers see."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from .elements import Command, Component, Content, Interface, ModelSet, Property, Relationship, Telemetry
from .hierarchy import ancestors
from .language import GEOSPATIAL
from .nodes import Graph, Link, Node
from .quantitative import ENUMERATIONS
from .schemas import (
    ArraySchema,
    EnumSchema,
    EnumValue,
    Geospatial,
    MapSchema,
    ObjectSchema,
    Primitive,
    Schema,
    SchemaField,
    UndefinedSchema,
    UnitSchema,
)

_T = TypeVar("_T")


def build(graph: Graph) -> ModelSet:
    """The model; depth is bounded by what was checked before, so that schemas may be built recursively."""
    return _Build(graph).run()


def _frozen(mapping: Mapping[str, _T]) -> Mapping[str, _T]:
    return MappingProxyType(dict(mapping))


class _Build:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._schemas: dict[Node, Schema] = {}
        self._own: dict[Node, Mapping[str, Content]] = {}

    def run(self) -> ModelSet:
        for node in self._graph.interfaces:
            contents = {each.name: _CONTENTS[each.class_name](self, each) for each in node.nodes("contents")}
            self._own[node] = _frozen(contents)
        built = {str(node.id): self._interface(node) for node in self._graph.interfaces}
        return ModelSet(_frozen(built))

    def _interface(self, node: Node) -> Interface:
        line = ancestors(node)
        return Interface(
            **_described(node),
            dtmi=str(node.id),
            extends=tuple(str(base.id) for base in node.nodes("extends")),
            ancestors=tuple(str(base.id) for base in line[1:]),
            own=self._own[node],
            contents=MappingProxyType(ChainMap(*(dict(self._own[each]) for each in line[:1]), *self._inherited(line))),
            schemas=_frozen({str(each.id): self.schema_of(each) for each in node.nodes("schemas")}),
        )

    def _inherited(self, line: list[Node]) -> list[dict[str, Content]]:
        # ChainMap asks for mutable maps; behind the proxy nobody can change them.
        return [self._own[each] for each in line[1:]]  # type: ignore[misc]  # read only, see above

    def schema(self, node: Node, member: str = "schema") -> Schema:
        return self._target(node.links[member][0])

    def _target(self, link: Link) -> Schema:
        if isinstance(link.target, Node):
            return self.schema_of(link.target)
        standard = link.target
        name = standard.name if standard else ""
        if standard is not None and standard.is_undefined:
            return UndefinedSchema(name)
        if standard is not None and standard.is_unit:
            return UnitSchema(name, ENUMERATIONS[name])
        return Geospatial(name) if name in GEOSPATIAL else Primitive(name)

    def schema_of(self, node: Node) -> Schema:
        if node not in self._schemas:
            self._schemas[node] = _COMPLEX[node.class_name](self, node)
        return self._schemas[node]


def _described(node: Node) -> dict[str, Any]:
    comment = node.literals.get("comment")
    extension = {prop.term for cotype in node.cotypes for prop in cotype.properties}
    literals = {term: value for term, value in node.literals.items() if term in extension}
    return {
        "id": node.id,
        "version": node.version,
        "display_name": _frozen(node.texts.get("displayName", {})),
        "description": _frozen(node.texts.get("description", {})),
        "comment": comment if isinstance(comment, str) else None,
        "cotypes": tuple(cotype.term for cotype in node.cotypes) + node.undefined_types,
        "extras": _frozen(literals | node.extras),
    }


def _unit(node: Node) -> str | None:
    unit = node.literals.get("unit")
    return unit if isinstance(unit, str) else None


def _content(node: Node) -> dict[str, Any]:
    return {**_described(node), "name": node.name, "defined_in": str(node.partition.id)}


def _telemetry(build: _Build, node: Node) -> Telemetry:
    return Telemetry(**_content(node), schema=build.schema(node), unit=_unit(node))


def _property(build: _Build, node: Node) -> Property:
    writable = node.literals.get("writable") is True
    return Property(**_content(node), schema=build.schema(node), unit=_unit(node), writable=writable)


def _field(build: _Build, node: Node) -> SchemaField:
    schema = Primitive("string") if node.class_name == "MapKey" else build.schema(node)
    required = node.has("Required")
    return SchemaField(**_described(node), name=node.name, schema=schema, unit=_unit(node), is_required=required)


def _command(build: _Build, node: Node) -> Command:
    payloads = {member: _field(build, each) for member in ("request", "response") for each in node.nodes(member)}
    return Command(**_content(node), request=payloads.get("request"), response=payloads.get("response"))


def _relationship(build: _Build, node: Node) -> Relationship:
    target, most = node.literals.get("target"), node.literals.get("maxMultiplicity")
    return Relationship(
        **_content(node),
        target=target if isinstance(target, str) else None,
        max_multiplicity=most if isinstance(most, int) else None,
        writable=node.literals.get("writable") is True,
        properties=_frozen({each.name: _property(build, each) for each in node.nodes("properties")}),
    )


def _component(_build: _Build, node: Node) -> Component:
    return Component(**_content(node), schema=str(next(node.nodes("schema")).id))


def _array(build: _Build, node: Node) -> Schema:
    return ArraySchema(**_described(node), element=build.schema(node, "elementSchema"))


def _enum(_build: _Build, node: Node) -> Schema:
    values = tuple(_enum_value(each) for each in node.nodes("enumValues"))
    return EnumSchema(**_described(node), value_schema=str(node.literals["valueSchema"]), values=values)


def _enum_value(node: Node) -> EnumValue:
    return EnumValue(**_described(node), name=node.name, value=node.literals["enumValue"])


def _map(build: _Build, node: Node) -> Schema:
    key, value = next(node.nodes("mapKey")), next(node.nodes("mapValue"))
    return MapSchema(**_described(node), key=_field(build, key), value=_field(build, value))


def _object(build: _Build, node: Node) -> Schema:
    return ObjectSchema(
        **_described(node), fields=_frozen({each.name: _field(build, each) for each in node.nodes("fields")})
    )


_CONTENTS: dict[str, Callable[[_Build, Node], Content]] = {
    "Command": _command,
    "Component": _component,
    "Property": _property,
    "Relationship": _relationship,
    "Telemetry": _telemetry,
}
_COMPLEX: dict[str, Callable[[_Build, Node], Schema]] = {"Array": _array, "Enum": _enum, "Map": _map, "Object": _object}
