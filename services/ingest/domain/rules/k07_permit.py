"""K-07: goods leave with a transport permit only."""

from __future__ import annotations

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import hits

ON_THE_ROAD = ("shipped", "received")


def check(batch: Batch) -> None:
    states = batch.get("status")
    if states is None:
        return
    without = hits(states.is_in(ON_THE_ROAD)) & ~batch.present("permit_no")
    batch.find("K-07", Severity.QUARANTINE, "permit_no", without, "a transfer is shipped with a transport permit only")


RULE = Rule(
    id="K-07",
    severity=Severity.QUARANTINE,
    order=78,
    doc="A transfer that is shipped or received has the number of its transport permit.",
    check=check,
    concerns=kinds("transfer"),
)
