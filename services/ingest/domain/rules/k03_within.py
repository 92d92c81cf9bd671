"""K-03: a part is not larger than its whole: what is reserved of a stock, the pallets of a slot."""

from __future__ import annotations

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds

PARTS = {
    "finished_stock": ("reserved_base", "on_hand_base", "more is reserved than there is"),
    "wms_slot": ("occupied_pallets", "max_pallets", "more pallets are in the slot than it can hold"),
}


def check(batch: Batch) -> None:
    part, whole, message = PARTS[batch.kind.name]
    parts, wholes = batch.numbers(part), batch.numbers(whole)
    if parts is None or wholes is None:
        return
    batch.find("K-03", Severity.QUARANTINE, part, parts > wholes, message)


RULE = Rule(
    id="K-03",
    severity=Severity.QUARANTINE,
    order=74,
    doc="Reserved stock is at most what is on hand; a slot holds at most its pallets.",
    check=check,
    concerns=kinds(*PARTS),
)
