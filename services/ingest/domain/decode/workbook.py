"""What a workbook would unfold into, measured before anything is unfolded.

An XLSX file is a ZIP of XML. A few bytes of it can say a million columns, a cell in the last row of the last column,
or a long text repeated in every cell, and the sizes in its directory need not be true. So every member is inflated
piece by piece, counted and thrown away; only a workbook that stays within bounds is given to the reader of cells.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from services.ingest.domain.decode.body import Limits, Malformed

CELL_BYTES = 32
"""Memory of one place in the rectangle that the reader makes of a sheet, empty or not."""
MEMBERS = 2000
MAX_TEXT_CHARS = 32_767
_PIECE = 1 << 20
_TEXT_OVERLAP = 64
_LOCAL_HEADER = struct.Struct("<26xHH")
_DEFLATED = 8
_ENCRYPTED = 0x1
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3})(\d{1,7})["']""")
# Beginning with plain bytes makes these several times faster; few writers put a prefix before the names of elements.
_PLAIN = {
    "row": re.compile(rb"<row\b"),
    "number": re.compile(rb"""<row\b[^>]*?\sr\s*=\s*["'](\d{1,7})["']"""),
    "cell": re.compile(rb"<c[\s/>]"),
    "value": re.compile(rb"<v>\s*(\d{1,9})|<v\s[^>]*>\s*(\d{1,9})"),
    "value tag": re.compile(rb"<v[\s/>]"),
}
_PREFIXED = {name: re.compile(each.pattern.replace(b"<", rb"<(?:\w+:)?")) for name, each in _PLAIN.items()}
_IS_PREFIXED = re.compile(rb":(?:row|c|v)\b")
_END_OF_TEXT = re.compile(rb"</(?:\w+:)?si>|<(?:\w+:)?si\s*/>")


@dataclass(slots=True)
class _Sheet:
    """How far one sheet reaches."""

    rows: int = 0
    columns: int = 0
    bare_rows: int = 0
    cells: int = 0
    named_cells: int = 0
    open_cells: int = 0
    widest: int = 0
    values: list[np.ndarray] = field(default_factory=list)
    other_values: int = 0


def check_workbook(body: bytes, limits: Limits) -> None:
    """Raises Malformed for what is no workbook and for one that would take more than the limits."""
    try:
        members = zipfile.ZipFile(io.BytesIO(body)).infolist()
    except (zipfile.BadZipFile, ValueError, OSError, struct.error, RuntimeError):
        raise Malformed("", "the file is no XLSX workbook") from None
    if len(members) > MEMBERS:
        raise _too_large(f"a workbook has at most {MEMBERS} parts")
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise Malformed("", "the workbook is encrypted; save it without a password")
    left = limits.expanded_bytes
    texts = np.zeros(0, dtype=np.int64)
    sheets = []
    for member in sorted(members, key=lambda each: "sharedstrings" not in each.filename.lower()):
        pieces = _counted(_inflated(body, member, left), member)
        if "sharedstrings" in member.filename.lower():
            size, texts = _text_lengths(pieces)
        elif "sheet" in member.filename.lower() and member.filename.lower().endswith(".xml"):
            sheet = _Sheet()
            size = _measured(pieces, sheet)
            sheets.append(sheet)
        else:
            size = sum(map(len, pieces))
        left -= size
    for sheet in sheets:
        _check_sheet(sheet, texts, limits)


def _inflated(body: bytes, member: zipfile.ZipInfo, left: int) -> Iterator[bytes]:
    """The content of a member in pieces, whatever length the directory gives; Malformed when it is longer than left."""
    start = member.header_offset + 30
    lengths = body[member.header_offset : start]
    if len(lengths) < 30:
        raise Malformed("", "the workbook is damaged")
    start += sum(_LOCAL_HEADER.unpack(lengths))
    packed = memoryview(body)[start : start + member.compress_size]
    for piece in _unpacked(packed, member.compress_type):
        left -= len(piece)
        if left < 0:
            raise _too_large("the workbook unfolds into too much")
        yield piece


def _unpacked(packed: memoryview, method: int) -> Iterator[bytes]:
    if method == zipfile.ZIP_STORED:
        yield from (bytes(packed[place : place + _PIECE]) for place in range(0, len(packed), _PIECE))
        return
    if method != _DEFLATED:
        raise Malformed("", "the workbook is packed in an unusual way; save it with Excel")
    inflate = zlib.decompressobj(-15)
    try:
        for place in range(0, len(packed), _PIECE):
            waiting = bytes(packed[place : place + _PIECE])
            while waiting:
                yield inflate.decompress(waiting, _PIECE)
                waiting = inflate.unconsumed_tail
    except zlib.error:
        raise Malformed("", "the workbook is damaged") from None


def _counted(pieces: Iterator[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        yield piece
    if size != member.file_size:
        raise Malformed("", "the workbook is damaged: a part has another length than it says")


def _text_lengths(pieces: Iterator[bytes]) -> tuple[int, np.ndarray]:
    """Size of the member, and the bytes of each shared text, mark-up included."""
    ends = [0]
    size = 0
    tail = b""
    for piece in pieces:
        window = tail + piece
        base = size - len(tail)
        ends += [base + found.end() for found in _END_OF_TEXT.finditer(window)]
        size += len(piece)
        tail = _after_last(window, _END_OF_TEXT)[-_TEXT_OVERLAP:]
    return size, np.diff(np.array(ends, dtype=np.int64))


def _after_last(window: bytes, pattern: re.Pattern[bytes]) -> bytes:
    last = 0
    for found in pattern.finditer(window):
        last = found.end()
    return window[last:]


def _measured(pieces: Iterator[bytes], sheet: _Sheet) -> int:
    size = 0
    tail = b""
    for piece in pieces:
        size += len(piece)
        window = tail + piece
        # A tag that the piece cuts in two is looked at with the next one.
        cut = max(window.rfind(b"<"), 0)
        if len(window) - cut > _PIECE:
            raise Malformed("", "the workbook is damaged: a tag without an end")
        _measure(window[:cut], sheet)
        tail = window[cut:]
    _measure(tail, sheet)
    return size


def _measure(window: bytes, sheet: _Sheet) -> None:
    tags = _PREFIXED if _IS_PREFIXED.search(window) else _PLAIN
    references = _REFERENCE.findall(window)
    rows = {row for _, row in references} | set(tags["number"].findall(window))
    sheet.rows = max(sheet.rows, max(map(int, rows), default=0))
    sheet.columns = max(sheet.columns, max(map(_column, {letters for letters, _ in references}), default=0))
    sheet.named_cells += len(references)
    cells = [place.start() for place in tags["cell"].finditer(window)]
    sheet.cells += len(cells)
    _measure_rows([place.start() for place in tags["row"].finditer(window)], cells, sheet)
    values = [plain or other for plain, other in tags["value"].findall(window)]
    if values:
        sheet.values.append(np.array(values, dtype=np.int64))
    sheet.other_values += len(tags["value tag"].findall(window)) - len(values)


def _measure_rows(rows: list[int], cells: list[int], sheet: _Sheet) -> None:
    """How many cells follow each other in a row, for those that do not say where they are."""
    sheet.bare_rows += len(rows)
    before = np.searchsorted(np.array(cells, dtype=np.int64), np.array(rows, dtype=np.int64))
    counts = np.diff(np.concatenate(([0], before, [len(cells)])))
    counts[0] += sheet.open_cells
    sheet.widest = max(sheet.widest, int(counts.max()))
    sheet.open_cells = int(counts[-1])


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _check_sheet(sheet: _Sheet, texts: np.ndarray, limits: Limits) -> None:
    is_bare = sheet.cells > sheet.named_cells
    rows = max(sheet.rows, sheet.rows + sheet.bare_rows if is_bare else 0)
    columns = max(sheet.columns, sheet.columns + sheet.widest if is_bare else 0)
    if columns > limits.columns:
        raise _too_large(f"at most {limits.columns} columns")
    if rows > limits.rows + 2:
        raise _too_large(f"at most {limits.rows} records in one body")
    if rows * columns * CELL_BYTES > limits.expanded_bytes:
        raise _too_large("the sheet reaches too far: delete empty rows and columns at its end, or save it as CSV")
    longest = int(texts.max(initial=0))
    shown = sheet.other_values * min(longest, 4 * MAX_TEXT_CHARS)
    for numbers in sheet.values:
        shown += int(texts[numbers[numbers < len(texts)]].sum())
    if shown > limits.expanded_bytes:
        raise _too_large("the sheet repeats long texts too often; save it as CSV")


def _too_large(message: str) -> Malformed:
    return Malformed("", message, code="too_large")
