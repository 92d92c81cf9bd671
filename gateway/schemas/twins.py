"""Twins, parts of them, and groups of them."""

from __future__ import annotations

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
