"""The shape of a record's way."""

from __future__ import annotations

from pydantic import Field

from gateway.schemas.base import Json, Shape

STAGES = (
    "source, batch, message, book, history, superseded, quarantine, twin, profile, forecast or recommendation; "
    "at least those that are known"
)


class LineageStep(Shape):
    stage: str = Field(description=STAGES)
    id: str
    at: str
    exact: bool = Field(description="Surely of this very record; false: of the same shop, product or place")
    link: str | None = Field(description="Where the thing is read")
    detail: Json


class Lineage(Shape):
    record_id: str
    kind: str
    key: str = Field(description="Business key; empty for a record that is not in the book")
    steps: list[LineageStep] = Field(description="In order of time, what was made from the record last")
    missing: list[str] = Field(description="Services that could not be asked")
