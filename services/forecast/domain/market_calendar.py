"""Weeks, and the one holiday that moves: the Spring Festival.

Weeks are ISO weeks named by their Monday; sales years are calendar years.
"""

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

Days = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]

WEEKS_A_YEAR = 52
_MONDAY = np.datetime64("1970-01-05", "D")

# First day of the Chinese lunar year, published by the Purple Mountain Observatory (GB/T 33661-2017).
# fmt: off
_SPRING_FESTIVALS = np.array(
    [
        "2000-02-05", "2001-01-24", "2002-02-12", "2003-02-01", "2004-01-22", "2005-02-09", "2006-01-29",
        "2007-02-18", "2008-02-07", "2009-01-26", "2010-02-14", "2011-02-03", "2012-01-23", "2013-02-10",
        "2014-01-31", "2015-02-19", "2016-02-08", "2017-01-28", "2018-02-16", "2019-02-05", "2020-01-25",
        "2021-02-12", "2022-02-01", "2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17", "2027-02-06",
        "2028-01-26", "2029-02-13", "2030-02-03", "2031-01-23", "2032-02-11", "2033-01-31", "2034-02-19",
        "2035-02-08", "2036-01-28", "2037-02-15", "2038-02-04", "2039-01-24", "2040-02-12",
    ],
    dtype="datetime64[D]",
)
# fmt: on


def monday_of(day: date) -> date:
    """The Monday of the ISO week that holds `day`."""
    return day - timedelta(days=day.weekday())


def week_index(days: Days) -> npt.NDArray[np.int64]:
    """ISO weeks since 1970-01-05 as whole numbers, so that weeks can be subtracted."""
    return np.floor_divide((days.astype("datetime64[D]") - _MONDAY).astype(np.int64), 7)


def week_start(index: int) -> date:
    """The Monday of the week with this number; the inverse of `week_index`."""
    start: date = (_MONDAY + 7 * index).astype(date)
    return start


def week_starts(index: npt.NDArray[np.int64]) -> Days:
    """The Mondays of many week numbers."""
    days: Days = _MONDAY + (7 * index).astype("timedelta64[D]")
    return days


def days_to_spring_festival(days: Days) -> Floats:
    """Signed days to the nearest Spring Festival (positive: it is still to come), NaN outside 2000-2040."""
    days = days.astype("datetime64[D]")
    after = np.clip(np.searchsorted(_SPRING_FESTIVALS, days), 1, len(_SPRING_FESTIVALS) - 1)
    ahead = (_SPRING_FESTIVALS[after] - days).astype(np.float64)
    behind = (_SPRING_FESTIVALS[after - 1] - days).astype(np.float64)
    nearest = np.where(np.abs(ahead) < np.abs(behind), ahead, behind)
    return np.where(np.abs(nearest) > 220, np.nan, nearest)


def week_of_year(days: Days) -> Floats:
    """Position in the year of the middle of each week, in [0, 1)."""
    middle = days.astype("datetime64[D]") + np.timedelta64(3, "D")
    year_start = middle.astype("datetime64[Y]").astype("datetime64[D]")
    share: Floats = (middle - year_start).astype(np.float64) / 366.0
    return share
