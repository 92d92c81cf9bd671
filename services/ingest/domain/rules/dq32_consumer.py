"""DQ-32: a consumer id becomes a keyed token, and without consent no token of a consumer is kept."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import choose, empty, filled, hits
from services.ingest.domain.privacy.erasing import LINK
from services.ingest.domain.schemas.fields import FieldType

TOKENS = ("consumer_key", "phone_token")


def check(batch: Batch) -> None:
    for field in batch.kind.of_type(FieldType.CONSUMER):
        if batch.get(field.name) is not None:
            shape = batch.shape(field.name)
            ids = batch.columns.pop(field.name)
            trimmed = ids if shape.is_plain else _trimmed(ids)
            batch.put("consumer_key", batch.door.tokens.tokens(trimmed, longest=shape.longest))
    for field in batch.kind.of_type(FieldType.PERSON_NAME):
        names = batch.pop(field.name)
        if names is not None:
            batch.put(f"{field.name}_masked", _masked(names))
    if batch.kind.field("consent_ref"):
        _drop_withdrawn(batch)
        _drop_without_consent(batch)


def _drop_withdrawn(batch: Batch) -> None:
    consent = batch.get("consent_ref")
    if batch.door.withdrawn is None or consent is None:
        return
    withdrawn = batch.door.withdrawn(_distinct(consent))
    if not withdrawn:
        return
    dropped = hits(consent.is_in(list(withdrawn)))
    for name in LINK:
        values = batch.get(name)
        if values is not None:
            batch.put(name, choose(dropped, empty(pl.String(), batch.size), values))
    batch.mend("DQ-32", "consent_ref", dropped, None, "the consent was withdrawn; the link to the consumer was dropped")


def _distinct(values: pl.Series) -> Iterator[str]:
    """Looked at only by who asks: most doors know of no consent that was withdrawn."""
    yield from values.drop_nulls().unique()


def _drop_without_consent(batch: Batch) -> None:
    consent = batch.get("consent_ref")
    if consent is not None and not consent.null_count() and batch.shape("consent_ref").is_plain:
        return
    given = batch.nowhere() if consent is None else hits(consent.str.strip_chars() != "")
    if given.all():
        return
    dropped = batch.nowhere()
    for name in TOKENS:
        tokens = batch.get(name)
        if tokens is not None:
            dropped = dropped | filled(tokens) & ~given
            batch.put(name, choose(given, tokens, empty(pl.String(), batch.size)))
    batch.mend("DQ-32", "consent_ref", dropped, None, "no consent was given; the link to the consumer was dropped")


def _trimmed(values: pl.Series) -> pl.Series:
    stripped = pl.col(values.name).str.strip_chars()
    return values.to_frame().select(pl.when(stripped != "").then(stripped)).to_series()


def _masked(names: pl.Series) -> pl.Series:
    column = pl.col(names.name).str.strip_chars()
    masked = pl.when(column != "").then(column.str.slice(0, 1) + "**")
    return names.to_frame().select(masked).to_series()


RULE = Rule(
    id="DQ-32",
    severity=Severity.REPAIR,
    order=3,
    doc="A consumer id becomes a keyed token; without consent, or after it was withdrawn, the sale stays and the "
    "tokens go.",
    check=check,
)
