"""Records that are set aside or refused, as they may be kept: as given, without anything personal."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain import text
from services.ingest.domain.batch import Batch, Finding, Severity
from services.ingest.domain.columns import Mask
from services.ingest.domain.decode.body import NESTED
from services.ingest.domain.fields import NEVER_STORED, FieldType
from services.ingest.domain.receipt import Reason, Refused

TOKENS = ("consumer_key", "phone_token", "contact_phone_token", "contact_phone_masked", "owner_name_masked")


def without_personal(batch: Batch) -> dict[str, pl.Series]:
    """The columns of a batch as they came, less those that must never be kept."""
    never = {field.name for field in batch.kind.fields if field.type in NEVER_STORED}
    lists = {field.name for field in batch.kind.of_type(FieldType.LIST)}
    return {
        name: values.str.strip_prefix(NESTED) if name in lists else values
        for name, values in batch.columns.items()
        if name not in never
    }


def refused_records(batch: Batch, given: dict[str, pl.Series], rejected: Mask, quarantined: Mask) -> list[Refused]:
    """The refused records; only those set aside keep their content, as masked JSON."""
    places = np.flatnonzero(rejected | quarantined)
    if not places.size:
        return []
    contents = _contents(batch, given, places)
    lines = batch.lines.gather(places).to_list()
    reasons = _reasons_by_place(batch, places, lines)
    severities = ["reject" if rejected[place] else "quarantine" for place in places]
    return [
        Refused(line, severity, content if severity == "quarantine" else "", tuple(why))
        for line, severity, content, why in zip(lines, severities, contents, reasons, strict=True)
    ]


def _contents(
    batch: Batch, given: dict[str, pl.Series], places: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> list[str]:
    tokens = {name: batch.columns[name] for name in TOKENS if name in batch.columns}
    columns = {**{name: masked(batch, name, values.gather(places)) for name, values in given.items()}}
    columns |= {name: values.gather(places) for name, values in tokens.items()}
    frame = pl.DataFrame([values.alias(name) for name, values in columns.items() if values.null_count() < len(values)])
    if not frame.width:
        return ["{}"] * len(places)
    return frame.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()


def masked(batch: Batch, name: str, values: pl.Series) -> pl.Series:
    """A column without phone and ID numbers: masked anywhere in free text, where they stand alone in codes."""
    if values.dtype != pl.String:
        return values
    field = batch.kind.field(name)
    if field is None or field.type is FieldType.TEXT:
        return text.scrub(values) if text.needs_scrub(values) else values
    return text.mask_codes(values) if values.str.contains(text.LONE).any() else values


def _reasons_by_place(
    batch: Batch, places: np.ndarray[tuple[int], np.dtype[np.int64]], lines: list[int]
) -> list[list[Reason]]:
    reasons: list[list[Reason]] = [[] for _ in lines]
    for finding in batch.findings:
        for position in np.flatnonzero(finding.mask[places]):
            reasons[position].append(_reason(finding, f"/{lines[position]}/{finding.field}"))
    return reasons


def _reason(finding: Finding, pointer: str) -> Reason:
    return Reason(pointer, finding.rule, 1, finding.message, finding.severity.value)


def is_refusing(severity: Severity) -> bool:
    return severity in (Severity.REJECT, Severity.QUARANTINE)
