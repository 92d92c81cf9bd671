"""Times as sources write them, into UTC."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from services.ingest.domain.columns import Mask, filled
from services.ingest.domain.fields import UTC_TIME

_COMMON = "%Y-%m-%dT%H:%M:%SZ"
_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M:%S%.f %#z")
_LOCAL = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日",
)
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日")


@dataclass(frozen=True, slots=True)
class Times:
    """Parsed times; `assumed` marks those that came without a zone."""

    utc: pl.Series
    assumed: Mask


def parse_times(values: pl.Series, zone: ZoneInfo, format: str = "") -> Times:
    """Times in UTC, null where the text is no time; `format` is the strptime format of the mapping, if it has one."""
    if values.null_count() == len(values):
        return Times(values.cast(UTC_TIME), np.zeros(len(values), dtype=np.bool_))
    if format:
        return _formatted(values, zone, format)
    utc = _strptime_zoned(values, _COMMON)
    assumed = np.zeros(len(values), dtype=np.bool_)
    wanted = values.null_count()
    for pattern in _ZONED:
        if utc.null_count() > wanted:
            utc = _first_of(utc, _strptime_zoned(_left(values, utc), pattern))
    for pattern in (*_LOCAL, *DAYS):
        if utc.null_count() > wanted:
            found = _localise(_strptime(_left(values, utc), pattern), zone)
            assumed |= filled(found)
            utc = _first_of(utc, found)
    return Times(utc, assumed)


def parse_days(values: pl.Series, format: str = "") -> pl.Series:
    """Calendar days, null where the text is none."""
    if values.null_count() == len(values):
        return values.cast(pl.Date)
    if format:
        return _strptime(*_completed(values, format)).cast(pl.Date)
    days = pl.Series(values.name, [None], dtype=pl.Date).new_from_index(0, len(values))
    for pattern in DAYS:
        if days.null_count() > values.null_count():
            days = _first_of(days, _strptime(_left(values, days), pattern).cast(pl.Date))
    return days


def business_days(utc: pl.Series, zone: ZoneInfo) -> pl.Series:
    """The calendar day of each time in a zone."""
    day = pl.col(utc.name).dt.convert_time_zone(str(zone)).dt.date()
    return utc.to_frame().select(day).to_series()


def monday(weeks: pl.Series) -> pl.Series:
    """The first day of each ISO week such as 2025-W03; null where the text is none."""
    return _strptime(weeks + "-1", "%G-W%V-%u").cast(pl.Date)


def _formatted(values: pl.Series, zone: ZoneInfo, format: str) -> Times:
    if "%z" in format or "%#z" in format:
        return Times(_strptime_zoned(values, format), np.zeros(len(values), dtype=np.bool_))
    utc = _localise(_strptime(*_completed(values, format)), zone)
    return Times(utc, filled(utc))


def _completed(values: pl.Series, format: str) -> tuple[pl.Series, str]:
    """A format without a day means the first one."""
    if "%d" in format or "%j" in format or "%s" in format or "%e" in format or "%F" in format or "%D" in format:
        return values, format
    if "%V" in format:
        return (values, format) if "%u" in format else (values + "-1", f"{format}-%u")
    return values + "-01", f"{format}-%d"


def _left(values: pl.Series, found: pl.Series) -> pl.Series:
    return pl.select(pl.when(found.is_null()).then(values)).to_series()


def _first_of(found: pl.Series, more: pl.Series) -> pl.Series:
    return found.zip_with(found.is_not_null(), more)


def _strptime(values: pl.Series, pattern: str) -> pl.Series:
    return values.str.to_datetime(pattern, strict=False, time_unit="us", ambiguous="earliest")


def _strptime_zoned(values: pl.Series, pattern: str) -> pl.Series:
    return values.str.to_datetime(pattern, strict=False, time_unit="us", time_zone="UTC")


def _localise(values: pl.Series, zone: ZoneInfo) -> pl.Series:
    local = values.dt.replace_time_zone(str(zone), ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")
