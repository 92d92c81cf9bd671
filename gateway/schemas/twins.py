"""Twins, parts of them, and groups of them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gateway.schemas.base import Json, Shape


class Relation(Shape):
    name: str
    target: str


class Twin(Shape):
    id: str
    model: str
    revision: int
    properties: Json
    desired: Json
    relations: list[Relation]
    changed_at: str = Field(description="When the change was true in the world")
    known_at: str = Field(description="When the twin learnt of it")
    source: str
    trace_id: str


class Reading(Shape):
    value: Any = Field(description="As the property has it, in its unit")
    at: str = Field(description="When it was measured")
    source: str
    quality: float = Field(description="0 to 1, how far the source trusts it and what cleaning had to mend")


class TwinReadings(Shape):
    id: str
    model: str
    readings: dict[str, Reading] = Field(description="The newest by property; none: nothing was measured lately")


class TwinPart(Shape):
    """The fields of a twin that were selected; what is not there is left out."""

    id: str
    model: str = ""
    revision: int = 1
    properties: Json = Field(default_factory=dict)
    desired: Json = Field(default_factory=dict)
    relations: list[Relation] = Field(default_factory=list)
    changed_at: str = ""
    known_at: str = ""
    source: str = ""


class TwinGroup(Shape):
    key: Json = Field(description="What the twins of the group have in common, by field")
    values: Json = Field(description="The aggregates, exact, by name; null where there was nothing to take")


class TwinGroups(Shape):
    items: list[TwinGroup]
    has_more: bool = Field(description="There are more than these 1,000 groups; filter for fewer")


class RelatedTwin(Shape):
    id: str
    depth: int = Field(description="Relations between it and the twin that was asked for")
    twin: TwinPart | None = Field(description="The selected fields; null: a relation names it, but it is not there")


class Edge(Shape):
    """The source names the target."""

    source: str
    name: str
    target: str


class Neighbourhood(Shape):
    twins: list[RelatedTwin] = Field(description="The twin itself and those around it, the nearest first")
    edges: list[Edge]
    has_more: bool = Field(description="There are more twins than the limit")
