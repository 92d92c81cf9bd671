"""Dependent references: each must name an element of the model that may stand there and may be named from there."""

from __future__ import annotations

from .faults import Rule
from .nodes import Graph, Link, Node


def missing_references(graph: Graph) -> list[str]:
    """Identifiers that are referred to and not defined, sorted."""
    return sorted(
        {link.reference for _, link in _references(graph) if link.reference and link.reference not in graph.by_id}
    )


def follow_references(graph: Graph) -> None:
    """Sets the target of every reference that is right."""
    for node, link in _references(graph):
        target = graph.by_id.get(link.reference or "")
        if target is None:
            link.spot.fault(Rule.REFERENCE_UNRESOLVED, f"no document defines {link.reference!r}")
        elif _is_fit(node, link, target):
            link.target = target


def _references(graph: Graph) -> list[tuple[Node, Link]]:
    return [(node, link) for node in graph.nodes for link in node.all_links() if link.reference is not None]


def _is_fit(node: Node, link: Link, target: Node) -> bool:
    if target.class_name not in link.shape.classes or target.version not in link.shape.versions:
        allowed = ", ".join(sorted(link.shape.classes))
        message = f"{link.reference!r} is {target.class_name} of DTDL version {target.version}, not {allowed}"
        link.spot.fault(Rule.ELEMENT_CLASS, message)
        return False
    if target.partition is not node.partition and target.class_name != "Interface":
        message = f"{link.reference!r} lies inside another Interface and cannot be referred to from here"
        link.spot.fault(Rule.REFERENCE_PARTITION, message)
        return False
    return True
