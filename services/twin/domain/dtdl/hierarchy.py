"""Limits and exclusions over the graph: cycles, depths and counts, each without recursion."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Rule
from .language import (
    COMPLEX,
    CONTENTS_COUNT,
    EXTENDS_COUNT,
    EXTENDS_DEPTH,
    GEOSPATIAL,
    GEOSPATIAL_DEPTH,
    SCHEMA_DEPTH,
    words,
)
from .nodes import Graph, Link, Node, Standard

_COUNTED = frozenset(words("contents fields enumValues request response properties schema elementSchema mapValue"))
_DEEPENING = frozenset({"schema", "elementSchema"})


class Budget:
    """Steps that may still be taken; a model that needs more is refused."""

    def __init__(self, graph: Graph, steps: int) -> None:
        self._graph = graph
        self._left = steps

    def spend(self, steps: int) -> bool:
        self._left -= steps
        if self._left < 0:
            self._graph.interfaces[0].spot.fault(Rule.MODEL_SIZE, "the model is too entangled to be checked")
        return self._left >= 0


def in_order(graph: Graph) -> list[Node] | None:
    """Every element after those it includes; None and a fault where an element includes itself."""
    ordered: list[Node] = []
    state: dict[Node, bool] = {}
    has_cycle = False
    for start in graph.nodes:
        if start in state:
            continue
        state[start] = False
        stack: list[tuple[Node, Iterator[Link]]] = [(start, start.all_links())]
        while stack:
            node, links = stack[-1]
            link = next((each for each in links if each.node is not None), None)
            if link is None or link.node is None:
                stack.pop()
                state[node] = True
                ordered.append(node)
            elif link.node not in state:
                state[link.node] = False
                stack.append((link.node, link.node.all_links()))
            elif not state[link.node]:
                link.spot.fault(Rule.CYCLE, f"leads back to {link.node.id or link.node.class_name}, which includes it")
                has_cycle = True
    return None if has_cycle else ordered


def check_limits(ordered: list[Node]) -> list[Node]:
    """Depth of schemas and of inheritance, components in components, arrays in properties of v2.

    Gives the Interfaces that do not inherit over too many levels: only of those it is bounded what they inherit.
    """
    schema_depth: dict[Node, int] = {}
    extends_depth: dict[Node, int] = {}
    component: dict[Node, bool] = {}
    array: dict[Node, bool] = {}
    for node in ordered:
        schema_depth[node] = _schema_depth(node, schema_depth)
        array[node] = _has_array(node, array)
        if node.class_name == "Interface":
            extends_depth[node] = 1 + max((extends_depth[base] for base in node.nodes("extends")), default=-1)
            component[node] = _has_component(node, component)
        _check_node(node, schema_depth[node], extends_depth.get(node, 0), array[node])
        if node.class_name == "Component" and any(component[each] for each in node.nodes("schema")):
            node.links["schema"][0].spot.fault(Rule.COMPONENT_NESTED, "a Component cannot contain a Component")
    return [node for node in ordered if extends_depth.get(node, EXTENDS_DEPTH + 1) <= EXTENDS_DEPTH]


def _check_node(node: Node, schema_depth: int, extends_depth: int, has_array: bool) -> None:
    if node.class_name in COMPLEX and schema_depth > SCHEMA_DEPTH:
        node.spot.fault(Rule.SCHEMA_DEPTH, f"nests {schema_depth} schemas, more than {SCHEMA_DEPTH}")
    if extends_depth > EXTENDS_DEPTH:
        node.spot.fault(Rule.EXTENDS_DEPTH, f"inherits over {extends_depth} levels, more than {EXTENDS_DEPTH}")
    if node.class_name == "Property" and node.version == 2 and has_array:
        node.spot.fault(Rule.PROPERTY_ARRAY, "a Property of DTDL v2 cannot have an Array or a geometry in its schema")


def _schema_depth(node: Node, depths: dict[Node, int]) -> int:
    steps = (
        (link.member in _DEEPENING) + _depth_of(link.target, depths)
        for link in node.all_links()
        if link.target is not None
    )
    return max(steps, default=0)


def _depth_of(target: Node | Standard, depths: dict[Node, int]) -> int:
    return GEOSPATIAL_DEPTH.get(target.name, 0) if isinstance(target, Standard) else depths[target]


def _has_array(node: Node, known: dict[Node, bool]) -> bool:
    if node.class_name == "Array":
        return True
    return any(
        known[link.node]
        if link.node is not None
        else isinstance(link.target, Standard) and link.target.name in GEOSPATIAL
        for link in node.all_links()
    )


def _has_component(node: Node, known: dict[Node, bool]) -> bool:
    own = any(content.class_name == "Component" for content in node.nodes("contents"))
    return own or any(known[base] for base in node.nodes("extends"))


def ancestors(node: Node, most: int = EXTENDS_COUNT) -> list[Node]:
    """The Interface itself and every one it inherits from, nearest first, each once; stops after `most`."""
    found = {node: None}
    waiting = [node]
    while waiting and len(found) <= most:
        following = [base for each in waiting for base in each.nodes("extends") if base not in found]
        waiting = list(dict.fromkeys(following))
        found.update(dict.fromkeys(waiting))
    return list(found)


def check_counts(interfaces: list[Node], ordered: list[Node], budget: Budget) -> None:
    """How many Interfaces one inherits from, and how many elements its contents have in all."""
    for node in interfaces:
        line = ancestors(node)
        if not budget.spend(len(line)):
            return
        extended = sum(len(each.links.get("extends", ())) for each in line)
        if extended > EXTENDS_COUNT and node.version == 3:
            node.spot.fault(Rule.EXTENDS_COUNT, f"inherits from more than {EXTENDS_COUNT} Interfaces")
        if node.version == 2 and not _check_contents_of_2(node, line, budget):
            return
    if sum(map(_own_count, ordered)) > CONTENTS_COUNT:
        _check_contents(interfaces, budget)


def _check_contents_of_2(node: Node, line: list[Node], budget: Budget) -> bool:
    most = node.members["contents"].most or 0
    given = [link for each in line for link in each.links.get("contents", ())[: most + 1]]
    if len(given) <= most:
        return True
    contents = {link.node or link.reference for each in line for link in each.links.get("contents", ())}
    if len(contents) > most:
        node.spot.fault(Rule.CONTENTS_COUNT, f"has more than {most} contents, with those it inherits")
    return budget.spend(sum(len(each.links.get("contents", ())) for each in line))


def _own_count(node: Node) -> int:
    return sum(len(links) for member, links in node.links.items() if member in _COUNTED)


def _check_contents(interfaces: list[Node], budget: Budget) -> None:
    """Elements are counted once in their own Interface; Interfaces that are reached are then added up."""
    totals: dict[Node, int] = {}
    reached: dict[Node, set[Node]] = {}
    for interface in interfaces:
        totals[interface], reached[interface] = _count_within(interface)
    for interface in interfaces:
        count = 0
        for each in _closure(interface, reached):
            count += totals.get(each, 0)
            if not budget.spend(1):
                return
            if count > CONTENTS_COUNT:
                interface.spot.fault(Rule.CONTENTS_COUNT, f"has more than {CONTENTS_COUNT} elements under its contents")
                break


def _count_within(interface: Node) -> tuple[int, set[Node]]:
    """Values of the counted members below an Interface up to the next ones, and those next ones."""
    count = 0
    found = {interface}
    reached = set(interface.nodes("extends"))
    waiting = [interface]
    while waiting:
        node = waiting.pop()
        for member in _COUNTED & node.links.keys():
            count += len(node.links[member])
            for child in node.nodes(member):
                if child.class_name == "Interface":
                    reached.add(child)
                elif child not in found:
                    found.add(child)
                    waiting.append(child)
    return count, reached


def _closure(start: Node, reached: dict[Node, set[Node]]) -> Iterator[Node]:
    found = {start}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        yield node
        new = reached.get(node, set()) - found
        found |= new
        waiting.extend(new)
