"""Times as sources write them, into UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from services.ingest.domain.frames.columns import Characters, Mask, Micros, choose, filled, letters, nowhere
from services.ingest.domain.frames.native import cast, of_array, to_array
from services.ingest.domain.schemas.fields import UTC_TIME

_COMMON_FEWEST = np.array([19, 0, 1, 1, 0, 0, 0], dtype=np.uint8)[:, None]
_COMMON_MORE = np.array([2, 99, 11, 30, 23, 59, 59], dtype=np.uint8)[:, None]
"""The least century, year, month, day, hour, minute and second, and how far above it the last one is."""
_OFFSET_MOST = np.array([23, 59], dtype=np.uint8)[:, None]
_DATE_TIME, _OFFSET = "0000-00-00T00:00:00", "+00:00"
_ENDS = ("Z", _OFFSET)
_TAKEN_BACK = ord("-") - ord("+")
_MONTHS_IN = np.array([1200, 12, 1])
_MICROSECONDS_IN = np.array([86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000])
"""Months in century, year and month; microseconds in day, hour, minute and second."""
_MONTHS = np.arange("1900-01", "2200-02", dtype="M8[M]").astype("M8[D]").astype(np.int64)
"""The first day of each month of these centuries, and of the month after them, in days since 1970."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = pl.Date()
_DAY_US = 86_400_000_000
_STEADY_DAYS = 7
"""No zone changes its clock twice in so short a time."""
_EARLIEST_DAY, _LATEST_DAY = 0, 47_482
"""1970 to 2100: what sources mean to say, and well within what the standard library can say."""
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
        return Times(values.cast(UTC_TIME), nowhere(len(values)))
    if format:
        return _formatted(values, zone, format)
    utc = _common(values)
    if utc is not None:
        return Times(utc, nowhere(len(values)))
    utc = _strptime_zoned(values, _ZONED[0])
    assumed = nowhere(len(values))
    wanted = values.null_count()
    for pattern in _ZONED[1:]:
        if utc.null_count() > wanted:
            utc = _first_of(utc, _strptime_zoned(_left(values, utc), pattern))
    for pattern in (*_LOCAL, *DAYS):
        if utc.null_count() > wanted:
            found = _localise(_strptime(_left(values, utc), pattern), zone)
            assumed = assumed | filled(found)
            utc = _first_of(utc, found)
    return Times(utc, assumed)


class _Form(NamedTuple):
    """How a time of one width is written, down to the place of each character."""

    least: Characters
    above: Characters
    """The first character of each place, and how far above it the last one is: a digit, the mark itself, a sign."""
    digits: list[int]
    part: npt.NDArray[np.int64]
    """Microseconds in each digit of the fraction of a second."""
    has_offset: bool


def _form(text: str) -> _Form:
    least = np.frombuffer(text.encode(), dtype=np.uint8)[:, None]
    digits = [place for place, character in enumerate(text) if character == "0"]
    above = np.zeros_like(least)
    above[digits] = 9
    above[least == ord("+")] = _TAKEN_BACK
    part = text.removeprefix(_DATE_TIME).removesuffix(_OFFSET).count("0")
    return _Form(least, above, digits, 10 ** np.arange(5, 5 - part, -1), text.endswith(_OFFSET))


_FORMS = {
    len(text): _form(text) for part in ("", ".000", ".000000") for text in (f"{_DATE_TIME}{part}{end}" for end in _ENDS)
}


def _common(values: pl.Series) -> pl.Series | None:
    """Times of which all are written like 2025-03-15T11:02:31.250Z, as long as each other; None where one is not.

    The fraction may have no, three or six digits, the zone may be an offset.
    """
    if values.null_count():
        return None
    found = letters(values)
    width = found.longest
    form = _FORMS.get(width)
    if form is None or not found.have_width(width):
        return None
    # A row for each place: numpy walks along many values at once, and not along twenty characters many times.
    places = np.ascontiguousarray(found.data.reshape(len(values), width).T)
    above = places - form.least
    if np.count_nonzero(above > form.above):
        return None
    digits = above.take(form.digits, axis=0)
    parts = digits[0:14:2] * 10 + digits[1:14:2] - _COMMON_FEWEST
    if np.count_nonzero(parts > _COMMON_MORE):
        return None
    since = parts.astype(np.int64)
    months = _MONTHS_IN @ since[:3]
    since[3] += _MONTHS[months]
    if np.count_nonzero(since[3] >= _MONTHS[1:][months]):
        return None
    micros = _MICROSECONDS_IN @ since[3:] + form.part @ digits[14 : 14 + form.part.size]
    ahead = _ahead(digits[-4:], above[-len(_OFFSET)]) if form.has_offset else 0
    return None if ahead is None else cast(of_array(micros - ahead, values.name), UTC_TIME)


def _ahead(digits: Characters, signs: Characters) -> Micros | None:
    """Microseconds that clocks are ahead of UTC; None where one of the offsets is none."""
    told = digits[0::2] * 10 + digits[1::2]
    if np.count_nonzero(told > _OFFSET_MOST) or np.count_nonzero(signs == 1):
        return None
    ahead: Micros = (_MICROSECONDS_IN[1:3] @ told) * (1 - signs.astype(np.int64))
    return ahead


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
    if len(utc) and not utc.null_count():
        micros = to_array(utc).view(np.int64)
        offset = _steady_offset_us(int(micros.min()) // _DAY_US, int(micros.max()) // _DAY_US + 1, zone)
        if offset is not None:
            return cast(of_array(((micros + offset) // _DAY_US).astype(np.int32), utc.name), _DAY)
    day = pl.col(utc.name).dt.convert_time_zone(str(zone)).dt.date()
    return utc.to_frame().select(day).to_series()


@lru_cache(maxsize=1024)
def _steady_offset_us(first: int, last: int, zone: ZoneInfo) -> int | None:
    """How far the clocks of a zone are ahead of UTC from one day since 1970 to another; None where it takes a look."""
    if last - first > _STEADY_DAYS or not (first >= _EARLIEST_DAY and last <= _LATEST_DAY):
        return None
    offsets = {(_EPOCH + timedelta(days=day)).astimezone(zone).utcoffset() for day in (first, last)}
    offset = offsets.pop()
    return None if offsets or offset is None else offset // _MICROSECOND


def monday(weeks: pl.Series) -> pl.Series:
    """The first day of each ISO week such as 2025-W03; null where the text is none."""
    return _strptime(weeks + "-1", "%G-W%V-%u").cast(pl.Date)


def _formatted(values: pl.Series, zone: ZoneInfo, format: str) -> Times:
    if "%z" in format or "%#z" in format:
        return Times(_strptime_zoned(values, format), nowhere(len(values)))
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
    return choose(filled(found), found, more)


def _strptime(values: pl.Series, pattern: str) -> pl.Series:
    return values.str.to_datetime(pattern, strict=False, time_unit="us", ambiguous="earliest")


def _strptime_zoned(values: pl.Series, pattern: str) -> pl.Series:
    return values.str.to_datetime(pattern, strict=False, time_unit="us", time_zone="UTC")


def _localise(values: pl.Series, zone: ZoneInfo) -> pl.Series:
    local = values.dt.replace_time_zone(str(zone), ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")
