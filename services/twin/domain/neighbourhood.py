"""What is around a twin: twins by their distance, and the relations among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.twin.domain.twins import Twin


class Edge(NamedTuple):
    """A relation: the twin that names the other, and the other."""

    source: str
    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Walk:
    """Where to begin, which relations to follow and how far."""

    twin_id: str
    goes_out: bool
    goes_in: bool
    names: Sequence[str]
    depth: int
    limit: int
    """Twins besides the first."""


@dataclass(slots=True)
class Neighbourhood:
    """What was found so far."""

    depths: dict[str, int]
    """By id: relations between the twin and the first."""
    edges: set[Edge] = field(default_factory=set)
    twins: Mapping[str, Twin] = field(default_factory=dict)
    """Those of the ids that there are."""
    has_more: bool = False

    def reach(self, edges: Iterable[Edge], depth: int, limit: int) -> list[str]:
        """Takes relations of the next level in as far as the limit goes; returns the ids that are new."""
        fresh: list[str] = []
        for edge in sorted(edges, key=self._by_known):
            for end in (edge.source, edge.target):
                if end not in self.depths and len(self.depths) <= limit:
                    self.depths[end] = depth
                    fresh.append(end)
            if edge.source in self.depths and edge.target in self.depths:
                self.edges.add(edge)
            else:
                self.has_more = True
        return fresh

    def _by_known(self, edge: Edge) -> tuple[bool, Edge]:
        """Relations among known twins first: they need no room."""
        return not (edge.source in self.depths and edge.target in self.depths), edge
