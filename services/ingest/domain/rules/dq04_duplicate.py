"""DQ-04: an exact repetition of a record of the same body is dropped and counted."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.identity import same_as_before
from services.ingest.domain.cleaning.rule import Rule


def check(batch: Batch) -> None:
    keys = batch.columns["record_key"]
    if batch.door.is_replay or batch.has_one_record_a_key:
        return
    usable = ~batch.refused()
    # A refused record is no first copy of anything: only accepted ones have repetitions.
    again = same_as_before(keys, batch.columns["payload_hash"], pl.Series(usable), batch.body_numbers()) & usable
    batch.repeated = batch.repeated | again


RULE = Rule(
    id="DQ-04",
    severity=Severity.WARN,
    order=92,
    doc="Exact repetitions are dropped and counted as duplicates.",
    check=check,
)
