"""DQ-31: a phone number becomes a keyed token; the number goes no further."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.schemas.fields import FieldType


def check(batch: Batch) -> None:
    for field in batch.kind.of_type(FieldType.PHONE):
        if batch.get(field.name) is None:
            continue
        longest = batch.shape(field.name).longest
        numbers = batch.columns.pop(field.name)
        token_name = f"{field.name}_token" if batch.kind.field(f"{field.name}_token") else "phone_token"
        batch.put(token_name, batch.door.tokens.tokens(numbers, longest=longest))
        if batch.kind.field(f"{field.name}_masked"):
            batch.put(f"{field.name}_masked", _masked(numbers))


def _masked(numbers: pl.Series) -> pl.Series:
    column = pl.col(numbers.name)
    return numbers.to_frame().select(column.str.slice(0, 3) + "****" + column.str.slice(7, 4)).to_series()


RULE = Rule(
    id="DQ-31",
    severity=Severity.REPAIR,
    order=2,
    doc="A phone number becomes a keyed token and, for retailers, a masked form; the number is discarded.",
    check=check,
    concerns=lambda kind: bool(kind.of_type(FieldType.PHONE)),
)
