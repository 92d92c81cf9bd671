"""Quantiles of a forecast, from how far earlier forecasts of the same kind missed.

Split conformal prediction (Vovk, Gammerman and Shafer 2005; groups as in "Mondrian" conformal prediction): on weeks
that the model has not seen, the ratio actual / forecast is collected by pool, by how many usual orders are expected
in the week (an intermittent series misses differently from a steady one) and by horizon. A later forecast multiplied
with the empirical quantiles of its group holds the nominal share, as long as the future misses like the recent past.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from services.forecast.domain.demand.panel import Ints
from services.forecast.domain.market_calendar import Floats

PROBABILITIES = (0.025, 0.1, 0.5, 0.9, 0.975)
LEVELS = {0.8: (1, 3), 0.95: (0, 4)}
"""Nominal probability of an interval, and the places of its ends in PROBABILITIES."""

_MEDIAN = PROBABILITIES.index(0.5)
_BINS = 8
_SMALLEST_GROUP = 200


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of actual / forecast: `factors` is (pools + 1, bins, horizons, probabilities); the last pool is any."""

    pools: tuple[str, ...]
    edges: Floats
    factors: Floats

    @classmethod
    def learn(cls, pool: npt.NDArray[np.str_], orders: Floats, horizon: Ints, missed: Floats) -> Self:
        """Learns from held-out forecasts: their pool, expected orders a week, horizon and actual / forecast."""
        edges = np.quantile(orders, np.linspace(0, 1, _BINS + 1)[1:-1]) if len(orders) else np.zeros(_BINS - 1)
        pools = tuple(sorted(set(pool.tolist())))
        horizons = int(horizon.max(initial=1))
        part = np.searchsorted(edges, orders)
        factors = np.empty((len(pools) + 1, _BINS, horizons, len(PROBABILITIES)))
        everything = _quantiles(missed)
        for b in range(_BINS):
            alike = _or_else(missed[part == b], everything)
            for h in range(horizons):
                kind = (part == b) & (horizon == h + 1)
                common = _or_else(missed[kind], alike)
                factors[-1, b, h] = common
                for p, name in enumerate(pools):
                    factors[p, b, h] = _or_else(missed[kind & (pool == name)], common)
        return cls(pools, edges, factors)

    def quantiles(self, pool: npt.NDArray[np.str_], orders: Floats, horizon: Ints, forecast: Floats) -> Floats:
        """Quantiles (rows, len(PROBABILITIES)) of forecasts, in their unit; every interval holds its forecast.

        The mean of mostly empty weeks can lie above nine tenths of them: the end moves out, coverage only grows.
        """
        names = np.array([*self.pools], dtype=np.str_)
        place = np.searchsorted(names, pool) if len(names) else np.zeros(len(pool), dtype=np.int64)
        known = np.isin(pool, names)
        group = np.where(known, place, len(self.pools))
        step = np.minimum(horizon, self.factors.shape[2]) - 1
        factors = self.factors[group, np.searchsorted(self.edges, orders), step]
        factors[:, :_MEDIAN] = np.minimum(factors[:, :_MEDIAN], 1.0)
        factors[:, _MEDIAN + 1 :] = np.maximum(factors[:, _MEDIAN + 1 :], 1.0)
        return np.asarray(factors * forecast[:, None], dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return {"pools": list(self.pools), "edges": self.edges.tolist(), "factors": self.factors.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `as_dict`."""
        return cls(tuple(values["pools"]), np.array(values["edges"]), np.array(values["factors"]))


def quantiles_of_unknown(mean: Floats) -> Floats:
    """Quantiles when nothing but the mean is known: those of the exponential distribution.

    Of all distributions on [0, inf) with a given mean it assumes least (maximum entropy, Jaynes 1957).
    """
    return np.asarray(-np.log1p(-np.array(PROBABILITIES)) * mean[:, None], dtype=np.float64)


def _or_else(sample: Floats, otherwise: Floats) -> Floats:
    return _quantiles(sample) if len(sample) >= _SMALLEST_GROUP else otherwise


def _quantiles(sample: Floats) -> Floats:
    """Conservative empirical quantiles: rank (n + 1) p, rounded away from the median."""
    if not len(sample):
        return np.asarray(-np.log1p(-np.array(PROBABILITIES)), dtype=np.float64)
    ordered, n = np.sort(sample), len(sample)
    wanted = np.array(PROBABILITIES) * (n + 1)
    rank = np.where(np.array(PROBABILITIES) < 0.5, np.floor(wanted), np.ceil(wanted))
    return np.asarray(ordered[np.clip(rank.astype(np.int64) - 1, 0, n - 1)], dtype=np.float64)
