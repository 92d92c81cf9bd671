"""Minutes of signals: merged, and read with what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import polars as pl

from chassis.errors import Invalid, Problem
from services.ingest.domain.scada.gaps import GAPS, missing, shown, stuck
from services.ingest.domain.scada.minutes import SAMPLES
from services.ingest.usecases.ports import Accepted

MAX_PAGE = 10_000
MINUTES_A_PAGE = 1440
GAPS_A_PAGE = 100
LONGEST = timedelta(days=31)
LONGEST_OF_ALL = timedelta(days=1)
STUCK_MARGIN = timedelta(hours=1)


class MinuteStore(Protocol):
    """The minutes of signals."""

    async def keep(self, samples: pl.DataFrame) -> None: ...

    async def of_tags(
        self, tags: Sequence[str], since: datetime, until: datetime, *, machine: str = ""
    ) -> pl.DataFrame: ...

    async def running(self, machines: Sequence[str], since: datetime, until: datetime) -> pl.DataFrame: ...


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment, included, to another, excluded."""

    since: datetime
    until: datetime


def minutes_span(since: str, until: str, now: datetime) -> Span:
    """The span of minutes, the last hour where nothing is said; raises Invalid."""
    return _span(since, until, now, timedelta(hours=1))


def gaps_span(since: str, until: str, now: datetime) -> Span:
    """The span of a gap report, the last day where nothing is said; raises Invalid."""
    return _span(since, until, now, LONGEST_OF_ALL)


def _span(since: str, until: str, now: datetime, default: timedelta) -> Span:
    end = _moment(until, "to") if until else now
    start = _moment(since, "from") if since else end - default
    if not start < end <= start + LONGEST:
        message = f"`from` lies before `to`, by {LONGEST.days} days at most"
        raise Invalid("the span of time cannot be read", errors=[Problem("/query/from", "range", message)])
    return Span(start, end)


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1971 <= moment.year <= 9990:
        message = "a time with its zone, such as 2025-03-16T04:00:00Z"
        raise Invalid("a time cannot be read", errors=[Problem(f"/query/{name}", "time", message)])
    return moment.astimezone(UTC)


async def keep_samples(store: MinuteStore, parts: Sequence[Accepted]) -> None:
    """Merges the samples of several messages into their minutes; messages may come twice."""
    samples = [
        part.records.select("tag", pl.col("sampled_at").alias("at"), "value", "quality").cast(SAMPLES)  # type: ignore[arg-type]  # a mapping of types
        for part in parts
    ]
    await store.keep(pl.concat(samples))


async def find_minutes(
    store: MinuteStore, *, tag: str, span: Span, page_size: int, cursor: str, now: datetime
) -> tuple[pl.DataFrame, str]:
    """The minutes of a tag with what they lack and their marks, oldest first, and the cursor of the next page."""
    if not tag or "\0" in tag:
        raise Invalid("name a tag", errors=[Problem("/query/tag", "required", "plant.area.machine.signal")])
    since = _moment(cursor, "cursor") if cursor else span.since
    size = page_size or MINUTES_A_PAGE
    until = min(span.until, since.replace(second=0, microsecond=0) + timedelta(minutes=size))
    # A value is stuck after half an hour: what lies before the page tells it too.
    rows = await store.of_tags([tag], since - STUCK_MARGIN, until + STUCK_MARGIN)
    found = shown(rows, await _doubts(store, rows, span=Span(since - STUCK_MARGIN, until), now=now), since, until, now)
    return found, until.isoformat() if until < span.until else ""


async def find_gaps(
    store: MinuteStore, *, machine: str, tag: str, span: Span, page_size: int, cursor: str, now: datetime
) -> tuple[pl.DataFrame, str]:
    """Gaps and stuck values that touch a span, newest first, and the cursor of the next page."""
    if "\0" in machine + tag:
        raise Invalid("a filter holds a null character", errors=[Problem("", "filter", "leave out null characters")])
    if not machine and not tag and span.until - span.since > LONGEST_OF_ALL:
        message = "of all machines a day at most; name a machine or a tag"
        raise Invalid("the span of time is too long", errors=[Problem("/query/from", "range", message)])
    rows = await store.of_tags([tag] if tag else [], span.since, span.until, machine=machine)
    if machine:
        rows = rows.filter(pl.col("machine") == machine)
    found = await _doubts(store, rows, span=span, now=now)
    ends = pl.col("to_at").fill_null(pl.lit(now))
    found = found.filter((pl.col("from_at") < span.until) & (ends > span.since))
    found = found.sort("from_at", "tag", "reason", descending=[True, False, False])
    return _page(found, page_size or GAPS_A_PAGE, cursor)


def _page(found: pl.DataFrame, size: int, cursor: str) -> tuple[pl.DataFrame, str]:
    start = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 10 else 0
    return found.slice(start, size), str(start + size) if found.height > start + size else ""


async def _doubts(store: MinuteStore, rows: pl.DataFrame, *, span: Span, now: datetime) -> pl.DataFrame:
    if rows.is_empty():
        return pl.DataFrame(schema=GAPS)
    machines = rows.get_column("machine").drop_nulls().unique().sort().to_list()
    running = await store.running(machines, span.since.replace(second=0, microsecond=0), span.until)
    return pl.concat([missing(rows, now), stuck(rows, running)])
