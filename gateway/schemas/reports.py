"""Shapes of reports, differences and chains."""

from __future__ import annotations

from pydantic import Field

from gateway.schemas.base import Json, Shape


class Difference(Shape):
    type: str
    kind: str = Field(description="Kind of the record on which it was found")
    key: str = Field(description="Its business key")
    expected: str = Field(description="Decimal text")
    found: str = Field(description="Decimal text; empty: the other side is missing")
    difference: str = Field(description="found - expected; empty: the other side is missing")
    unit: str = Field(description="Base unit of the product, or currency")
    biz_date: str
    detail: Json


class OrderState(Shape):
    line_no: int
    state: str
    entered_at: str
    is_current: bool
    source: str
    record_id: str


class OrderChain(Shape):
    kind: str
    no: str
    is_late: bool = Field(description="A promised day has passed and the order is not done")
    promised_on: str | None
    states: list[OrderState] = Field(description="By line and time")
