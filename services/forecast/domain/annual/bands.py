"""Bands of annual sales for the map (requirement R-21): half-open [from, to), with a band below the lowest limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from services.forecast.domain.annual.panel import Ints
from services.forecast.domain.market_calendar import Floats

STICK_LIMITS = (1.0, 5.0, 8.0, 10.0)
"""Limits in 10,000 cases (万箱), the unit of the trade."""

STICKS_PER_WAN_CASE = 500_000_000
_QUANTILES = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True, slots=True)
class Band:
    """Values from `low` (None: no lower end) up to, but without, `high` (None: no upper end)."""

    name: str
    low: float | None
    high: float | None
    label_zh: str
    label_en: str
    color_key: int
    """0 for the lowest band."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit in which a base unit is shown: shown = base / `divisor`."""

    unit: str
    divisor: float
    zh: str
    en: str


def scale_of(base_unit: str) -> Scale:
    """Sticks are shown in 10,000 cases; other base units as they are."""
    if base_unit == "stick":
        return Scale("wan_case", STICKS_PER_WAN_CASE, "万箱", "10,000 cases")
    return Scale(base_unit, 1.0, base_unit, base_unit)


def bands(limits: Sequence[float], scale: Scale) -> list[Band]:
    """One band more than there are limits, lowest first. Raises ValueError unless the limits rise."""
    if list(limits) != sorted(set(limits)) or not limits:
        raise ValueError("band limits must rise, and there must be at least one")
    edges = [None, *limits, None]
    return [_band(low, high, key, scale) for key, (low, high) in enumerate(pairwise(edges))]


def limits_of(values: Floats, scale: Scale, configured: Sequence[float] | None = None) -> list[float]:
    """The limits to use: those configured, else the trade's for sticks, else rounded fifths of the values."""
    if configured:
        return list(configured)
    if scale.unit == "wan_case":
        return list(STICK_LIMITS)
    known = values[np.isfinite(values)]
    if not len(known):
        return [1.0]
    rounded = sorted({float(f"{limit:.2g}") for limit in np.quantile(known, _QUANTILES)})
    return [limit for limit in rounded if limit > 0] or [1.0]


def band_of(values: Floats, limits: Sequence[float]) -> Ints:
    """The number (0: lowest) of the band of each value."""
    return np.searchsorted(np.array(limits), values, side="right").astype(np.int64)


def _band(low: float | None, high: float | None, key: int, scale: Scale) -> Band:
    if low is None:
        return Band(f"<{high:g}", None, high, f"{high:g}{scale.zh}以下", f"below {high:g} {scale.en}", key)
    if high is None:
        return Band(f">={low:g}", low, None, f"{low:g}{scale.zh}以上", f"{low:g} {scale.en} and more", key)
    return Band(f"{low:g}-{high:g}", low, high, f"{low:g}—{high:g}{scale.zh}", f"{low:g} to {high:g} {scale.en}", key)
