"""Moments as callers write them and as services take them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import AfterValidator, AwareDatetime

FIRST_YEAR, LAST_YEAR = 1900, 9000


def _of_the_calendar(told: datetime) -> datetime:
    if not FIRST_YEAR <= told.year <= LAST_YEAR:
        raise ValueError(f"must lie between the years {FIRST_YEAR} and {LAST_YEAR}")
    return told


Moment = Annotated[AwareDatetime, AfterValidator(_of_the_calendar)]


def stamp(told: datetime | None) -> Timestamp | None:
    """A moment as a message; nothing stays nothing."""
    if told is None:
        return None
    moment = Timestamp()
    moment.FromDatetime(told)
    return moment
