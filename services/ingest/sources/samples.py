"""From a subscription to the door: samples are kept on disk at once and brought in bodies of a second or 1,000."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import structlog

from services.ingest.domain.scada.tags import Tag
from services.ingest.domain.schemas.fields import UTC_TIME
from services.ingest.sources.connection import Checkpoint, Connection, Intake, Option, SourceAway
from services.ingest.sources.sample_journal import JournalFull, Row, SampleJournal, Segment
from services.ingest.sources.tag_file import TagFile
from services.ingest.usecases import Body

log = structlog.get_logger()

ARROW = "application/vnd.apache.arrow.stream"
COMMIT_EVERY_S = 0.01
FULL_PAUSE_S = 0.5
HEARD_AGAIN = timedelta(seconds=10)
"""What was heard this long before the newest sample is asked for again after a restart."""

TAG_PARTS = {
    "tag": Option(type="text", doc="name of the signal, plant.area.machine.signal", required=True),
    "machine": Option(type="text", doc="machine it belongs to"),
    "unit": Option(type="text", doc="unit of its values"),
    "period_s": Option(type="number", doc="seconds between two samples", default=1.0, minimum=0.001, maximum=86_400),
    "low": Option(type="number", doc="least plausible value"),
    "high": Option(type="number", doc="greatest plausible value"),
    "rate_per_s": Option(type="number", doc="largest plausible change in a second", minimum=0),
    "may_rest": Option(type="flag", doc="the value may stay the same for hours while the machine runs", default=False),
    "shows_running": Option(type="flag", doc="a value above zero says that the machine runs", default=False),
}
JOURNAL_OPTIONS = {
    "journal": Option(
        type="text", doc="folder on this machine for samples that the door has not taken yet", required=True
    ),
    "journal_max_mb": Option(type="whole", doc="most that the journal may hold, MB", default=2048, minimum=1),
}


def tag_of(options: dict[str, Any], *, tag: str = "", machine: str = "") -> Tag:
    """The tag that a group of TAG_PARTS describes, by the name given or its own."""
    return Tag(
        tag=tag or options["tag"],
        machine=machine or options["machine"] or "",
        unit=options["unit"] or "",
        period_ms=max(1, round(options["period_s"] * 1000)),
        low=options["low"],
        high=options["high"],
        rate_per_s=options["rate_per_s"],
        may_rest=options["may_rest"],
        shows_running=options["shows_running"],
    )


class Collector:
    """Takes samples from a subscription, brings them to disk and from there to the door."""

    def __init__(self, connection: Connection, intake: Intake) -> None:
        self._connection = connection
        self._intake = intake
        self.folder = folder = Path(connection.options["journal"]) / connection.name
        self._journal = SampleJournal(folder, max_bytes=connection.options["journal_max_mb"] * 1024 * 1024)
        self._tag_file = TagFile(folder)
        self._tags = self._tag_file.read()
        self._new_tags = list(self._tags.values())
        self._unwritten: list[Tag] = []
        self._rows: list[Row] = []
        self._after: list[Callable[[], None]] = []
        self.before: Callable[[], Awaitable[None]] | None = None
        """Awaited before samples are brought to disk: what must be there with them."""
        self._heard = asyncio.Event()

    def know(self, tags: list[Tag]) -> None:
        """Names tags; the door hears of those that are new before their samples."""
        for tag in tags:
            known = self._tags.get(tag.tag)
            if known is tag:
                continue
            self._tags[tag.tag] = tag
            if known != tag:
                self._new_tags.append(tag)
                self._unwritten.append(tag)

    async def _write_tags(self) -> None:
        """Samples that wait are of no use without the machine and unit of their tag."""
        tags, self._unwritten = self._unwritten, []
        if tags:
            await self._tag_file.add(tags)

    def take(self, rows: Sequence[Row], after: Callable[[], None]) -> None:
        """Takes samples for which their source waits: `after` is called when they are on disk."""
        self._rows += rows
        self._after.append(after)
        self._heard.set()

    async def keep(self, rows: Sequence[Row]) -> None:
        """Keeps samples; they are on disk when it returns. A full journal drops them, and says so."""
        await self._write_tags()
        try:
            await self._journal.put(rows)
        except JournalFull:
            log.error("scada.samples_dropped", connection=self._connection.name, samples=len(rows))

    async def _commit(self) -> None:
        """Brings what was taken to disk in groups, for ever; waits while the journal is full."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            rows, after = self._rows, self._after
            self._rows, self._after = [], []
            await self._write_tags()
            if self.before is not None:
                await self.before()
            while True:
                try:
                    await self._journal.put(rows)
                    break
                except JournalFull:
                    log.error("scada.journal_full", connection=self._connection.name, waiting=len(rows))
                    await asyncio.sleep(FULL_PAUSE_S)
            for each in after:
                each()
            await asyncio.sleep(COMMIT_EVERY_S)

    async def _forward(self) -> None:
        """Brings what is on disk to the door, oldest first, for ever."""
        while True:
            segment = await self._journal.next()
            await self._bring(segment)

    async def _bring(self, segment: Segment) -> None:
        await self._tell_tags()
        rows = segment.read()
        if rows:
            content = body_of(rows, self._tags)
            await self._intake.take_in(self._body(self._connection.kind, ARROW, segment.key, content))
            await self._intake.note(heard_until(max(row[1] for row in rows)), len(rows))
        self._journal.done(segment)

    async def _tell_tags(self) -> None:
        tags, self._new_tags = self._new_tags, []
        if tags:
            content = msgspec.json.encode([tag.record() for tag in tags])
            try:
                await self._intake.take_in(self._body("scada_tag", "application/json", "", content))
            except BaseException:
                self._new_tags = tags + self._new_tags
                raise

    def _body(self, kind: str, content_type: str, key: str, content: bytes) -> Body:
        return Body(
            kind=kind, source=self._connection.source, content_type=content_type, idempotency_key=key, content=content
        )

    async def _drain(self) -> None:
        """Brings everything that is on disk to the door."""
        await self._journal.close_open()
        while not self._journal.is_empty:
            await self._bring(await self._journal.next())

    async def run(self, hear: Coroutine[Any, Any, None]) -> None:
        """Hears, keeps and brings until one of them fails, and raises what it raised.

        A source that is away does not hold back what was heard of it before.
        """
        try:
            await first_of(self._commit(), self._forward(), hear)
        except SourceAway:
            await self._drain()
            raise
        finally:
            # What is not on disk was not acknowledged to its source, which sends it again.
            await self._journal.close_open()


async def first_of(*works: Coroutine[Any, Any, object]) -> None:
    """Works until the first of them ends, then ends the others; raises what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def body_of(rows: list[Row], tags: dict[str, Tag]) -> bytes:
    """Samples as an Arrow stream of `scada_sample` records."""
    names, times, values, qualities = (list(column) for column in zip(*rows, strict=True))
    known = [tags.get(name) for name in names]
    frame = pl.DataFrame(
        {
            "tag": pl.Series(names, dtype=pl.String),
            "sampled_at": pl.Series(times, dtype=pl.Int64).cast(UTC_TIME),
            "value": pl.Series(values, dtype=pl.Float64),
            "unit": pl.Series([tag.unit or None if tag else None for tag in known], dtype=pl.String),
            "quality": pl.Series(qualities, dtype=pl.String),
            "machine": pl.Series([tag.machine or None if tag else None for tag in known], dtype=pl.String),
        }
    )
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer)
    return buffer.getvalue()


def heard_until(newest_us: int) -> Checkpoint:
    """The checkpoint of a subscription: the time of the newest sample that the door has."""
    return {"heard_until": datetime.fromtimestamp(newest_us / 1e6, UTC).isoformat()}


def asked_from(checkpoint: Checkpoint | None) -> datetime | None:
    """From when samples are asked for again; None before the first."""
    until = (checkpoint or {}).get("heard_until")
    return datetime.fromisoformat(until) - HEARD_AGAIN if until else None
