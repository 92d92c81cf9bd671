"""How several sources of one property become one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gateway.schemas.base import Json, Shape

Method = Literal["latest", "priority", "mean", "weighted", "median"]


class FusionRuleBody(Shape):
    """Sources are names of record sources, `user:SUBJECT`, or beginnings that end in `*`."""

    method: Method
    reliability: dict[str, float] | None = Field(default=None, description="By source, above 0 to 1; others: 1")
    half_life_s: float | None = Field(default=None, description="Seconds after which an input weighs half")
    variance: dict[str, float] | None = Field(
        default=None, description="By source, in the square of the property's unit; `*` stands for all others"
    )
    priority: list[str] | None = Field(default=None, description="Sources, the most trusted first")
    stale_after_s: float | None = Field(
        default=None, description="An input that is so much older than the newest one does not count"
    )
    conflict_p: float | None = Field(
        default=None, description="Sources disagree where chance would part them so far less often than this; 0.05"
    )


class FusionRule(Shape):
    model: str
    property: str
    version: int = Field(description="Counts the rules of the property; 0: none was set, the newest value is shown")
    rule: Json
    known_at: str | None = Field(description="Since when it holds; null: nobody set it")
    set_by: str
    applied_at: str | None = Field(description="When every twin followed it; null: some still follow the one before")


class FusionInput(Shape):
    source: str
    value: Any
    at: str = Field(description="When it was true in the world")
    known_at: str = Field(description="When the twin learnt of it")
    quality: float = Field(description="0 to 1, by what cleaning had to mend")
    reliability: float = Field(description="0 to 1, by the rule")
    variance: float | None = Field(description="Square of the property's unit, by the rule")
    age_s: float
    weight: float = Field(description="What it counts for; those of all inputs sum up to 1")
    unused: str = Field(description="Why it does not count: null, stale, not_a_number, older, lower_priority")


class FusionSpread(Shape):
    least: float
    most: float
    deviation: float = Field(description="Sample standard deviation")


class Fusion(Shape):
    """The shown value of a property, and how it came about."""

    property: str
    value: Any
    unit: str
    rule: FusionRule
    inputs: list[FusionInput] = Field(description="Those that count most first")
    spread: FusionSpread | None = Field(description="How far the numbers lie apart, in the property's unit")
    chi_square: float | None = Field(description="Cochran's Q; null without variances or with one source")
    p_value: float | None = Field(description="How often chance alone parts sources so far")
    conflict: bool | None = Field(description="Whether the sources disagree; null: it cannot be told")
    standard_error: float | None = Field(description="Of a mean, in the property's unit; null without variances")
    age_s: float | None = Field(description="Seconds since the newest input that counts was true")


class TwinFusion(Shape):
    id: str
    revision: int
    items: list[Fusion]
