"""The upper tail of the chi-square distribution, for whole degrees of freedom."""

from __future__ import annotations

import math

BEYOND = 745.0
"""Half a statistic from which on e^-x is no float any more; a hundred sources do not reach so far by chance."""


def upper_tail(statistic: float, freedom: int) -> float:
    """The probability of a value above `statistic` (>= 0) with `freedom` (>= 1) degrees of freedom.

    The finite sums of Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.4.4 and 26.4.5.
    """
    half = statistic / 2
    if half > BEYOND:
        return 0.0
    if freedom % 2 == 0:
        term = total = math.exp(-half)
        for order in range(1, freedom // 2):
            term *= half / order
            total += term
        return min(1.0, total)
    total = math.erfc(math.sqrt(half))
    term = math.sqrt(2 * statistic / math.pi) * math.exp(-half)
    for order in range(1, freedom, 2):
        total += term
        term *= statistic / (order + 2)
    return min(1.0, total)
