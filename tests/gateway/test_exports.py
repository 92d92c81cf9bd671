"""Downloads of any length: every value as in the JSON answer, sent while it is made, in a memory that does not grow."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import fastexcel
import httpx
import polars as pl
import psutil
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Invalid, Unavailable
from gateway import archives, workbooks
from gateway.archives import Archive
from gateway.exports import download
from gateway.workbooks import Note, Workbook
from tests.gateway.house import Door, House, door
from tests.gateway.market import Market
from tests.gateway.problem import problem_of
from tests.gateway.scripted import ScriptedIngest, scripted_ingest

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest_asyncio.fixture(loop_scope="session")
async def script(whole: House) -> AsyncIterator[tuple[ScriptedIngest, Door]]:
    """A gateway in front of a scripted ingest."""
    async with (
        scripted_ingest() as (service, address),
        door(whole.common, **{**whole.addresses, "ingest_address": address}) as opened,
    ):
        yield service, opened


def _book(*frames: pl.DataFrame, notes: list[Note] | None = None) -> bytes:
    book = Workbook("things", notes or [])
    return b"".join(book.add(frame) for frame in frames) + book.close()


def _rows(content: bytes, sheet: str = "things") -> pl.DataFrame:
    return fastexcel.read_excel(content).load_sheet(sheet).to_polars()


def _part(content: bytes, name: str) -> ElementTree.Element:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return ElementTree.fromstring(archive.read(name))


def _same(told: Any, cell: Any) -> bool:
    """Whether a cell says what JSON says; a spreadsheet keeps thousandths of a second."""
    if told is None or told == "":
        return cell in (None, "")
    if isinstance(cell, datetime):
        return abs(datetime.fromisoformat(told).replace(tzinfo=None) - cell) < timedelta(milliseconds=1)
    if isinstance(told, list):
        return cell == " ".join(told) or (not told and cell is None)
    if isinstance(told, bool) or isinstance(cell, bool):
        return bool(told == cell)
    if isinstance(cell, int | float):
        return Decimal(str(told)) == Decimal(str(cell))
    return str(told) == str(cell)


@pytest.mark.parametrize("kind", ["commercial_order", "retailer", "sku", "commercial_sale"])
async def test_every_cell_of_a_workbook_says_what_the_json_answer_says(api: httpx.AsyncClient, market: Market, kind):
    told = (await api.get(f"/api/v1/records/{kind}", params={"limit": 1000})).json()["items"]
    response = await api.get(f"/api/v1/records/{kind}", params={"format": "xlsx"})

    rows = _rows(response.content, kind).to_dicts()
    assert len(rows) == len(told) > 0
    for expected, found in zip(told, rows, strict=True):
        assert set(found) == set(expected)
        wrong = {name: (value, found[name]) for name, value in expected.items() if not _same(value, found[name])}
        assert not wrong
    assert response.headers["content-disposition"] == f'attachment; filename="{kind}.xlsx"'
    assert "content-encoding" not in response.headers
    assert not _part(response.content, "xl/worksheets/sheet2.xml").findall(f".//{SHEET}f")


def test_a_sheet_has_a_frozen_row_of_names_and_columns_wide_enough():
    content = _book(pl.DataFrame({"n": [1], "name": ["黄山松" * 5]}), notes=[Note("n", "integer", "", "a < b")])

    sheet = _part(content, "xl/worksheets/sheet2.xml")
    pane = sheet.find(f".//{SHEET}pane")
    widths = [float(column.attrib["width"]) for column in sheet.iter(f"{SHEET}col")]
    assert pane is not None
    assert (pane.attrib["state"], pane.attrib["ySplit"]) == ("frozen", "1")
    assert widths == [10, 32]
    assert _rows(content, "说明")["说明 meaning"].to_list()[0] == "a < b"


@settings(max_examples=60)
@given(
    st.lists(st.text(max_size=40) | st.sampled_from(["_x0041_x0042_", "=1+1", " lead", "a\rb", "]]>"]), min_size=1),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.lists(st.none() | st.floats(), min_size=1),
)
def test_whatever_text_and_numbers_are_written_are_read_again(texts, wholes, floats):
    width = max(len(texts), len(wholes), len(floats))

    def column(values: list[Any], dtype: Any) -> pl.Series:
        return pl.Series((values * width)[:width], dtype=dtype)

    frame = pl.DataFrame(
        {"t": column(texts, pl.String), "n": column(wholes, pl.Int64), "f": column(floats, pl.Float64)}
    ).with_columns(number=pl.int_range(pl.len()))

    content = _book(frame)
    cells = list(_part(content, "xl/worksheets/sheet1.xml").iter(f"{SHEET}row"))[1:]
    for row, expected in zip(cells, frame.iter_rows(), strict=True):
        text, whole, real, _ = (_value(cell) for cell in row)
        assert _read(text or "") == expected[0]
        assert whole == (None if expected[1] is None else str(expected[1]))
        is_number = expected[2] is not None and abs(expected[2]) < float("inf")
        assert (None if real is None else float(real)) == (expected[2] if is_number else None)
    assert _rows(content).height == width


def _value(cell: ElementTree.Element) -> str | None:
    found = cell.find(f"{SHEET}v")
    found = cell.find(f"{SHEET}is/{SHEET}t") if found is None else found
    return None if found is None else found.text


def _read(text: str) -> str:
    """Text as a spreadsheet reads it: `_xHHHH_` is a character."""
    read, place = [], 0
    while place < len(text):
        code = text[place : place + 7]
        is_code = (
            len(code) == 7 and code[:2] == "_x" and code[6] == "_" and all(c in "0123456789ABCDEF" for c in code[2:6])
        )
        read.append(chr(int(code[2:6], 16)) if is_code else text[place])
        place += 7 if is_code else 1
    return "".join(read)


def test_what_a_spreadsheet_would_round_or_cannot_show_is_text():
    frame = pl.DataFrame(
        {
            "money": pl.Series([Decimal("99999999999999.99"), Decimal("-12.50")], dtype=pl.Decimal(18, 2)),
            "money15": pl.Series([Decimal("9999999999999.99"), None], dtype=pl.Decimal(18, 2)),
            "small": pl.Series([7, None], dtype=pl.UInt8),
            "day": [date(1890, 1, 1), date(2026, 1, 2)],
            "at": [datetime(1890, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 8, tzinfo=UTC)],
            "long": ["x" * 40_000, "😀" * 20_000],
        }
    )

    sheet = _part(_book(frame), "xl/worksheets/sheet1.xml")
    first, second = (
        [(cell.get("t", "n"), cell.get("s"), _value(cell)) for cell in row]
        for row in list(sheet.iter(f"{SHEET}row"))[1:]
    )
    assert [cell[0] for cell in first] == ["inlineStr", "n", "n", "inlineStr", "inlineStr", "inlineStr"]
    assert [cell[2] for cell in first[:4]] == ["99999999999999.99", "9999999999999.99", "7", "1890-01-01"]
    assert [cell[1] for cell in second[3:5]] == ["2", "1"]
    assert [float(cell[2] or 0) for cell in second[3:5]] == pytest.approx([46024, 46024 + 8 / 24], abs=1e-9)
    assert [len((cell[5][2] or "").encode("utf-16-le")) // 2 for cell in (first, second)] == [32_767, 32_766]


def test_a_full_sheet_is_followed_by_another(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workbooks, "SHEET_ROWS", 3)
    by_rows = _book(pl.DataFrame({"n": [1, 2]}), pl.DataFrame({"n": [3, 4, 5, 6, 7]}))
    monkeypatch.undo()
    monkeypatch.setattr(workbooks, "SHEET_BYTES", 10)
    by_bytes = _book(pl.DataFrame({"n": [1, 2]}), pl.DataFrame({"n": [3, 4]}))

    assert fastexcel.read_excel(by_rows).sheet_names == ["things", "things 2", "things 3"]
    assert [_rows(by_rows, name)["n"].to_list() for name in ("things", "things 2", "things 3")] == [
        [1, 2, 3],
        [4, 5, 6],
        [7],
    ]
    assert [_rows(by_bytes, name)["n"].to_list() for name in ("things", "things 2")] == [[1, 2], [3, 4]]


def test_a_workbook_without_rows_has_the_names_of_its_columns():
    content = _book(pl.DataFrame(schema={"n": pl.Int64, "name": pl.String}))

    assert _rows(content).columns == ["n", "name"]


def test_an_archive_too_large_for_a_spreadsheet_breaks_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    archive = Archive()
    archive.begin("x")

    with pytest.raises(Invalid):
        archive.add(b"x" * 1001)


async def test_a_workbook_is_sent_page_by_page(script: tuple[ScriptedIngest, Door]):
    service, opened = script
    service.pages = [pl.DataFrame({"a": [n, None], "b": ["=1+1", "x" * 40_000]}) for n in range(3)]
    client = await opened.client("analyst")

    response = await client.get("/api/v1/records/sku", params={"format": "xlsx"})

    rows = _rows(response.content, "sku")
    assert "content-length" not in response.headers
    assert rows["a"].to_list() == [0, None, 1, None, 2, None]
    assert rows["b"].to_list()[0] == "=1+1"


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_download_that_breaks_off_does_not_look_complete(script: tuple[ScriptedIngest, Door], format: str):
    service, opened = script
    service.pages = [pl.DataFrame({"a": [1]}), Unavailable("gone")]
    client = await opened.client("analyst")

    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/api/v1/records/sku", params={"format": format})


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_download_that_cannot_begin_is_a_problem(script: tuple[ScriptedIngest, Door], format: str):
    service, opened = script
    service.pages = [Unavailable("x")]
    client = await opened.client("analyst")

    problem_of(await client.get("/api/v1/records/sku", params={"format": format}), 503, "unavailable")


class _Page:
    def __init__(self, frame: pl.DataFrame, next_cursor: str) -> None:
        self.frame, self.next_cursor = frame, next_cursor


PAGES, PAGE = 60, 5000


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_whole_book_is_sent_in_a_memory_that_does_not_grow_and_begins_at_once(format: str):
    frame = pl.DataFrame({f"c{n}": [f"value {n} {row}" for row in range(PAGE)] for n in range(15)}).with_columns(
        pl.int_range(pl.len()).alias("n"), pl.lit(datetime(2026, 1, 2, tzinfo=UTC)).alias("at")
    )
    asked = 0

    async def fetch(cursor: str) -> _Page:
        nonlocal asked
        asked += 1
        return _Page(frame, str(asked) if asked < PAGES else "")

    async def notes() -> list[Note]:
        return []

    memory, used = psutil.Process(), time.process_time()
    response = await download(fetch, "things", format, notes)
    sizes: list[int] = []
    sent = 0
    async for part in response.body_iterator:  # type: ignore[attr-defined]  # a streaming response
        assert asked <= len(sizes) + 2  # one page ahead, no more
        sent += len(part)
        sizes.append(memory.memory_info().rss)
    used = time.process_time() - used

    assert asked == PAGES
    assert sent > PAGES * PAGE * 5
    assert max(sizes[20:]) - max(sizes[:20]) < 30 * 2**20
    assert used / (PAGES * PAGE) < 60e-6


async def test_nobody_reads_on_for_one_who_has_gone():
    frame = pl.DataFrame({"n": [1]})
    held = asyncio.Event()
    cancelled = asyncio.Event()

    async def fetch(cursor: str) -> _Page:
        if cursor:
            held.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
        return _Page(frame, "1")

    async def notes() -> list[Note]:
        return []

    response = await download(fetch, "things", "csv", notes)
    reading = response.body_iterator  # type: ignore[attr-defined]  # a streaming response
    await anext(reading)
    await asyncio.wait_for(held.wait(), 5)
    await reading.aclose()

    assert cancelled.is_set()


async def test_a_table_and_the_json_answer_say_the_same(api: httpx.AsyncClient, market: Market):
    told = (await api.get("/api/v1/orders", params={"limit": 1000})).json()["items"]
    answer = await api.get("/api/v1/orders", params={"format": "csv"})

    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
    assert len(rows) == len(told)
    for expected, found in zip(told, rows, strict=True):
        plain = {
            name: "" if value is None else " ".join(value) if isinstance(value, list) else value
            for name, value in expected.items()
        }
        assert {name: value if isinstance(value, str) else json.dumps(value) for name, value in plain.items()} == found
