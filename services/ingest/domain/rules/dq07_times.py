"""DQ-07: a time has a zone, is not in the future and not before the source began."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.derive import derive_dates
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import filled
from services.ingest.domain.schemas.fields import Field, FieldType
from services.ingest.domain.values import text
from services.ingest.domain.values.times import parse_times

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check(batch: Batch) -> None:
    for field in batch.kind.of_type(FieldType.TIME):
        values = batch.get(field.name)
        if values is not None:
            batch.put(field.name, _read(batch, field, values))
            _check_time(batch, field)
    occurred = batch.kind.field(batch.kind.occurred)
    if occurred is not None and occurred.type is FieldType.DATE:
        _check_day(batch, occurred.name)
    derive_dates(batch)


def _read(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    door = batch.door
    format = door.time_formats.get(field.name, "")  # the word of the mapping
    times = parse_times(values, door.zone, format)
    if times.utc.null_count() > values.null_count():
        tidied = text.tidy(values, widths=True)
        again = parse_times(tidied, door.zone, format)
        mended = filled(again.utc) & ~filled(times.utc)
        batch.mend("DQ-02", field.name, mended, values, "blanks or full-width forms were removed")
        wrong = filled(tidied) & ~filled(again.utc)
        batch.find("DQ-02", Severity.REJECT, field.name, wrong, f"{field.name} must be a time such as RFC 3339")
        times = again
    if not door.zone_is_declared:
        batch.mend("DQ-07", field.name, times.assumed, values, f"no time zone was given; {door.zone} was assumed")
    return times.utc


def _check_time(batch: Batch, field: Field) -> None:
    door, name = batch.door, field.name
    micros = _micros(batch.columns[name])
    latest = _as_micros(door.now + door.future)
    known = batch.present(name)
    if not field.may_be_future:
        batch.find("DQ-07", Severity.QUARANTINE, name, known & (micros > latest), "the time lies in the future")
    if not door.is_age_approved:
        too_old = known & (micros < _begins(door.earliest, door.zone))
        batch.find("DQ-07", Severity.QUARANTINE, name, too_old, f"the time lies before {door.earliest}")


def _check_day(batch: Batch, name: str) -> None:
    door = batch.door
    days = batch.columns.get(name)
    if days is None:
        return
    today = np.datetime64(door.now.astimezone(door.zone).date())
    values = days.to_numpy()
    known = filled(days)
    batch.find("DQ-07", Severity.QUARANTINE, name, known & (values > today), "the date lies in the future")
    too_old = known & (values < np.datetime64(door.earliest)) & (not door.is_age_approved)
    batch.find("DQ-07", Severity.QUARANTINE, name, too_old, f"the date lies before {door.earliest}")


def _micros(times: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Microseconds since 1970; without meaning where a time is missing."""
    return times.to_numpy().view(np.int64)


def _as_micros(time: datetime) -> int:
    return int((time - _EPOCH).total_seconds() * 1_000_000)


@lru_cache(maxsize=64)
def _begins(day: date, zone: ZoneInfo) -> int:
    """When a day begins in a zone, in microseconds since 1970."""
    return _as_micros(datetime(day.year, day.month, day.day, tzinfo=zone))


RULE = Rule(
    id="DQ-07",
    severity=Severity.QUARANTINE,
    order=12,
    doc="Times in the future or before the earliest date are set aside; a missing zone is assumed.",
    check=check,
)
