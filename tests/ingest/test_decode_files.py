"""Workbooks and Parquet files as bodies: what they give, and what they are refused for before it costs memory."""

from __future__ import annotations

import io
import re
import resource
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.domain.decode import Limits, Malformed, decode
from services.ingest.domain.decode.notes import NOTES_MARK
from tests.ingest.builders import CSV

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PARQUET = "application/vnd.apache.parquet"
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
NOON = datetime(2025, 3, 14, 12, 2, 3)  # noqa: DTZ001  # a workbook knows no zones
ROWS = [["单号", "行号"], ["D1", 1], ["D2", 2], ["D3", 3]]


def workbook(rows: list[list[Any]]) -> bytes:
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        page = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                page.write(number, place, value, day if isinstance(value, date) else None)
    return sink.getvalue()


def patched(body: bytes, member: str, change: Callable[[bytes], bytes]) -> bytes:
    """The workbook with one part changed."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return sink.getvalue()


def columns(body: bytes, content_type: str) -> dict[str, list[Any]]:
    return {name: values.to_list() for name, values in decode(body, content_type, Limits()).columns.items()}


def is_read_or_refused(body: bytes, content_type: str) -> bool:
    try:
        return decode(body, content_type, Limits()).columns is not None
    except Malformed as refused:
        return bool(refused.message)


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def test_cells_come_as_a_person_would_type_them():
    rows = [
        ["单号", "价", "日期", "时刻", "旗", "空"],
        ["D1", 230.1, date(2025, 3, 14), NOON, True, None],
        ["0012", 0.1 + 0.2, None, None, False, None],
        [340100000001234, 5, None, None, None, None],
    ]

    found = columns(workbook(rows), XLSX)

    assert found["单号"] == ["D1", "0012", "340100000001234"]
    assert found["价"] == ["230.1", "0.3", "5"]
    assert found["日期"] == ["2025-03-14", None, None]
    assert found["旗"] == ["true", "false", None]
    assert found["空"] == [None, None, None]


def test_empty_rows_and_nameless_empty_columns_are_left_out():
    body = workbook([["a", "", "b"], ["1", "", "2"], ["", "", ""], ["3", "", "4"]])

    assert columns(body, XLSX) == {"a": ["1", "3"], "b": ["2", "4"]}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["a", "a"], ["1", "2"]], "two columns have the same name"),
        ([["a", None], ["1", "2"]], "column 2 has values but no name"),
        ([[]], "the sheet is empty"),
        ([[f"c{place}" for place in range(300)]], "at most 256 columns"),
    ],
)
def test_a_sheet_without_a_sound_header_is_refused(rows: list[list[Any]], said: str):
    with pytest.raises(Malformed, match=said):
        decode(workbook(rows), XLSX, Limits())


def _replace(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new)

    return change


def _insert(after: bytes, what: bytes, times: int) -> Callable[[bytes], bytes]:
    """Much of something; it is made when the test runs, not when it is collected."""

    def change(content: bytes) -> bytes:
        assert after in content
        return content.replace(after, after + what * times)

    return change


def _without_places(content: bytes) -> bytes:
    return re.sub(rb' r="[A-Z]*\d+"', b"", content)


BOMBS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "a cell in the last column": (SHEET, _replace(b'r="A2"', b'r="XFD2"'), "at most 256 columns"),
    "a cell far down and right": (SHEET, _replace(b'r="B2"', b'r="IV99999"'), "reaches too far"),
    "a row at the end": (SHEET, _replace(b'<row r="2"', b'<row r="1048576"'), "at most 100000 records"),
    "cells that do not say where they are": (
        SHEET,
        lambda content: _without_places(content).replace(b"</row>", b"<c/>" * 300 + b"</row>"),
        "at most 256 columns",
    ),
    "a prefix before the names": (
        SHEET,
        lambda content: re.sub(rb"<(/?)(row|c|v)\b", rb"<\1x:\2", content).replace(b'r="A2"', b'r="XFD2"'),
        "at most 256 columns",
    ),
    "blanks without end": (SHEET, _insert(b"<sheetData>", b" ", 300_000_000), "damaged"),
    "a tag without end": (SHEET, _insert(b"<sheetData", b" ", 4_000_000), "damaged"),
    "styles without end": ("xl/styles.xml", lambda content: content + b" " * 300_000_000, "unfolds into too much"),
    "texts without end": (
        STRINGS,
        lambda content: content.replace(b"</sst>", b"<si><t>" + b"x" * 300_000_000 + b"</t></si></sst>"),
        "unfolds into too much",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_workbook_that_would_unfold_into_much_is_refused_without_unfolding(name: str):
    member, change, said = BOMBS[name]
    body = patched(workbook(ROWS), member, change)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(Malformed, match=said):
        decode(body, XLSX, Limits())

    assert len(body) < 400_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_one_long_text_in_every_cell_is_refused():
    rows = [["a", "b"]] + [["x" * 30_000, "x" * 30_000]] * 5000

    with pytest.raises(Malformed, match="repeats long texts"):
        decode(workbook(rows), XLSX, Limits())


def test_the_same_sheet_with_short_texts_is_read():
    rows = [["a", "b"]] + [["x" * 300, "x" * 300]] * 5000

    assert len(decode(workbook(rows), XLSX, Limits()).lines) == 5000


def test_sizes_and_dimensions_that_lie_are_not_believed():
    lying = patched(workbook(ROWS), SHEET, _replace(b'ref="A1:B4"', b'ref="A1:XFD1048576"'))
    body = bytearray(workbook(ROWS))
    place = body.rindex(b"PK\x01\x02")
    body[place + 24 : place + 28] = (5).to_bytes(4, "little")

    assert columns(lying, XLSX)["单号"] == ["D1", "D2", "D3"]
    with pytest.raises(Malformed, match="another length than it says"):
        decode(bytes(body), XLSX, Limits())


def test_sheets_whose_cells_do_not_say_where_they_are_can_be_read():
    assert columns(patched(workbook(ROWS), SHEET, _without_places), XLSX)["单号"] == ["D1", "D2", "D3"]


@given(st.binary(max_size=300), st.integers(0, 5000))
@settings(max_examples=150)
def test_a_damaged_workbook_is_read_or_refused_and_never_anything_else(junk: bytes, place: int):
    body = bytearray(workbook(ROWS))
    start = place % len(body)
    body[start : start + len(junk)] = junk

    for content in (bytes(body), junk):
        assert is_read_or_refused(content or b"x", XLSX)


@given(st.binary(max_size=300), st.integers(0, 5000))
@settings(max_examples=150)
def test_a_damaged_parquet_file_is_read_or_refused_and_never_anything_else(junk: bytes, place: int):
    body = bytearray(parquet(pa.table({"a": ["x", "y"] * 50, "b": list(range(100))})))
    start = place % len(body)
    body[start : start + len(junk)] = junk

    for content in (bytes(body), junk):
        assert is_read_or_refused(content or b"x", PARQUET)


def test_parquet_values_become_the_text_a_json_sender_would_write():
    table = pa.table(
        {
            "order_no": ["D1", None],
            "line_no": [1, 2],
            "ordered_at": pa.array([NOON] * 2, pa.timestamp("us", "UTC")),
            "amount": pl.Series(["1.10", "2.20"]).cast(pl.Decimal(14, 2)).to_arrow(),
        }
    )

    found = columns(parquet(table), PARQUET)

    assert found["order_no"] == ["D1", None]
    assert found["line_no"] == ["1", "2"]
    assert found["amount"] == ["1.10", "2.20"]
    assert found["ordered_at"][0].startswith("2025-03-14T12:02:03")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: pa.table({f"c{place}": [1] for place in range(300)}), "at most 256 columns"),
        (lambda: pa.table({"a": [0] * 100_001}), "at most 100000 records"),
        (lambda: pa.table({"a": ["x" * 1_000_000] * 1000}), "unfolds into too much"),
        (
            lambda: pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
            "two columns have the same name",
        ),
    ],
    ids=["many columns", "many rows", "one long text a thousand times", "one name twice"],
)
def test_a_parquet_file_that_would_unfold_into_much_is_refused(build: Callable[[], pa.Table], said: str):
    body = parquet(build())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(Malformed, match=said):
        decode(body, PARQUET, Limits())

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


def test_the_notes_row_of_a_template_is_no_record_and_the_others_keep_their_places():
    rows = [["order_no", "line_no"], [f"{NOTES_MARK} 订单号", "行号"], ["D1", "1"], ["D2", "2"]]
    text = "\n".join(",".join(row) for row in rows).encode()

    for body, content_type in ((workbook(rows), XLSX), (text, CSV)):
        found = decode(body, content_type, Limits())

        assert found.columns["order_no"].to_list() == ["D1", "D2"]
        assert found.lines.to_list() == [1, 2]
