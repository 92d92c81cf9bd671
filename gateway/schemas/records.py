"""Shapes of records, their receipts, sources, quarantine and balance."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.schemas.base import Json, Shape


class Reason(Shape):
    pointer: str = Field(description="JSON pointer of the first place it fired")
    rule: str
    count: int
    message: str
    severity: str = Field(description="reject, quarantine, repair or warn")


class Receipt(Shape):
    """sent = accepted + quarantined + rejected + duplicates; repaired counts those of the accepted that were mended."""

    batch_id: str
    accepted: int
    repaired: int
    quarantined: int
    rejected: int
    duplicates: int
    reasons: list[Reason]
    spooled: bool = Field(False, description="Durable at the door; the log was away and hears of it when it is back")


class RecordStatistics(Shape):
    items: list[Json] = Field(description="One per group: the group's fields, `records`, `value`")
    measure: str
    unit: str = Field(description="Unit of `value`: record, a currency, or a base unit")
    total: float = Field(description="Sum of all groups")
    records: int = Field(description="Records behind it")


class Kind(Shape):
    name: str
    schema_version: int
    doc: str
    key_fields: list[str]
    json_schema: Json


class Balance(Shape):
    """received = stored + duplicate + quarantined + rejected + pending; repaired counts those of the stored."""

    received: int
    stored: int
    duplicate: int
    quarantined: int
    rejected: int
    pending: int
    repaired: int


class SourceBalance(Balance):
    source: str
    kind: str


class Quality(Shape):
    items: list[SourceBalance]
    totals: Balance


class DayBalance(SourceBalance):
    day: str


class RuleCount(Shape):
    """Records on which a rule fired."""

    rule: str
    severity: str
    source: str
    kind: str
    records: int


class QualityDays(Shape):
    items: list[DayBalance]
    rules: list[RuleCount]


class CleaningRule(Shape):
    """A rule that every record passes; `severity` is the strongest thing it does to one."""

    id: str
    severity: str
    doc: str


class Connection(Shape):
    """A connection that fetches or hears a source."""

    name: str
    type: str
    state: Literal["waiting", "running", "failing", "stopped"]
    last_success_at: str | None
    last_error: str
    records: int
    checkpoint: str


class AskedRun(Shape):
    connection: str
    source: str


class Source(Shape):
    name: str
    received: int
    mapped_kinds: list[str]
    newest_biz_date: str | None = Field(description="Newest business date; master data has none. Null: none came yet")
    last_seen_at: str | None
    lag_s: float | None = Field(
        description="From the newest fact of the last batch that was no master data to its arrival; null: not known"
    )
    open_quarantine: int = Field(description="Records set aside that wait for somebody")
    partial_days: list[str] = Field(description="Days of arrival of the last 28 with fewer records than usual (DQ-40)")
    connections: list[Connection]
