"""DQ-21: a price lies near the one it should be: 0.5 to 2 times, 0.3 to 3 times at a till."""

from __future__ import annotations

import numpy as np

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import Floats, hits
from services.ingest.domain.values.units import CARTON, Packs

GUIDE, ALLOCATION = "guide price", "allocation price"
PRICES = {
    "price_observation": ("price_observed", GUIDE, 0.5, 2.0),
    "pos_sale": ("unit_price", GUIDE, 0.3, 3.0),
    "commercial_order": ("price_wholesale", GUIDE, 0.5, 2.0),
    "competitor_order": ("price_wholesale", GUIDE, 0.5, 2.0),
    "transfer": ("price_allocation_ex_vat", ALLOCATION, 0.5, 2.0),
    "oms_order": ("price_ex_vat", ALLOCATION, 0.5, 2.0),
}


def check(batch: Batch) -> None:
    packs = batch.packs
    if packs is None:
        return
    name, beside, low, high = PRICES[batch.kind.name]
    prices, currency = batch.numbers(name), batch.get("currency")
    right = packs.guides if beside == GUIDE else packs.allocations
    if prices is None or currency is None or np.isnan(right).all():
        return
    per_unit = _per_unit(batch, packs, right)
    comparable = hits(packs.currency == currency)
    outside = comparable & ((prices < low * per_unit) | (prices > high * per_unit))
    if np.count_nonzero(outside):
        message = f"the price lies outside {low:g} to {high:g} times the {beside}"
        batch.find("DQ-21", Severity.QUARANTINE, name, outside, message)


def _per_unit(batch: Batch, packs: Packs, per_carton: Floats) -> Floats:
    """Prices of a carton as those of the record's own unit, where it has one."""
    units = batch.get("unit")
    return per_carton if units is None else per_carton * packs.factors(units) / packs.factor(CARTON)


RULE = Rule(
    id="DQ-21",
    severity=Severity.QUARANTINE,
    order=51,
    doc="A price lies within the range around the guide or allocation price, where there is one in its currency.",
    check=check,
    concerns=kinds(*PRICES),
)
