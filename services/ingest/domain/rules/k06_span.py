"""K-06: what has a beginning and an end, ends after it begins; scrap is a small part of what was made."""

from __future__ import annotations

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import hits
from services.ingest.domain.schemas.fields import Kind

SPANS = (
    ("started_at", "ended_at"),
    ("plan_start_at", "plan_end_at"),
    ("opened_at", "closed_at"),
    ("from_on", "to_on"),
    ("valid_from", "valid_to"),
)
MAX_SCRAP = 0.10


def check(batch: Batch) -> None:
    for first, last in SPANS:
        begins, ends = batch.get(first), batch.get(last)
        if begins is not None and ends is not None and begins.dtype == ends.dtype:
            message = f"{last} lies before {first}"
            wrong = ends <= begins if batch.kind.name == "mes_output" else ends < begins
            batch.find("K-06", Severity.QUARANTINE, last, hits(wrong), message)
    good, scrap = batch.numbers("good_base"), batch.numbers("scrap_base")
    if good is not None and scrap is not None:
        much = scrap / (good + scrap) > MAX_SCRAP
        batch.find("K-06", Severity.WARN, "scrap_base", much, "more than 10 % was scrapped")


def _has_span(kind: Kind) -> bool:
    return any(kind.field(first) and kind.field(last) for first, last in SPANS)


RULE = Rule(
    id="K-06",
    severity=Severity.QUARANTINE,
    order=77,
    doc="An end does not lie before its beginning; a scrap share above 10 % is marked.",
    check=check,
    concerns=_has_span,
)
