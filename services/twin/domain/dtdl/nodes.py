"""Elements as they are read, before references are followed: a graph of nodes and links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from .context import ActiveContext
from .extensions import Cotype
from .faults import Spot
from .jsontext import Json
from .language import CLASSES, PROPERTIES, Member

Literal: TypeAlias = str | int | bool
Localized: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True)
class Standard:
    """A schema that the language or an extension defines: a primitive, a geometry, or the units of one kind."""

    name: str
    is_unit: bool = False
    is_undefined: bool = False


@dataclass(slots=True, eq=False)
class Link:
    """One value of a member that takes elements: inline, by reference, or a standard schema."""

    member: str
    shape: Member
    spot: Spot
    reference: str | None = None
    target: Node | Standard | None = None

    @property
    def node(self) -> Node | None:
        return self.target if isinstance(self.target, Node) else None


@dataclass(slots=True, eq=False)
class Node:
    """One element; `parent` is its structural parent, `partition` the element whose partition it belongs to."""

    class_name: str
    context: ActiveContext
    spot: Spot
    id: str | None
    parent: Node | None
    source: dict[str, Json]
    cotypes: tuple[Cotype, ...] = ()
    undefined_types: tuple[str, ...] = ()
    literals: dict[str, Literal] = field(default_factory=dict)
    texts: dict[str, Localized] = field(default_factory=dict)
    links: dict[str, list[Link]] = field(default_factory=dict)
    extras: dict[str, Json] = field(default_factory=dict)
    partition: Node = field(init=False)

    def __post_init__(self) -> None:
        is_root = self.parent is None or self.class_name == "Interface"
        self.partition = self if self.parent is None or is_root else self.parent.partition

    @property
    def version(self) -> int:
        return self.context.version

    @property
    def members(self) -> dict[str, Member]:
        return dict(CLASSES[self.version][self.class_name])

    @property
    def name(self) -> str:
        return str(self.literals.get("name", ""))

    def at(self, member: str) -> Spot:
        """The place of a member, by whichever of its names it was given."""
        if member in self.source:
            return self.spot.at(member)
        others = {prop.dtmi for cotype in self.cotypes for prop in cotype.properties if prop.term == member}
        known = PROPERTIES[self.version]
        return self.spot.at(next((key for key in self.source if known.get(key) == member or key in others), member))

    def nodes(self, member: str) -> Iterator[Node]:
        """Elements included or referentially included in a member."""
        for link in self.links.get(member, ()):
            if link.node is not None:
                yield link.node

    def all_links(self) -> Iterator[Link]:
        for links in self.links.values():
            yield from links

    def has(self, name: str) -> bool:
        """Whether a co-type of this term (in any version) or DTMI (in that version) stands on the element."""
        return any(name in (cotype.term, cotype.dtmi) for cotype in self.cotypes)


@dataclass(slots=True)
class Graph:
    """Every element of every document read."""

    nodes: list[Node] = field(default_factory=list)
    by_id: dict[str, Node] = field(default_factory=dict)
    interfaces: list[Node] = field(default_factory=list)

    def add(self, node: Node) -> None:
        self.nodes.append(node)
        if node.class_name == "Interface":
            self.interfaces.append(node)
        if node.id is not None:
            self.by_id.setdefault(node.id, node)
