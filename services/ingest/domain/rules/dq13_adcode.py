"""DQ-13: a region code is one that exists today."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule


def check(batch: Batch) -> None:
    field = batch.kind.field("adcode")
    values = batch.get("adcode")
    if field is None or not field.given or values is None:
        return
    codes = {code for code in values.to_list() if code is not None}
    regions = batch.door.regions
    replaced = {code: new for code in codes if (new := regions.replacement(code))}
    if replaced:
        hit = np.array([code in replaced for code in values.to_list()])
        current = pl.Series("adcode", [replaced.get(code, code) for code in values.to_list()], dtype=pl.String)
        batch.put("adcode", current)
        batch.mend("DQ-13", "adcode", hit, values, "a retired region code was replaced")
    unknown = {code for code in codes - replaced.keys() if not regions.knows(code)}
    if unknown:
        hit = np.array([code in unknown for code in values.to_list()])
        batch.find("DQ-13", Severity.WARN, "adcode", hit, "the region is not in the list of regions")


RULE = Rule(
    id="DQ-13",
    severity=Severity.REPAIR,
    order=29,
    doc="Retired region codes are replaced by today's; codes that are not listed are marked.",
    check=check,
    concerns=lambda kind: kind.field("adcode") is not None,
)
