"""DQ-21: a retail price lies near the guide price: 0.5 to 2 times, 0.3 to 3 times at a till."""

from __future__ import annotations

import numpy as np

from services.ingest.domain.batch import Batch, Severity
from services.ingest.domain.columns import hits
from services.ingest.domain.rule import Rule
from services.ingest.domain.units import CARTON

PRICES = {"price_observation": ("price_observed", 0.5, 2.0), "pos_sale": ("unit_price", 0.3, 3.0)}


def check(batch: Batch) -> None:
    packs = batch.packs
    if batch.kind.name not in PRICES or packs is None:
        return
    name, low, high = PRICES[batch.kind.name]
    prices, units, currency = batch.numbers(name), batch.get("unit"), batch.get("currency")
    guides = packs.guides
    if prices is None or units is None or currency is None or np.isnan(guides).all():
        return
    per_unit = guides * packs.factors(units) / packs.factor(CARTON)
    comparable = hits(packs.currency == currency)
    with np.errstate(invalid="ignore"):
        outside = comparable & ((prices < low * per_unit) | (prices > high * per_unit))
    message = f"the price lies outside {low:g} to {high:g} times the guide price"
    batch.find("DQ-21", Severity.QUARANTINE, name, outside, message)


RULE = Rule(
    id="DQ-21",
    severity=Severity.QUARANTINE,
    order=51,
    doc="A price lies within the range around the guide price, where there is one in the same currency.",
    check=check,
)
