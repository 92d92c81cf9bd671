"""Files in parts: each part is a body of its own that can be sent again, and says where the next one begins.

CSV      so many bytes, up to the end of a record          place: byte and record
XLSX     so many rows of a sheet that is held in memory     place: record
Parquet  so many rows of a row group                        place: record
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from services.ingest.domain.decode import Limits, Malformed
from services.ingest.domain.decode.notes import NOTES_MARK
from services.ingest.domain.decode.parquet_body import BATCH_ROWS, bounded_batches, open_parquet
from services.ingest.domain.decode.xlsx_body import read_sheet

CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
MAX_WORKBOOK_BYTES = 64 * 1024 * 1024
WORKBOOK_ROWS = 1_048_576
MAX_HEADER_BYTES = 256 * 1024
_QUOTE = 34
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file was read: the next byte (of a CSV) and the next record."""

    byte: int = 0
    record: int = 0


@dataclass(frozen=True, slots=True)
class PartSize:
    """How much one part holds at most."""

    bytes: int = 4 * 1024 * 1024
    records: int = 25_000


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a file as a body, its key within the file, and where the next part begins."""

    content: bytes
    content_type: str
    key: str
    first_line: int
    after: Place


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read."""

    size: PartSize
    limits: Limits
    sheet: str = ""
    charset: str = ""


def digest_of(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parts_of(path: Path, place: Place, reading: Reading) -> Iterator[Part]:
    """The parts of a file from a place on; raises Malformed for what cannot be read."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise Malformed("", f"files end in {', '.join(READERS)}", code="unsupported_type")
    return reader(path, place, reading)


def _csv(path: Path, place: Place, reading: Reading) -> Iterator[Part]:
    content_type = f"{CSV}; charset={reading.charset}" if reading.charset else CSV
    with path.open("rb") as file:
        header, end = _header(file)
        place = place if place.byte else Place(end, 0)
        file.seek(place.byte)
        rest = b""
        while True:
            block = rest + file.read(max(reading.size.bytes - len(rest), 0))
            if not block:
                return
            is_last = len(block) < reading.size.bytes
            cut, records = _cut(block, reading.size.records, is_last=is_last)
            after = Place(place.byte + cut, place.record + records)
            yield Part(header + block[:cut], content_type, f"{place.byte}-{after.byte}", place.record, after)
            place, rest = after, block[cut:]


def _header(file: io.BufferedReader) -> tuple[bytes, int]:
    """The header line with its end, without a byte order mark, and where the records begin."""
    start = file.read(MAX_HEADER_BYTES)
    if not start.strip():
        raise Malformed("", "the file is empty; a CSV needs a header line")
    if start.startswith(_UTF16_MARKS):
        raise Malformed("", "the file is UTF-16; save it as CSV UTF-8")
    mark = len(_UTF8_MARK) if start.startswith(_UTF8_MARK) else 0
    ends = _record_ends(start[mark:])
    if not len(ends) and len(start) == MAX_HEADER_BYTES:
        raise Malformed("", "the header line has no end", code="too_large")
    end = mark + (int(ends[0]) if len(ends) else len(start) - mark)
    header = start[mark:end]
    return header if header.endswith((b"\n", b"\r")) else header + b"\n", end


def _cut(block: bytes, records: int, *, is_last: bool) -> tuple[int, int]:
    """Where a part ends and how many records it holds."""
    ends = _record_ends(block)
    if not len(ends) and not is_last:
        # A quote that opens nothing (5" pipe) hides every line end behind it: the parser of the door knows better.
        ends = _line_ends(block)
    if is_last and (not len(ends) or int(ends[-1]) < len(block)):
        ends = np.append(ends, len(block))
    if not len(ends):
        raise Malformed("", "a line has no end", code="too_large")
    count = min(len(ends), records)
    return int(ends[count - 1]), count


def _record_ends(block: bytes) -> np.ndarray:
    """Where records end: behind line ends outside quotes. Neither occurs inside a character of UTF-8 or GB 18030."""
    ends = _line_ends(block)
    if b'"' not in block:
        return ends
    inside = np.cumsum(np.frombuffer(block, dtype=np.uint8) == _QUOTE, dtype=np.uint32) & 1
    found: np.ndarray = ends[inside[ends - 1] == 0]
    return found


def _line_ends(block: bytes) -> np.ndarray:
    found: np.ndarray = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == (10 if b"\n" in block else 13))
    return found + 1


def _workbook(path: Path, place: Place, reading: Reading) -> Iterator[Part]:
    if path.stat().st_size > MAX_WORKBOOK_BYTES:
        raise Malformed("", f"a workbook has at most {MAX_WORKBOOK_BYTES >> 20} MiB; save it as CSV", code="too_large")
    frame = read_sheet(path.read_bytes(), replace(reading.limits, rows=WORKBOOK_ROWS), sheet=reading.sheet)
    if frame.height and str(frame[0, 0] or "").startswith(NOTES_MARK):
        place = place if place.record else Place(0, 1)
    for start in range(place.record, frame.height, reading.size.records):
        rows = frame.slice(start, reading.size.records)
        yield _arrow_part(rows.to_arrow(), start)


def _parquet(path: Path, place: Place, reading: Reading) -> Iterator[Part]:
    with path.open("rb") as source:
        file = open_parquet(source, reading.limits)
        start = 0
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if start + rows > place.record:
                batches = bounded_batches(
                    file,
                    reading.limits,
                    rows=rows,
                    row_groups=[group],
                    batch_rows=min(BATCH_ROWS, reading.size.records),
                )
                yield from _group_parts(batches, start, place.record, reading)
            start += rows


def _group_parts(batches: Iterator[pa.RecordBatch], start: int, begin: int, reading: Reading) -> Iterator[Part]:
    """Parts of one row group: their borders do not depend on where reading begins."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) + batch.num_rows > reading.size.records:
            table = pa.Table.from_batches(waiting)
            yield from _from(table, start, begin)
            start, waiting = start + table.num_rows, []
    if waiting:
        yield from _from(pa.Table.from_batches(waiting), start, begin)


def _from(table: pa.Table, start: int, begin: int) -> Iterator[Part]:
    if start + table.num_rows > begin:
        skip = max(begin - start, 0)
        yield _arrow_part(table.slice(skip), start + skip)


def _arrow_part(table: pa.Table, start: int) -> Part:
    sink = io.BytesIO()
    pl.DataFrame(pl.from_arrow(table)).write_ipc_stream(sink)
    after = Place(0, start + table.num_rows)
    return Part(sink.getvalue(), ARROW, f"{start}-{after.record}", start, after)


READERS: dict[str, Callable[[Path, Place, Reading], Iterator[Part]]] = {
    ".csv": _csv,
    ".xlsx": _workbook,
    ".parquet": _parquet,
}
