"""DQ-30: a phone number has eleven digits, 1[3-9] first; anything else is dropped unseen."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import filled
from services.ingest.domain.schemas.fields import FieldType

PHONE = r"^1[3-9][0-9]{9}$"


def check(batch: Batch) -> None:
    for field in batch.kind.of_type(FieldType.PHONE):
        values = batch.get(field.name)
        if values is None or values.null_count() == batch.size or batch.shape(field.name).are_mobile_numbers:
            continue
        phones = _plain(values)
        if phones.null_count() > values.null_count():
            phones = _plain(_stripped(values))
        dropped = filled(values) & ~filled(phones)
        batch.put(field.name, phones)
        batch.mend("DQ-30", field.name, dropped, None, "the phone number is not a mobile number; it was dropped")


def _plain(values: pl.Series) -> pl.Series:
    column = pl.col(values.name)
    return values.to_frame().select(pl.when(column.str.contains(PHONE)).then(column)).to_series()


def _stripped(values: pl.Series) -> pl.Series:
    column = pl.col(values.name).str.normalize("NFKC").str.replace_all(r"[\s\-\.()]", "")
    return values.to_frame().select(column.str.replace(r"^(?:\+|00)?86(1[3-9])", "$1")).to_series()


RULE = Rule(
    id="DQ-30",
    severity=Severity.REPAIR,
    order=1,
    doc="A phone number that is no mobile number is dropped and never stored.",
    check=check,
    concerns=lambda kind: bool(kind.of_type(FieldType.PHONE)),
)
