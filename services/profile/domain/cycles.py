"""Order cycles are ISO weeks, kept as a count of weeks so that columns can subtract them.

Week 0 is the ISO week of Monday 1969-12-29, the one that holds the Unix epoch.
"""

import datetime as dt

import polars as pl

MONDAY_BEFORE_EPOCH = 3  # 1970-01-01 is a Thursday: its week starts three days earlier


def cycle_of_text(column: str) -> pl.Expr:
    """Week number of ISO text such as ``2011-W39``; null where the text is no ISO week."""
    monday = (pl.col(column) + "-1").str.to_date("%G-W%V-%u", strict=False)
    return _week_of(monday)


def cycle_of_date(column: str) -> pl.Expr:
    """Week number of a date column."""
    return _week_of(pl.col(column))


def text_of_cycle(cycle: int) -> str:
    """ISO text of a week number, for example 2178 -> ``2011-W39``."""
    year, week, _ = monday_of(cycle).isocalendar()
    return f"{year}-W{week:02d}"


def monday_of(cycle: int) -> dt.date:
    """First day of the week."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=cycle * 7 - MONDAY_BEFORE_EPOCH)


def _week_of(date: pl.Expr) -> pl.Expr:
    return (date.cast(pl.Date).to_physical() + MONDAY_BEFORE_EPOCH).floordiv(7).cast(pl.Int32)
