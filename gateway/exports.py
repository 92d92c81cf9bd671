"""Downloads of any length in constant memory: pages are sent while the next one is read.

pages (Arrow, a page a call) ─▶ CSV
                             └▶ workbook (gateway/workbooks.py)
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import polars as pl
import polars.selectors as cs
from fastapi import Response
from fastapi.responses import StreamingResponse

from gateway.workbooks import Note, Workbook

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PAGE_ROWS = 10_000
FIRST_ROWS = 500
"""The first page is a small one: the answer begins while the next is read."""
FORMULA = r"^([=+\-@\t\r\n＝＋－＠])"
FILE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


Fetch = Callable[[str], Awaitable[Any]]
"""Gets the page at a cursor: `arrow_ipc` or `frame`, and `next_cursor`."""


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
    headers = {"Content-Disposition": f'attachment; filename="{safe}.{format}"'}
    if format == "xlsx":
        book = Workbook(safe, await notes())
        return StreamingResponse(_workbook(fetch, first, book), media_type=XLSX, headers=headers)
    return StreamingResponse(_csv(fetch, first), media_type=f"{CSV}; charset=utf-8", headers=headers)


async def _pages(fetch: Fetch, first: Any) -> AsyncGenerator[pl.DataFrame, None]:
    """The rows of all pages; one is read while the one before is sent."""
    page, ahead = first, None
    try:
        while True:
            ahead = asyncio.ensure_future(fetch(page.next_cursor)) if page.next_cursor else None
            yield rows_of(page)
            if ahead is None:
                return
            page = await ahead
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.wait([ahead])


async def _csv(fetch: Fetch, first: Any) -> AsyncIterator[bytes]:
    # The byte order mark is what makes Excel read Chinese text as UTF-8.
    begin = "\ufeff"
    async with aclosing(_pages(fetch, first)) as pages:
        async for rows in pages:
            text = await asyncio.to_thread(csv_text, rows, header=bool(begin))
            yield (begin + text).encode()
            begin = ""


def csv_text(frame: pl.DataFrame, *, header: bool) -> str:
    """Rows as CSV. Text that a spreadsheet would run as a formula gets an apostrophe before it, figures do not."""
    flat = frame.with_columns(cs.list().cast(pl.List(pl.String)).list.join(" "))
    texts = (cs.string() | cs.categorical() | cs.enum()).cast(pl.String)
    harmless = flat.with_columns(texts.str.replace(FORMULA, "'$1"))
    return printable(harmless).write_csv(include_header=header)


async def _workbook(fetch: Fetch, first: Any, book: Workbook) -> AsyncIterator[bytes]:
    async with aclosing(_pages(fetch, first)) as pages:
        async for rows in pages:
            yield await asyncio.to_thread(book.add, rows)
    yield book.close()
