"""A tag: one signal of one machine, and what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

TAG_COLUMNS: dict[str, pl.DataType] = {
    "tag": pl.String(),
    "machine": pl.String(),
    "unit": pl.String(),
    "period_ms": pl.Int64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "rate_per_s": pl.Float64(),
    "may_rest": pl.Boolean(),
    "shows_running": pl.Boolean(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A signal, named `plant.area.machine.signal`."""

    tag: str
    machine: str = ""
    unit: str = ""
    period_ms: int = 1000
    """Expected time between two samples."""
    low: float | None = None
    high: float | None = None
    rate_per_s: float | None = None
    """Largest plausible change in a second, in the unit of the signal."""
    may_rest: bool = False
    """The value may stay the same for hours although the machine runs: a set point."""
    shows_running: bool = False
    """A value above zero says that the machine runs."""

    def record(self) -> dict[str, Any]:
        """The tag as a record of kind `scada_tag`; what is not known is left out."""
        return {name: value for name in TAG_COLUMNS if (value := getattr(self, name)) not in (None, "")}
