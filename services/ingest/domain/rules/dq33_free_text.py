"""DQ-33: free text names and calls nobody; a code that is a phone number becomes a token."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import hits
from services.ingest.domain.schemas.fields import Field, FieldType
from services.ingest.domain.values import text

PHONE_DIGITS = 11


def check(batch: Batch) -> None:
    for field in batch.kind.wordy:
        values = batch.get(field.name)
        if values is None:
            continue
        if field.type is FieldType.TEXT and batch.shape(field.name).may_name_persons:
            scrubbed = text.scrub(values)
            changed = hits(scrubbed != values)
            batch.put(field.name, scrubbed)
            batch.mend("DQ-33", field.name, changed, None, "names or numbers of persons were masked")
        if field.type is FieldType.CODE:
            _hide_phones(batch, field, values)
        if field.items is FieldType.CODE and values.str.contains(text.LONE).any():
            masked = text.mask_codes(values)
            batch.put(field.name, masked)
            batch.mend("DQ-33", field.name, hits(masked != values), None, "numbers of persons were masked")


def _hide_phones(batch: Batch, field: Field, values: pl.Series) -> None:
    """A code may be a key, so a mask would make strangers equal: a token keeps them apart and stays joinable."""
    shape = batch.shape(field.name)
    if not shape.may_be_phones:
        return
    hits = values.str.contains(text.CODE_IS_PHONE if shape.is_alphanumeric else text.LONE).fill_null(value=False)
    if not hits.any():
        return
    digits = values.str.replace_all(r"[^0-9]", "").str.slice(-PHONE_DIGITS)
    alone = values.str.contains(text.CODE_IS_PHONE).fill_null(value=False)
    hidden = batch.door.tokens.tokens(digits.zip_with(alone, values))
    batch.put(field.name, hidden.zip_with(hits, values))
    message = "the code holds a phone or ID number; a token replaces it"
    batch.mend("DQ-33", field.name, hits.to_numpy(), None, message)


RULE = Rule(
    id="DQ-33",
    severity=Severity.REPAIR,
    order=20,
    doc="Phones, ID numbers and names beside 先生/女士 are masked in free text; a phone number as a code is a token.",
    check=check,
)
