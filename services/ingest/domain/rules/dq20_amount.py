"""DQ-20: amount = quantity x price, within 0.05 or 0.5 %; up to 5 % it is marked, beyond it the record is set aside."""

from __future__ import annotations

import numpy as np

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import Floats, as_decimals, choose
from services.ingest.domain.frames.native import of_array
from services.ingest.domain.schemas.fields import MONEY, Kind
from services.ingest.domain.values.units import CARTON

EXACT = 0.05
CLOSE_SHARE = 0.005
NEAR_SHARE = 0.05
ROUNDING = 1e-9


def check(batch: Batch) -> None:
    expected = _expected(batch)
    if expected is None:
        return
    name = _named(batch, "amount", "amount_ex_vat")
    _fill(batch, name, expected)
    amounts = batch.numbers(name)
    if amounts is None:
        return
    size = np.abs(expected)
    off = np.abs(amounts - expected)
    wrong = off > np.maximum(EXACT, NEAR_SHARE * size) + ROUNDING
    near = (off > np.maximum(EXACT, CLOSE_SHARE * size) + ROUNDING) & ~wrong
    batch.put("amount_check", of_array(near, "amount_check"))
    batch.find("DQ-20", Severity.QUARANTINE, name, wrong, "the amount is not quantity times price")
    message = "the amount is up to 5 % off quantity times price; it was kept and marked"
    batch.mend("DQ-20", name, near, batch.columns[name], message)


def _expected(batch: Batch) -> Floats | None:
    if batch.kind.quantity:
        quantities, prices = batch.numbers(batch.kind.quantity), batch.numbers("unit_price")
        return None if quantities is None or prices is None else quantities * prices
    quantities = batch.numbers(_named(batch, "qty_order_base", "qty_base"))
    prices = batch.numbers(_named(batch, "price_wholesale", "price_allocation_ex_vat"))
    if quantities is None or prices is None or batch.packs is None:
        return None
    return quantities / batch.packs.factor(CARTON) * prices


def _named(batch: Batch, first: str, other: str) -> str:
    return first if batch.kind.field(first) is not None else other


def _fill(batch: Batch, name: str, expected: Floats) -> None:
    if batch.is_complete(name):
        return
    missing = batch.missing(name) & np.isfinite(expected)
    if missing.any():
        computed = as_decimals(expected, MONEY)
        given = batch.get(name)
        batch.put(name, computed if given is None else choose(missing, computed, given))
        batch.mend("DQ-20", name, missing, None, "no amount was given; quantity times price was filled in")


def _has_amount(kind: Kind) -> bool:
    return kind.field("amount_check") is not None


RULE = Rule(
    id="DQ-20",
    severity=Severity.QUARANTINE,
    order=50,
    doc="The amount agrees with quantity and price.",
    check=check,
    concerns=_has_amount,
)
