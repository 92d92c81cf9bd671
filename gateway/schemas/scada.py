"""Shapes of the signals of machines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.schemas.base import Shape


class ScadaMinute(Shape):
    """A minute of a signal. One without a usable sample has n 0 and no values: nothing is filled in."""

    tag: str
    machine: str | None
    unit: str | None
    minute: str
    n: int = Field(description="Usable samples")
    min: float | None
    mean: float | None
    max: float | None
    last: float | None
    bad: int = Field(description="Samples of bad quality, counted and not used")
    uncertain: int = Field(description="Of the usable samples, those of uncertain quality")
    expected: int | None = Field(description="Samples that the tag should give in a minute")
    gap_s: float = Field(description="Seconds of the minute in gaps of more than three periods")
    jumps: int = Field(description="Changes faster than the rate limit of the tag")
    marks: list[Literal["bad", "gap", "jump", "stuck", "outside", "late"]]


class ScadaGap(Shape):
    tag: str
    machine: str | None
    reason: Literal["no_samples", "bad_quality", "stuck"]
    from_at: str
    to_at: str | None = Field(description="null while it lasts")
    seconds: float
    missing: int = Field(description="Samples that were expected and did not come")
