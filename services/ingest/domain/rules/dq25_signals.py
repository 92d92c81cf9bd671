"""DQ-25: a reading that the control system itself doubts is kept as it came and used for nothing.

Values that stand still, jump or are missing show over time only: domain/scada looks for them in the minutes.
"""

from __future__ import annotations

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import hits


def check(batch: Batch) -> None:
    qualities = batch.get("quality")
    if qualities is not None:
        bad = hits(qualities == "bad")
        message = "the control system calls the reading bad; it counts in no minute and nothing is put in its place"
        batch.find("DQ-25", Severity.WARN, "quality", bad, message)


RULE = Rule(
    id="DQ-25",
    severity=Severity.WARN,
    order=80,
    doc="A reading of bad quality is marked and left out of the minutes; gaps, stuck values and jumps are found there.",
    check=check,
    concerns=kinds("scada_sample"),
)
