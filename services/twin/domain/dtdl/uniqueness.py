"""What must be unique: names among contents, fields, values of an Enum and properties of a Relationship."""

from __future__ import annotations

from typing import TypeAlias

from .faults import Rule
from .hierarchy import Budget, ancestors
from .nodes import Graph, Node

# A name, or a class with an index.
_Key: TypeAlias = str | tuple[str, int]

_NAMED = {"Object": "fields", "Enum": "enumValues", "Relationship": "properties"}


def check_unique(graph: Graph, interfaces: list[Node], budget: Budget) -> None:
    """`interfaces` are those whose inheritance is bounded."""
    for node in graph.nodes:
        member = _NAMED.get(node.class_name)
        if member is not None:
            _check_set(node, member)
        if node.class_name == "Enum":
            _check_enum(node)
    own = {node: _check_set(node, "contents") for node in graph.interfaces}
    for node in interfaces:
        if node.links.get("extends") and not _check_inherited(node, own, budget):
            return


def _check_set(node: Node, member: str) -> dict[_Key, Node]:
    """Elements of a member by name and by index; the same element referred to twice is one."""
    found: dict[_Key, Node] = {}
    for element in node.nodes(member):
        if "name" in element.literals and found.setdefault(element.name, element) is not element:
            element.at("name").fault(
                Rule.NAME_DUPLICATE, f"{element.name!r} names more than one of the {member} of {_title(node)}"
            )
        index = element.literals.get("index")
        if not isinstance(index, int) or not element.has("Indexed"):
            continue
        if found.setdefault((element.class_name, index), element) is not element:
            element.at("index").fault(Rule.INDEX_DUPLICATE, f"{index} is the index of more than one element")
    return found


def _title(node: Node) -> str:
    return node.id or node.name or node.class_name


def _check_enum(node: Node) -> None:
    expected = {"integer": int, "string": str}.get(str(node.literals.get("valueSchema")))
    seen: dict[object, Node] = {}
    for element in node.nodes("enumValues"):
        value = element.literals.get("enumValue")
        if value is None:
            continue
        spot = element.at("enumValue")
        if expected is not None and not isinstance(value, expected):
            spot.fault(Rule.ENUM_VALUE_TYPE, f"must be {node.literals['valueSchema']}, as 'valueSchema' says")
        if seen.setdefault(value, element) is not element:
            spot.fault(Rule.ENUM_VALUE_DUPLICATE, f"{value!r} is the value of more than one of the values")


def _check_inherited(node: Node, own: dict[Node, dict[_Key, Node]], budget: Budget) -> bool:
    """Own names and indexes against all inherited ones; with several bases also theirs against each other."""
    line = ancestors(node)
    if len(node.links["extends"]) == 1:
        if not budget.spend(len(line) * (1 + len(own[node]))):
            return False
        for base in line[1:]:
            _report(node, own[node], own[base])
        return True
    merged: dict[_Key, Node] = {}
    for each in line:
        if not budget.spend(1 + len(own[each])):
            return False
        for key, element in own[each].items():
            if merged.setdefault(key, element) is not element:
                _fault(node, key, merged[key], element)
    return True


def _report(node: Node, found: dict[_Key, Node], inherited: dict[_Key, Node]) -> None:
    if not inherited:
        return
    for key, element in found.items():
        other = inherited.get(key)
        if other is not None and other is not element:
            _fault(node, key, element, other)


def _fault(node: Node, key: _Key, element: Node, other: Node) -> None:
    is_name = isinstance(key, str)
    spot = element.at("name" if is_name else "index") if element.partition is node else node.at("extends")
    what = repr(key) if is_name else f"the index {key[1]}"
    rule = Rule.NAME_DUPLICATE if is_name else Rule.INDEX_DUPLICATE
    spot.fault(rule, f"{what} is of a content of {_title(node)} and of one of {_title(other.partition)}")
