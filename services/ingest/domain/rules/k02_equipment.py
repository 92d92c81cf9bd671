"""K-02: a machine is in one state at a time."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import hits


def check(batch: Batch) -> None:
    begins, ends, machines = batch.get("from_at"), batch.get("to_at"), batch.get("machine")
    if begins is None or ends is None or machines is None:
        return
    reversed_ = hits(ends <= begins)
    batch.find("K-02", Severity.QUARANTINE, "to_at", reversed_, "the state ends before it begins")
    if batch.size == 1:
        return
    usable = ~batch.refused() & ~reversed_
    stretches = pl.DataFrame({"machine": machines, "begin": begins, "end": ends, "usable": usable})
    # A stretch that begins where another of the same machine begins is a version of it, and DQ-05 judges those.
    told = stretches.with_row_index("place").filter(pl.col("usable") & pl.col("machine").is_not_null())
    told = told.sort("begin", "place").unique(["machine", "begin"], keep="last", maintain_order=True)
    reached = pl.col("end").cum_max().shift(1).over("machine")
    overlapping = told.filter(pl.col("begin") < reached).get_column("place").to_numpy()
    mask = np.isin(np.arange(batch.size), overlapping)
    message = "the machine is still in another state at this time; the stretches of a machine do not overlap"
    batch.find("K-02", Severity.QUARANTINE, "from_at", mask, message)


RULE = Rule(
    id="K-02",
    severity=Severity.QUARANTINE,
    order=73,
    doc="The states of a machine do not overlap within a body, and none ends before it begins; `state_overlap` has the "
    "book's.",
    check=check,
    concerns=kinds("equipment_state"),
)
