"""DQ-08: a quantity has a unit that its product has, and that its source declared."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity, Unit
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import Mask, filled, hits
from services.ingest.domain.schemas.fields import FieldType
from services.ingest.domain.values.units import Packs


def check(batch: Batch) -> None:
    packs = batch.packs
    if packs is None:
        return
    for field in batch.kind.of_type(FieldType.UNIT):
        units = batch.get(field.name)
        if units is not None:
            unknown = packs.known & filled(units) & np.isnan(packs.factors(units))
            batch.find("DQ-08", Severity.QUARANTINE, field.name, unknown, "the product does not have this unit")
    for name, unit in batch.units.items():
        if batch.kind.field(name) is not None and batch.get(name) is not None:
            _check_declared(batch, packs, name, unit)


def _check_declared(batch: Batch, packs: Packs, name: str, unit: Unit) -> None:
    measured: Mask = packs.known & batch.present(name)
    if unit.column is not None:
        factors = packs.factors(unit.column)
        if unit.fixed is not None:
            differs = hits(unit.column != unit.fixed)
            message = f"the mapping declares {unit.fixed}, the record says another unit"
            batch.find("DQ-08", Severity.QUARANTINE, name, differs & measured, message)
    else:
        factors = packs.factor(unit.fixed or "stick")
    batch.find("DQ-08", Severity.QUARANTINE, name, measured & np.isnan(factors), "the product does not have this unit")


def unit_column(batch: Batch, unit: Unit) -> pl.Series:
    """The unit of each record of a mapped quantity."""
    if unit.column is not None:
        return unit.column
    return pl.Series("unit", [unit.fixed], dtype=pl.String).new_from_index(0, batch.size)


RULE = Rule(
    id="DQ-08",
    severity=Severity.QUARANTINE,
    order=40,
    doc="The unit is one the product has and does not differ from the mapping.",
    check=check,
)
