"""DQ-10: the product of a record is known."""

from __future__ import annotations

from services.ingest.domain.batch import Batch, Severity
from services.ingest.domain.columns import filled
from services.ingest.domain.rule import Rule
from services.ingest.domain.units import Packs


def check(batch: Batch) -> None:
    if batch.kind.is_master or batch.kind.field("sku_code") is None:
        return
    codes = batch.get("sku_code")
    if codes is None:
        return
    batch.packs = Packs(batch.door.directory.sku.look_up(codes))
    unknown = filled(codes) & ~batch.packs.known
    message = "the product is not known; send it as a sku record first, or correct the code"
    batch.find("DQ-10", Severity.QUARANTINE, "sku_code", unknown, message)


RULE = Rule(
    id="DQ-10",
    severity=Severity.QUARANTINE,
    order=31,
    doc="The product is known by its code.",
    check=check,
)
