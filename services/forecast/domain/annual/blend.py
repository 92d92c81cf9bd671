"""The annual trend correlation method (requirements R-19 and R-20).

    forecast = (wa a + wb b + wc c) x k

a = sales of last year, b = of the year before, c = this year's sales by the inner model, k = observed price / retail
price. The source gives wa = 0.2, wb = 0.3, wc = 0.5, the older year more; `patent_v1` keeps it as written.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from services.forecast.domain.market_calendar import Floats

INPUTS = ("last_year", "year_before", "inner")
RELIABLE_FROM = 0.7
"""Correlation from which the method calls itself reliable (default)."""


@dataclass(frozen=True, slots=True)
class Method:
    """A named set of weights of a, b and c."""

    name: str
    weights: tuple[float, float, float]


PATENT_V1 = Method("patent_v1", (0.2, 0.3, 0.5))
PATENT_V1_SWAPPED = Method("patent_v1_swapped", (0.3, 0.2, 0.5))


@dataclass(frozen=True, slots=True)
class Blend:
    """`value` (rows,), NaN where the method does not apply; `weights` (rows, 3) as used; `missing` (rows, 3)."""

    value: Floats
    weights: Floats
    missing: npt.NDArray[np.bool_]

    @property
    def applies(self) -> npt.NDArray[np.bool_]:
        """Rows with at most one missing input."""
        return np.asarray(self.missing.sum(axis=1) <= 1)


def blend(inputs: Floats, coefficient: Floats, method: Method) -> Blend:
    """Applies a method to `inputs` (rows, 3) = a, b, c (NaN: missing) and `coefficient` (rows,) = k.

    One missing input: the other weights are scaled to sum to 1. Two: the method does not apply. The value has the
    unit of the inputs.
    """
    missing = np.isnan(inputs)
    weights = np.where(missing, 0.0, np.array(method.weights))
    total = weights.sum(axis=1, keepdims=True)
    applies = (missing.sum(axis=1) <= 1) & (total[:, 0] > 0)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    value = (weights * np.nan_to_num(inputs)).sum(axis=1) * coefficient
    return Blend(np.where(applies, value, np.nan), weights, missing)


def fitted(inputs: Floats, coefficient: Floats, actual: Floats) -> Method | None:
    """Weights, none negative and together 1, that would have missed past years least; None without enough years.

    Least squares of the relative error, so that every region counts alike; rows need all three inputs.
    """
    usable = np.isfinite(inputs).all(axis=1) & np.isfinite(actual) & (actual > 0) & (coefficient > 0)
    if usable.sum() < 30:
        return None
    relative = inputs[usable] * (coefficient[usable] / actual[usable])[:, None]
    candidates = [
        _least_squares(relative, list(support)) for size in (1, 2, 3) for support in combinations(range(3), size)
    ]
    best = min((w for w in candidates if w.min() >= 0), key=lambda w: float(((relative @ w - 1) ** 2).sum()))
    return Method("fitted", (float(best[0]), float(best[1]), float(best[2])))


def _least_squares(relative: Floats, support: list[int]) -> Floats:
    """Weights with sum 1 on `support` (others zero, signs free) that bring `relative @ weights` closest to 1.

    The first weight is 1 minus the others, which leaves an ordinary least-squares problem.
    """
    first, others = relative[:, support[0]], relative[:, support[1:]]
    solution, *_ = np.linalg.lstsq(others - first[:, None], 1 - first, rcond=None)
    weights = np.zeros(relative.shape[1])
    weights[support[1:]] = solution
    weights[support[0]] = 1 - solution.sum()
    return weights


@dataclass(frozen=True, slots=True)
class Correlation:
    """Pearson r (rows,), NaN where it cannot be told; `reason` says why a row is not reliable, empty if it is."""

    r: Floats
    reliable: npt.NDArray[np.bool_]
    reason: npt.NDArray[np.str_]


def month_correlation(
    last_year: Floats, year_before: Floats, pooled: npt.NDArray[np.bool_], *, reliable_from: float = RELIABLE_FROM
) -> Correlation:
    """Correlation of the 12 monthly values (rows, 12) of the two previous years.

    Where `pooled`, January and February count as one value, because the Spring Festival moves between them.
    """
    r = np.where(pooled, _pearson(_join_spring(last_year), _join_spring(year_before)), _pearson(last_year, year_before))
    known = np.isfinite(np.stack([last_year, year_before]))
    reason = np.select(
        [~known.any(axis=(0, 2)), ~known.all(axis=(0, 2)), np.isnan(r), r < reliable_from],
        ["no_monthly_values", "incomplete_months", "months_do_not_vary", "low_correlation"],
        default="",
    )
    return Correlation(r, reason == "", reason)


def _join_spring(months: Floats) -> Floats:
    return np.column_stack([months[:, 0] + months[:, 1], months[:, 2:]])


def _pearson(x: Floats, y: Floats) -> Floats:
    dx, dy = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    above = (dx * dy).sum(axis=1)
    below = np.sqrt((dx**2).sum(axis=1) * (dy**2).sum(axis=1))
    size = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    varies = below > 1e-12 * np.nan_to_num(size)
    r = np.divide(above, below, out=np.full(len(x), np.nan), where=varies)
    return np.asarray(np.clip(r, -1, 1), dtype=np.float64)
