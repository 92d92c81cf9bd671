"""DQ-01: what a record cannot do without is there."""

from __future__ import annotations

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import Mask


def check(batch: Batch) -> None:
    for field in batch.kind.required:
        if not batch.is_complete(field.name):
            missing = batch.missing(field.name) & ~_unreadable(batch, field.name)
            if field.unless:
                missing &= batch.missing(field.unless)
            batch.find("DQ-01", Severity.REJECT, field.name, missing, f"{field.name} is required")
    if batch.kind.one_of:
        absent = batch.everywhere()
        for name in (*batch.kind.one_of, "license_no"):
            absent = absent & batch.missing(name)
        names = " or ".join(batch.kind.one_of)
        batch.find("DQ-01", Severity.REJECT, batch.kind.one_of[0], absent, f"{names} is required")


def _unreadable(batch: Batch, name: str) -> Mask:
    mask = batch.nowhere()
    for finding in batch.findings:
        if finding.field == name and finding.severity is Severity.REJECT:
            mask = mask | finding.mask
    return mask


RULE = Rule(
    id="DQ-01",
    severity=Severity.REJECT,
    order=14,
    doc="Required fields and the parts of the business key are present.",
    check=check,
)
