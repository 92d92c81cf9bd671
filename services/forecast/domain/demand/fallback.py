"""A forecast for what the model cannot know: a product that has just appeared, or no model yet.

`pooled_mean` draws the series' own weekly mean towards the mean of its product in other regions, and where there is
none, of its region: (sum of own weeks + 4 x pooled mean) / (own weeks + 4). The week in progress counts as a week.
"""

import numpy as np

from services.forecast.domain.demand.features import Signals
from services.forecast.domain.demand.intervals import quantiles_of_unknown
from services.forecast.domain.demand.panel import Ints
from services.forecast.domain.market_calendar import Floats

METHOD = "pooled_mean"
_RECENT_WEEKS = 13
_PRIOR_WEEKS = 4.0


def pooled_mean(signals: Signals, series: Ints, members: dict[str, Floats]) -> Floats:
    """Expected demand a week in base units, for rows of the panel.

    `members` gives, for `sku` and `region`, how many series share each panel row's product or region.
    """
    panel, origin = signals.panel, signals.panel.last[series]
    known = signals.track.count_known(series, origin, _RECENT_WEEKS)
    own = signals.track.sum(series, origin, _RECENT_WEEKS) * signals.unit[series]
    begun = (panel.to_date[series] > 0) & (known < _PRIOR_WEEKS)
    own, known = own + np.where(begun, panel.to_date[series], 0), known + begun
    pooled = _per_series(signals, "sku", series, members["sku"][series])
    pooled = np.where(pooled > 0, pooled, _per_series(signals, "region", series, members["region"][series]))
    prior = np.where(pooled > 0, _PRIOR_WEEKS, 0.0)
    return np.asarray((own + prior * pooled) / np.maximum(known + prior, 1.0), dtype=np.float64)


def pooled_forecast(signals: Signals, series: Ints, members: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Means and quantiles of `pooled_mean`; nothing but the mean is known, so the interval is wide."""
    mean = pooled_mean(signals, series, members)
    return mean, quantiles_of_unknown(mean)


def _per_series(signals: Signals, kind: str, series: Ints, members: Floats) -> Floats:
    groups = {"sku": signals.sku, "region": signals.region}[kind]
    total = groups.track.mean(groups.of_series[series], signals.panel.last[series], _RECENT_WEEKS)
    # The series itself is one of the members; alone it is no pool.
    return np.where(members > 1, np.nan_to_num(total) / np.maximum(members, 1), 0.0)
