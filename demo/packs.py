"""Market packs: what is in one, how it is loaded through the public door, and how its last weeks are played live.

    pack.yaml ─ open_pack ─▶ Pack ─┬─ load ───▶ POST /api/v1/records/{kind}?source=...   batch by batch, in order
                                   └─ replay ─▶ the same door, one day of data after the other, at the pack's speed

Both write down in a small JSON file how far they came, after each receipt. A batch that was sent but not written down
is sent again with the same `Idempotency-Key`, so nothing is counted twice whatever is killed in between.
"""

import asyncio
import hashlib
import heapq
import itertools
import json
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import structlog
import yaml

log = structlog.get_logger()

Progress = Callable[[str, int, int], None]
BUSY = frozenset({429, 502, 503, 504})
ATTEMPTS = 12
LONGEST_WAIT_SECONDS = 30.0
CSV, ARROW = "text/csv; charset=utf-8", "application/vnd.apache.arrow.stream"


class LoadFailed(Exception):
    """The door refused a batch, stayed away too long, or gave a receipt that does not add up."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of receipts: sent = accepted + quarantined + rejected + duplicates; repaired is a part of accepted."""

    sent: int = 0
    accepted: int = 0
    repaired: int = 0
    quarantined: int = 0
    rejected: int = 0
    duplicates: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def is_balanced(self) -> bool:
        """Whether each record that was sent is accounted for."""
        return self.sent == self.accepted + self.quarantined + self.rejected + self.duplicates


@dataclass(frozen=True, slots=True)
class Feed:
    """One file of a pack on its way to one record kind; `day` names the column that the replay follows."""

    file: str
    path: Path
    source: str
    kind: str
    batch_rows: int
    day: str = ""

    @property
    def name(self) -> str:
        """What the feed is called in the checkpoint: a file may feed two kinds."""
        return f"{self.file}:{self.kind}"

    @property
    def content_type(self) -> str:
        """CSV files go as CSV, Parquet files as an Arrow stream."""
        return CSV if self.path.suffix == ".csv" else ARROW


@dataclass(frozen=True, slots=True)
class Pack:
    """A market pack. `digest` changes with the data and the way they are cut, not with speed or title."""

    name: str
    folder: Path
    digest: str
    is_synthetic: bool
    mappings: Path
    regions: Path
    shapes: Path
    feeds: tuple[Feed, ...]
    live: tuple[Feed, ...]
    seconds_per_day: float
    sign_in_as: str
    """User whose recommendations the printed sign-in link shows."""


def open_pack(folder: Path) -> Pack:
    """Reads `pack.yaml` of a folder and takes the digest of the files it names."""
    content = yaml.safe_load((folder / "pack.yaml").read_text(encoding="utf-8"))
    feeds, live = _feeds(folder, content["load"]), _feeds(folder, content["replay"]["files"])
    return Pack(
        name=content["name"],
        folder=folder,
        digest=_digest(feeds + live),
        is_synthetic=bool(content["synthetic"]),
        mappings=folder / content["mappings"],
        regions=folder / content["regions"],
        shapes=folder / content["shapes"],
        feeds=feeds,
        live=live,
        seconds_per_day=float(content["replay"]["seconds_per_day"]),
        sign_in_as=str(content.get("sign_in_as", "admin")),
    )


def _feeds(folder: Path, entries: list[dict[str, Any]]) -> tuple[Feed, ...]:
    return tuple(Feed(path=folder / entry["file"], **entry) for entry in entries)


def _digest(feeds: tuple[Feed, ...]) -> str:
    seen = hashlib.sha256()
    for feed in feeds:
        seen.update(f"{feed.name}:{feed.source}:{feed.batch_rows}:{feed.day}\n".encode())
        with feed.path.open("rb") as file:
            seen.update(hashlib.file_digest(file, "sha256").digest())
    return seen.hexdigest()


@dataclass(slots=True)
class Checkpoint:
    """How far a pack came: rows with a receipt by feed, and the sums of the receipts so far."""

    path: Path
    pack: str
    offsets: dict[str, int] = field(default_factory=dict)
    loaded: Totals = Totals()
    replayed: Totals = Totals()

    @classmethod
    def of(cls, path: Path, pack: Pack) -> "Checkpoint":
        """The checkpoint in the file; an empty one where there is none, or where it belongs to other data."""
        if not path.exists():
            return cls(path, pack.digest)
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["pack"] != pack.digest:
            log.info("pack.checkpoint_outdated", pack=pack.name)
            return cls(path, pack.digest)
        loaded, replayed = Totals(**content["loaded"]), Totals(**content["replayed"])
        return cls(path, pack.digest, content["offsets"], loaded, replayed)

    def write(self) -> None:
        """Replaces the file in one step: a reader finds the old state or the new one, never half of it."""
        content = {
            "pack": self.pack,
            "offsets": self.offsets,
            "loaded": asdict(self.loaded),
            "replayed": asdict(self.replayed),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(f"{self.path.suffix}.draft")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of a feed; `step` is the number of days since the feed's first day (0 where it has none)."""

    feed: Feed
    start: int
    rows: pa.Table
    step: int = 0

    @property
    def end(self) -> int:
        """The row after the last one."""
        return self.start + int(self.rows.num_rows)

    def key(self, digest: str) -> str:
        """The `Idempotency-Key`: the same rows of the same pack always have the same one."""
        return hashlib.sha256(f"{digest}:{self.feed.name}:{self.start}:{self.end}".encode()).hexdigest()[:40]


async def load(pack: Pack, client: httpx.AsyncClient, progress: Progress, *, state_path: Path) -> Totals:
    """Sends what has no receipt yet, feed by feed in the pack's order; returns the sums since the first start.

    `client` knows the gateway's address and carries the token. `progress` gets (feed, rows done, rows of the feed).
    A pack that is loaded already returns at once. Raises LoadFailed; a later call goes on from there.
    """
    checkpoint = Checkpoint.of(state_path, pack)
    for feed in pack.feeds:
        total = _row_count(feed)
        done = checkpoint.offsets.get(feed.name, 0)
        progress(feed.name, done, total)
        if done == total:
            continue
        for batch in _batches(feed, done):
            receipt = await _send(client, batch, pack.digest, ATTEMPTS)
            checkpoint.loaded += receipt
            checkpoint.offsets[feed.name] = batch.end
            checkpoint.write()
            progress(feed.name, batch.end, total)
    log.info("pack.loaded", pack=pack.name, **asdict(checkpoint.loaded))
    return checkpoint.loaded


async def replay(
    pack: Pack,
    client: httpx.AsyncClient,
    progress: Progress,
    *,
    state_path: Path,
    seconds_per_day: float | None = None,
) -> Totals:
    """Sends the tail that was held back, day by day and evenly within a day, for as long as there are days left.

    A second start goes on where the first one stopped. A gateway that is away is waited for without end. Returns the
    sums since the pack's first start once all days are played: days are never invented. Run it as a task and cancel it.
    """
    checkpoint = Checkpoint.of(state_path, pack)
    total = sum(map(_row_count, pack.live))
    done = sum(checkpoint.offsets.get(feed.name, 0) for feed in pack.live)
    pace = pack.seconds_per_day if seconds_per_day is None else seconds_per_day
    async for batch in _in_time(_days(pack, checkpoint.offsets), pace):
        receipt = await _send(client, batch, pack.digest, None)
        checkpoint.replayed += receipt
        checkpoint.offsets[batch.feed.name] = batch.end
        checkpoint.write()
        done += int(batch.rows.num_rows)
        progress("replay", done, total)
    log.info("pack.replayed", pack=pack.name, **asdict(checkpoint.replayed))
    return checkpoint.replayed


def _days(pack: Pack, offsets: Mapping[str, int]) -> Iterator[list[Batch]]:
    tails = (_dated(feed, offsets.get(feed.name, 0)) for feed in pack.live)
    side_by_side = heapq.merge(*tails, key=lambda batch: batch.step)
    for _, batches in itertools.groupby(side_by_side, key=lambda batch: batch.step):
        yield list(batches)


async def _in_time(days: Iterator[list[Batch]], seconds_per_day: float) -> AsyncIterator[Batch]:
    clock = asyncio.get_running_loop().time
    first, began_at = None, clock()
    for batches in days:
        first = batches[0].step if first is None else first
        for place, batch in enumerate(batches):
            due_at = began_at + (batch.step - first + place / len(batches)) * seconds_per_day
            await asyncio.sleep(max(0.0, due_at - clock()))
            yield batch


def _dated(feed: Feed, offset: int) -> Iterator[Batch]:
    """Batches that end where a day ends, so that a day never brings rows of the next."""
    first_day = None
    for batch in _batches(feed, 0):
        days = batch.rows.column(feed.day).cast(pa.date32()).cast(pa.int32()).to_numpy()
        first_day = int(days[0]) if first_day is None else first_day
        edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
        for start, end in itertools.pairwise(edges):
            if batch.start + end > offset:
                rows = batch.rows.slice(start, end - start)
                yield Batch(feed, batch.start + start, rows, int(days[start]) - first_day)


def _batches(feed: Feed, offset: int) -> Iterator[Batch]:
    """The rows from `offset` on. They are cut on a grid from the file's start, so a restart cuts the same batches."""
    slices = _csv_slices(feed) if feed.content_type == CSV else _parquet_slices(feed, offset)
    for start, rows in slices:
        skipped = max(0, offset - start)
        if skipped < rows.num_rows:
            yield Batch(feed, start + skipped, rows.slice(skipped))


def _parquet_slices(feed: Feed, offset: int) -> Iterator[tuple[int, pa.Table]]:
    file = pq.ParquetFile(feed.path)
    start = 0
    for group in range(file.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        if end > offset:
            for rows in file.iter_batches(feed.batch_rows, row_groups=[group]):
                yield start, pa.table(rows)
                start += rows.num_rows
        start = end


def _csv_slices(feed: Feed) -> Iterator[tuple[int, pa.Table]]:
    # As text: codes such as 0042 keep their zeros, and empty stays empty. Master data, so small enough to read at once.
    names = pa_csv.open_csv(feed.path).schema.names
    as_text = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    rows = pa_csv.read_csv(feed.path, convert_options=as_text)
    for start in range(0, rows.num_rows, feed.batch_rows):
        yield start, rows.slice(start, feed.batch_rows)


def _row_count(feed: Feed) -> int:
    if feed.content_type == CSV:
        return sum(int(rows.num_rows) for _, rows in _csv_slices(feed))
    return int(pq.ParquetFile(feed.path).metadata.num_rows)


def _body(batch: Batch) -> bytes:
    sink = pa.BufferOutputStream()
    if batch.feed.content_type == CSV:
        pa_csv.write_csv(batch.rows, sink)
    else:
        with pa.ipc.new_stream(sink, batch.rows.schema) as stream:
            stream.write_table(batch.rows)
    return bytes(sink.getvalue())


async def _send(client: httpx.AsyncClient, batch: Batch, digest: str, attempts: int | None) -> Totals:
    """Posts a batch until it has a receipt: `attempts` times, or without end where None."""
    headers = {"Content-Type": batch.feed.content_type, "Idempotency-Key": batch.key(digest)}
    url, params, body = f"/api/v1/records/{batch.feed.kind}", {"source": batch.feed.source}, _body(batch)
    attempt = 0
    while True:
        attempt += 1
        try:
            response = await client.post(url, params=params, content=body, headers=headers)
        except httpx.TransportError as error:
            answer, wait = type(error).__name__, None
        else:
            if response.status_code not in BUSY:
                return _receipt(response, batch)
            answer, wait = str(response.status_code), _retry_after(response)
        if attempt == attempts:
            raise LoadFailed(f"{batch.feed.name}: no receipt for row {batch.start} in {attempt} attempts ({answer})")
        pause = _backoff(attempt) if wait is None else min(wait, LONGEST_WAIT_SECONDS)
        log.info("pack.waiting", feed=batch.feed.name, row=batch.start, answer=answer, seconds=round(pause, 2))
        await asyncio.sleep(pause)


def _receipt(response: httpx.Response, batch: Batch) -> Totals:
    if not response.is_success:
        raise LoadFailed(f"{batch.feed.name}: row {batch.start}: {response.status_code} {response.text[:500]}")
    content = response.json()
    counts = {each.name: int(content[each.name]) for each in fields(Totals) if each.name != "sent"}
    totals = Totals(sent=int(batch.rows.num_rows), **counts)
    if not totals.is_balanced:
        raise LoadFailed(f"{batch.feed.name}: row {batch.start}: receipt does not add up to {totals.sent}: {counts}")
    return totals


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait (RFC 9110 section 10.2.3: a number or a date); None where it does not."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _backoff(attempt: int) -> float:
    ceiling = min(LONGEST_WAIT_SECONDS, 0.2 * 2 ** min(attempt, 10))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - spreads retries, guards nothing
