"""Shapes of records set aside."""

from __future__ import annotations

from pydantic import Field

from gateway.schemas.base import Json, Shape
from gateway.schemas.records import Reason


class QuarantineItem(Shape):
    id: str
    kind: str
    source: str
    batch_id: str
    line: int
    state: str
    trace_id: str
    record: Json = Field(description="Canonical fields as text; `units` has the unit of each quantity, by field")
    original: Json | None = Field(description="The record as it came, where it was mended")
    reasons: list[Reason]
    quarantined_at: str
    revision: int = Field(description="Grows with every change; the ETag")
    changed_by: str
    changed_at: str | None
    replayed_as: str = Field(description="Id of the record that it became in the book; empty: none yet")
    drop_reason: str


class ReplayFilter(Shape):
    """Which records set aside; what is empty does not filter."""

    kind: str = Field(default="", max_length=64)
    source: str = Field(default="", max_length=64)
    rule: str = Field(default="", max_length=64)


class ReplayBody(Shape):
    """Either ids or a filter."""

    ids: list[str] | None = Field(default=None, min_length=1, max_length=10_000)
    filter: ReplayFilter | None = None


class DropBody(Shape):
    ids: list[str] = Field(min_length=1, max_length=10_000)
    reason: str = Field(min_length=1, max_length=1000)


class ReopenBody(Shape):
    ids: list[str] = Field(min_length=1, max_length=10_000)


class ReplayOutcome(Shape):
    """sent = accepted + quarantined + rejected + duplicates."""

    sent: int
    accepted: int = Field(description="Now on their way into the book")
    quarantined: int = Field(description="Still set aside, with new reasons")
    rejected: int = Field(description="Cannot be used as they are; still set aside")
    duplicates: int = Field(description="Replayed before, or being replayed by somebody else")
    reasons: list[Reason]


class Changed(Shape):
    changed: int = Field(description="Items whose state changed")
