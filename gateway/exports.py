"""Downloads of any length in constant memory: CSV as it is read, or a workbook written to disk page by page.

pages (Arrow, a page a call) ─▶ csv_download: sent while the next page is read
                             └▶ workbook: sheet 说明 (what each column means), sheets of a million rows ─▶ file ─▶ sent
"""

from __future__ import annotations

import asyncio
import io
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs
import xlsxwriter
from fastapi import Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.background import BackgroundTask

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PAGE_ROWS = 5000
SHEET_ROWS = 1_000_000
FORMULA = r"^([=+\-@\t\r\n＝＋－＠])"
FILE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
NOTES = "说明"
HEADINGS = ("字段 field", "类型 type", "单位 unit", "说明 meaning")
TIME_FORMAT, DAY_FORMAT = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd"


Fetch = Callable[[str], Awaitable[Any]]
"""Gets the page at a cursor: `arrow_ipc` or `frame`, and `next_cursor`."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a column means."""

    name: str
    type: str = ""
    unit: str = ""
    doc: str = ""


def frame_of(arrow_ipc: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(arrow_ipc))


def rows_of(page: Any) -> pl.DataFrame:
    """The rows of a page: a frame, or the Arrow stream of one."""
    frame: pl.DataFrame | None = getattr(page, "frame", None)
    return frame_of(page.arrow_ipc) if frame is None else frame


def printable(frame: pl.DataFrame) -> pl.DataFrame:
    """Money as decimal text, times as RFC 3339 in UTC."""
    times = (column.dt.convert_time_zone("UTC") if _zone(column) else column for column in frame.select(cs.datetime()))
    return frame.with_columns(
        cs.decimal().cast(pl.String), *(column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ") for column in times)
    )


def _zone(column: pl.Series) -> bool:
    return isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None


async def download(fetch: Fetch, name: str, format: str, notes: Callable[[], Awaitable[Sequence[Note]]]) -> Response:
    """All rows behind `fetch` as a file; what is wrong with the question is said before the answer begins."""
    first = await fetch("")
    # Only letters of our own go into a header: the name may come from the path that anybody may write.
    safe = "".join(letter for letter in name if letter in FILE_LETTERS) or "records"
    if format == "xlsx":
        return await _workbook_download(fetch, first, safe, await notes())
    headers = {"Content-Disposition": f'attachment; filename="{safe}.csv"'}
    return StreamingResponse(_csv(fetch, first), media_type=f"{CSV}; charset=utf-8", headers=headers)


async def _csv(fetch: Fetch, first: Any) -> AsyncIterator[str]:
    # The byte order mark is what makes Excel read Chinese text as UTF-8.
    yield "\ufeff" + csv_text(rows_of(first), header=True)
    cursor = first.next_cursor
    while cursor:
        page = await fetch(cursor)
        yield csv_text(rows_of(page), header=False)
        cursor = page.next_cursor


def csv_text(frame: pl.DataFrame, *, header: bool) -> str:
    """Rows as CSV. Text that a spreadsheet would run as a formula gets an apostrophe before it, figures do not."""
    flat = frame.with_columns(cs.list().cast(pl.List(pl.String)).list.join(" "))
    texts = (cs.string() | cs.categorical() | cs.enum()).cast(pl.String)
    harmless = flat.with_columns(texts.str.replace(FORMULA, "'$1"))
    return printable(harmless).write_csv(include_header=header)


async def _workbook_download(fetch: Fetch, first: Any, name: str, notes: Sequence[Note]) -> Response:
    folder = Path(tempfile.mkdtemp(prefix="marketwin-"))
    path = folder / f"{name}.xlsx"
    book = Workbook(path, name, notes)
    is_whole = False
    try:
        page = first
        while True:
            await asyncio.to_thread(book.add, rows_of(page))
            if not page.next_cursor:
                break
            page = await fetch(page.next_cursor)
        await asyncio.to_thread(book.close)
        is_whole = True
    finally:
        if not is_whole:
            book.close()
            shutil.rmtree(folder)
    return FileResponse(path, media_type=XLSX, filename=path.name, background=BackgroundTask(shutil.rmtree, folder))


class Workbook:
    """A workbook that holds a row at a time in memory; text is never run as a formula."""

    def __init__(self, path: Path, name: str, notes: Sequence[Note]) -> None:
        options = {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": True,
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._bold = self._book.add_format({"bold": True})
        self._time = self._book.add_format({"num_format": TIME_FORMAT})
        self._day = self._book.add_format({"num_format": DAY_FORMAT})
        self._name = name[:28]
        self._sheets = 0
        self._row = SHEET_ROWS
        self._sheet: Any = None
        if notes:
            self._write_notes(notes)

    def _write_notes(self, notes: Sequence[Note]) -> None:
        sheet = self._book.add_worksheet(NOTES)
        for place, heading in enumerate(HEADINGS):
            sheet.write_string(0, place, heading, self._bold)
        for row, note in enumerate(notes, 1):
            for place, text in enumerate((note.name, note.type, note.unit, note.doc)):
                sheet.write_string(row, place, text)
        sheet.write_string(len(notes) + 2, 0, "时间为 UTC。Times are in UTC.")

    def add(self, frame: pl.DataFrame) -> None:
        """Adds rows; a sheet that is full is followed by another."""
        flat = frame.with_columns(cs.list().cast(pl.List(pl.String)).list.join(" "))
        rows = flat.with_columns(cs.datetime().dt.replace_time_zone(None)).iter_rows()
        if self._sheet is None:
            self._open(frame.columns)
        for values in rows:
            if self._row >= SHEET_ROWS:
                self._open(frame.columns)
            for place, value in enumerate(values):
                self._write(place, value)
            self._row += 1

    def _open(self, columns: Sequence[str]) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet(self._name if self._sheets == 1 else f"{self._name} {self._sheets}")
        self._sheet.freeze_panes(1, 0)
        for place, name in enumerate(columns):
            self._sheet.write_string(0, place, name, self._bold)
        self._row = 1

    def _write(self, place: int, value: Any) -> None:
        sheet, row = self._sheet, self._row
        if value is None:
            return
        if isinstance(value, bool):
            sheet.write_boolean(row, place, value)
        elif isinstance(value, int) and abs(value) >= 10**15:
            sheet.write_string(row, place, str(value))  # a spreadsheet keeps 15 digits of a number
        elif isinstance(value, int | float | Decimal):
            sheet.write_number(row, place, value)
        elif isinstance(value, datetime):
            sheet.write_datetime(row, place, value, self._time)
        elif isinstance(value, date):
            sheet.write_datetime(row, place, value, self._day)
        else:
            sheet.write_string(row, place, str(value)[:32_767])

    def close(self) -> None:
        self._book.close()
