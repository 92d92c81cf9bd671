"""Rules of the extensions that look beyond one element: units and schemas, annotations, overriding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .extensions import Cotype, ExtensionProperty
from .faults import Rule
from .hierarchy import Budget, ancestors
from .nodes import Graph, Node, Standard


def check_cotypes(graph: Graph, interfaces: list[Node], budget: Budget) -> None:
    """`interfaces` are those whose inheritance is bounded."""
    for node in graph.nodes:
        for cotype in node.cotypes:
            _check_cotype(node, cotype)
        _check_shared(node)
        if node.class_name == "Object":
            _check_fields(node)
    for node in (*interfaces, *(node for node in graph.nodes if node.class_name == "Relationship")):
        if not _check_siblings(node, budget):
            return


def _check_cotype(node: Node, cotype: Cotype) -> None:
    if cotype.needs and not node.has(cotype.needs):
        node.spot.at("@type").fault(Rule.COTYPE_NEEDS, f"{cotype.term} stands only beside {cotype.needs}")
    if cotype.excludes and node.has(cotype.excludes):
        node.spot.at("@type").fault(Rule.COTYPE_SEVERAL, f"{cotype.term} cannot stand beside {cotype.excludes}")
    if cotype.schemas and not _has_schema(node, cotype.schemas):
        node.spot.fault(Rule.COTYPE_SCHEMA, f"{cotype.term} needs a schema of {', '.join(sorted(cotype.schemas))}")
    elif cotype.schema_cotype and not all(each.has(cotype.schema_cotype) for each in node.nodes("schema")):
        node.at("schema").fault(Rule.COTYPE_SCHEMA, f"the schema of {cotype.term} is {cotype.schema_cotype}")
    if cotype.fixed:
        member, value = cotype.fixed
        if node.literals.get(member, value) is not value:
            node.at(member).fault(Rule.COTYPE_VALUE, f"beside {cotype.term} must not be {not value}")


def _has_schema(node: Node, schemas: frozenset[str]) -> bool:
    """Whether the schema is one of these; one that could not be read is not judged here."""
    for link in node.links.get("schema", ()):
        if isinstance(link.target, Standard):
            return link.target.name in schemas
        if link.node is not None:
            return link.node.class_name in schemas
    return True


def _check_shared(node: Node) -> None:
    """Two co-types that both bring a property of one name leave open whose it is; so do two semantic types."""
    brought: dict[str, Cotype] = {}
    for cotype in node.cotypes:
        for prop in cotype.properties:
            other = brought.setdefault(prop.term, cotype)
            if other is not cotype:
                message = f"{other.term} and {cotype.term} both bring {prop.term!r}"
                node.spot.at("@type").fault(Rule.COTYPE_SEVERAL, message)


def _check_fields(node: Node) -> None:
    """Co-types of the fields of an Object that depend on those of the Object, or on each other's."""
    seen: set[str] = set()
    demanded = [cotype for cotype in node.cotypes if cotype.fields]
    for element in dict.fromkeys(node.nodes("fields")):
        for cotype in demanded:
            if not any(element.has(term) for term in cotype.fields):
                element.spot.fault(
                    Rule.COTYPE_NEEDS, f"a field of {cotype.term} is {' or '.join(sorted(cotype.fields))}"
                )
        for cotype in element.cotypes:
            place = element.spot.at("@type")
            if cotype.within and not node.has(cotype.within):
                place.fault(Rule.COTYPE_NEEDS, f"{cotype.term} stands only in an Object that is {cotype.within}")
            if cotype.is_single and cotype.dtmi in seen:
                place.fault(Rule.COTYPE_SEVERAL, f"another field of the Object is {cotype.term} too")
            seen.add(cotype.dtmi)


def _check_siblings(node: Node, budget: Budget) -> bool:
    """Annotations among the contents of an Interface, with those it inherits, or among a Relationship's properties."""
    member = "contents" if node.class_name == "Interface" else "properties"
    annotations = [element for element in node.nodes(member) if element.has("ValueAnnotation")]
    if not annotations:
        return True
    line = ancestors(node) if member == "contents" else [node]
    if not budget.spend(sum(1 + len(each.links.get(member, ())) for each in line)):
        return False
    if any(
        link.target is None for each in line for link in (*each.links.get("extends", ()), *each.links.get(member, ()))
    ):
        return True
    siblings = {element.name: element for each in line for element in each.nodes(member)}
    overridden: set[tuple[object, str]] = set()
    for element in annotations:
        annotated = _check_annotation(element, siblings)
        if annotated is not None and element.has("Override"):
            _check_override(element, annotated, overridden)
    return True


def _check_annotation(element: Node, siblings: dict[str, Node]) -> Node | None:
    name = element.literals.get("annotates")
    if not isinstance(name, str):
        return None
    annotated = siblings.get(name)
    spot = element.at("annotates")
    if annotated is None or annotated.version == 2 or annotated.class_name not in ("Property", "Telemetry"):
        message = f"no Property or Telemetry of DTDL version 3 beside it has the name {name[:100]!r}"
        spot.fault(Rule.ANNOTATES_SIBLING, message)
        return None
    if annotated.has("ValueAnnotation"):
        spot.fault(Rule.ANNOTATES_SIBLING, f"{name!r} is an annotation itself")
        return None
    return annotated


def _check_override(element: Node, annotated: Node, overridden: set[tuple[object, str]]) -> None:
    written = element.literals.get("overrides")
    if not isinstance(written, str):
        return
    spot = element.at("overrides")
    found = next((prop for prop in _properties(annotated.cotypes) if written in (prop.term, prop.dtmi)), None)
    if found is None:
        spot.fault(Rule.OVERRIDES_PROPERTY, f"{annotated.name!r} has no property {written[:100]!r} of an extension")
        return
    if (annotated, found.dtmi) in overridden:
        spot.fault(Rule.OVERRIDES_DUPLICATE, f"another element overrides {found.term!r} of {annotated.name!r} too")
    overridden.add((annotated, found.dtmi))
    if not _is_schema_of(element, found):
        element.at("schema").fault(Rule.OVERRIDES_SCHEMA, f"must be the schema of {found.term!r}: {found.enum}")


def _properties(cotypes: Iterable[Cotype]) -> Iterator[ExtensionProperty]:
    for cotype in cotypes:
        yield from cotype.properties


_SCHEMAS = {"STRING": "string", "INTEGER": "integer", "DURATION": "duration"}


def _is_schema_of(element: Node, prop: ExtensionProperty) -> bool:
    for link in element.links.get("schema", ()):
        if link.node is not None:
            return False
        if isinstance(link.target, Standard):
            expected = (prop.enum, True) if prop.enum else (_SCHEMAS.get(prop.value.name), False)
            return (link.target.name, link.target.is_unit) == expected
    return True
