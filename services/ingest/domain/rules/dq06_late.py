"""DQ-06: what comes more than 35 days late is set aside."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import filled
from services.ingest.domain.values.times import business_days

PERIODS = {"day": "0d", "week": "6d", "month": "1mo", "year": "1y"}


def check(batch: Batch) -> None:
    reference = _reference(batch)
    if batch.kind.is_master or reference is None or batch.door.is_age_approved:
        return
    # A line that closes today is not late because its day lies far back.
    days = last_days(batch) if not batch.kind.day else business_days(batch.columns["occurred_at"], batch.door.zone)
    limit = np.datetime64(reference - timedelta(days=batch.door.late_days))
    late = filled(days) & (days.to_numpy() < limit)
    clock = "the newest of its source" if batch.door.on_data_clock else "today"
    message = f"more than {batch.door.late_days} days older than {clock}"
    batch.find("DQ-06", Severity.QUARANTINE, batch.kind.occurred, late, message)


def _reference(batch: Batch) -> date | None:
    door = batch.door
    return door.newest if door.on_data_clock else door.now.astimezone(door.zone).date()


def last_days(batch: Batch) -> pl.Series:
    """The last business day that each record speaks of."""
    days = batch.columns["biz_date"]
    periods = batch.get("period")
    if periods is None:
        return days
    offset = pl.col("period").replace_strict(PERIODS, default="0d", return_dtype=pl.String)
    spans = pl.DataFrame({"day": days, "period": periods})
    return spans.select(pl.col("day").dt.offset_by(offset)).to_series()


RULE = Rule(
    id="DQ-06",
    severity=Severity.QUARANTINE,
    order=60,
    doc="Late records are taken for 35 days, counted from now or from the newest date of the source.",
    check=check,
)
