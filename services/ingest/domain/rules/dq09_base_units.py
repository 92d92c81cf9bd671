"""DQ-09: quantities are whole base units, by the product's own pack sizes."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import Floats, as_decimals, choose, empty, filled
from services.ingest.domain.frames.native import of_array
from services.ingest.domain.rules.dq08_unit import unit_column
from services.ingest.domain.schemas.fields import MEASURE, Field, FieldType

TOLERANCE = 1e-6
MAX_WHOLE = 2.0**63


def check(batch: Batch) -> None:
    if batch.kind.quantity:
        _convert_received(batch, batch.kind.quantity)
    for field in batch.kind.of_type(FieldType.QUANTITY):
        if field.given and batch.get(field.name) is not None:
            _convert_field(batch, field)


def _convert_received(batch: Batch, name: str) -> None:
    """A kind that keeps quantity and unit as received: `qty`, where absent amount by price, times the unit."""
    _derive_quantity(batch, name)
    units, quantities = batch.get("unit"), batch.numbers(name)
    if batch.packs is None or units is None or quantities is None:
        return
    base = quantities * batch.packs.factors(units)
    batch.put("qty_base", _whole(batch, name, base, batch.columns[name]))


def _derive_quantity(batch: Batch, name: str) -> None:
    if batch.is_complete(name):
        return
    amounts, prices = batch.numbers("amount"), batch.numbers("unit_price")
    missing = batch.missing(name)
    if amounts is None or prices is None:
        return
    quotient = amounts / prices
    derived = as_decimals(quotient, MEASURE)
    given = batch.get(name)
    batch.put(name, derived if given is None else choose(missing, derived, given))


def _convert_field(batch: Batch, field: Field) -> None:
    raw = batch.columns[field.name]
    quantities = raw.to_numpy()
    unit = batch.units.get(field.name)
    if unit is None:
        broken = np.abs(quantities - np.round(quantities)) > TOLERANCE
        message = "base units are whole numbers; give the unit of the source in its mapping"
        batch.find("DQ-02", Severity.REJECT, field.name, broken, message)
        batch.put(field.name, _as_whole(quantities))
        return
    units = unit_column(batch, unit)
    factors = batch.packs.factors(units) if batch.packs is not None else np.full(batch.size, np.nan)
    nameless = filled(raw) & np.isnan(factors) & ~batch.present("sku_code")
    message = "the quantity is not given in base units, and without its product it cannot be converted"
    batch.find("DQ-09", Severity.QUARANTINE, field.name, nameless, message)
    if field.required and batch.kind.field("qty_raw"):
        batch.put("qty_raw", as_decimals(quantities, MEASURE))
        batch.put("unit_raw", units)
    batch.put(field.name, _whole(batch, field.name, quantities * factors, raw))


def _whole(batch: Batch, name: str, base: Floats, before: pl.Series) -> pl.Series:
    off = np.abs(base - np.rint(base))
    if np.count_nonzero(off):
        rounded = off > np.maximum(TOLERANCE, TOLERANCE * np.abs(base))
        batch.mend("DQ-09", name, rounded & filled(before), before, "rounded to whole base units")
    return _as_whole(base)


def _as_whole(base: Floats) -> pl.Series:
    known = np.abs(base) < MAX_WHOLE  # what is no number, or too large for one, has been refused
    if np.count_nonzero(known) == len(base):
        return of_array(np.rint(base).astype(np.int64))
    whole = of_array(np.rint(np.where(known, base, 0)).astype(np.int64))
    return choose(known, whole, empty(pl.Int64(), len(base)))


RULE = Rule(
    id="DQ-09",
    severity=Severity.QUARANTINE,
    order=41,
    doc="Quantities become base units by the packs of the day; quantity and unit as received are kept beside them.",
    check=check,
)
