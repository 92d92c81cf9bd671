"""DQ-33: free text names and calls nobody; a code that is a phone number becomes a token."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain import text
from services.ingest.domain.batch import Batch, Severity, choose
from services.ingest.domain.fields import Field, FieldType
from services.ingest.domain.rule import Rule

# Lengths of 138..., 86138..., +86138..., 86-138..., 0086138..., +86-138... and 0086-138...
PHONE_LENGTHS = (11, 13, 14, 15, 16)


def check(batch: Batch) -> None:
    for field in batch.kind.given:
        values = batch.get(field.name)
        if values is None or values.dtype != pl.String:
            continue
        if field.type is FieldType.TEXT and text.needs_scrub(values):
            scrubbed = text.scrub(values)
            changed = (scrubbed != values).fill_null(value=False).to_numpy()
            batch.put(field.name, scrubbed)
            batch.mend("DQ-33", field.name, changed, None, "names or numbers of persons were masked")
        if field.type is FieldType.CODE:
            _hide_phones(batch, field, values)


def _hide_phones(batch: Batch, field: Field, values: pl.Series) -> None:
    if not np.isin(text.shape(values).lengths, PHONE_LENGTHS).any():
        return
    phones = values.str.contains(text.CODE_IS_PHONE).fill_null(value=False).to_numpy()
    if phones.any():
        numbers = values.str.slice(-11)
        batch.put(field.name, choose(phones, batch.door.tokens.tokens(numbers), values))
        batch.mend("DQ-33", field.name, phones, None, "the code is a phone number; a token replaces it")


RULE = Rule(
    id="DQ-33",
    severity=Severity.REPAIR,
    order=20,
    doc="Phones, ID numbers and names beside 先生/女士 are masked in free text; a phone number as a code is a token.",
    check=check,
)
