"""DQ-09: quantities are whole base units, by the product's own pack sizes."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.batch import Batch, Severity, choose, filled
from services.ingest.domain.fields import MEASURE, Field, FieldType
from services.ingest.domain.rule import Rule
from services.ingest.domain.rules.dq08_unit import unit_column
from services.ingest.domain.units import Floats, base_units_of

TOLERANCE = 1e-6


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
    if batch.sku is None or units is None or quantities is None:
        return
    base = quantities * base_units_of(batch.sku, units)
    batch.put("qty_base", _whole(batch, name, base, batch.columns[name]))


def _derive_quantity(batch: Batch, name: str) -> None:
    amounts, prices = batch.numbers("amount"), batch.numbers("unit_price")
    missing = ~batch.present(name)
    if amounts is None or prices is None or not missing.any():
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = amounts / prices
    quotient = np.where(np.isfinite(quotient), quotient, np.nan)
    derived = pl.Series(name, quotient).fill_nan(None).cast(MEASURE, strict=False)
    given = batch.get(name)
    batch.put(name, derived if given is None else choose(missing, derived, given))


def _convert_field(batch: Batch, field: Field) -> None:
    raw = batch.columns[field.name]
    quantities = raw.to_numpy()
    unit = batch.units.get(field.name)
    if unit is None:
        with np.errstate(invalid="ignore"):
            broken = np.abs(quantities - np.round(quantities)) > TOLERANCE
        message = "base units are whole numbers; give the unit of the source in its mapping"
        batch.find("DQ-02", Severity.REJECT, field.name, broken, message)
        batch.put(field.name, _as_whole(quantities))
        return
    units = unit_column(batch, unit)
    factors = base_units_of(batch.sku, units) if batch.sku is not None else np.full(batch.size, np.nan)
    if field.required and batch.kind.field("qty_raw"):
        batch.put("qty_raw", raw.fill_nan(None).cast(MEASURE, strict=False))
        batch.put("unit_raw", units)
    batch.put(field.name, _whole(batch, field.name, quantities * factors, raw))


def _whole(batch: Batch, name: str, base: Floats, before: pl.Series) -> pl.Series:
    with np.errstate(invalid="ignore"):
        rounded = np.abs(base - np.round(base)) > np.maximum(TOLERANCE, TOLERANCE * np.abs(base))
    batch.mend("DQ-09", name, rounded & filled(before), before, "rounded to whole base units")
    return _as_whole(base)


def _as_whole(base: Floats) -> pl.Series:
    return pl.Series("", np.round(base)).fill_nan(None).cast(pl.Int64, strict=False)


RULE = Rule(
    id="DQ-09",
    severity=Severity.REPAIR,
    order=41,
    doc="Quantities are converted to base units; quantity and unit as received are kept beside them.",
    check=check,
)
