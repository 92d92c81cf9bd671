"""DQ-23: a quantity far above what is usual for its product, region and weekday is marked and not learnt from."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.habits import MEASURES
from services.ingest.domain.cleaning.rule import Rule, kinds


def check(batch: Batch) -> None:
    kind = batch.kind.name
    values = batch.numbers(MEASURES[kind])
    habits = batch.door.directory.habits
    least = habits.least(kind)
    if values is None or np.isinf(least):
        return
    places = np.flatnonzero(values > least)
    if not places.size:
        return
    rows = pl.DataFrame({name: _gathered(batch, name, places) for name in ("sku_code", "adcode", "biz_date")})
    cells = rows.with_columns(pl.col("biz_date").dt.weekday()).rows()
    mask = np.zeros(batch.size, dtype=np.bool_)
    mask[places] = values[places] > habits.limits(kind, cells)
    message = "far above what is usual for the product, the region and the weekday; it is not learnt from"
    batch.find("DQ-23", Severity.WARN, MEASURES[kind], mask, message)


def _gathered(batch: Batch, name: str, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.Series:
    values = batch.get(name)
    return (
        pl.Series([None], dtype=pl.String).new_from_index(0, places.size) if values is None else values.gather(places)
    )


RULE = Rule(
    id="DQ-23",
    severity=Severity.WARN,
    order=82,
    doc="A robust z above 6 within product, region and weekday is marked; such records are not learnt from.",
    check=check,
    concerns=kinds(*MEASURES),
)
