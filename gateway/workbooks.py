"""Workbooks that are sent while they are made: rows become the XML of a sheet column by column.

workbook ─┬ sheet 说明 (what each column means)
          ├ sheets of up to 1,048,575 records, a bold frozen row of names on top
          └ styles, the list of the sheets: last, as only then it is known how many there are

Cells name no place: by the standard, each is the one after the last. Texts stand in their cells and are never run as a
formula. A number of more than 15 digits, which a spreadsheet would round, and a day it does not know are text.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from xml.sax.saxutils import escape

import polars as pl
import polars.selectors as cs

from gateway.archives import Archive

SHEET_ROWS = 1_048_575
SHEET_BYTES = 2 << 30
SLICE_ROWS = 5000
CELL_CHARACTERS = 32_767
SAMPLE_ROWS = 500
LEAST_WIDTH, GREATEST_WIDTH = 8, 60
NOTES = "说明"
HEADINGS = ("字段 field", "类型 type", "单位 unit", "说明 meaning")

EMPTY = "<c/>"
TIME, DAY, BOLD = 1, 2, 3
"""Places in the styles below."""
DAY_US = 86_400_000_000
# Days between the epoch of spreadsheets and that of computers; before March 1900 theirs has a day that never was.
EPOCH_DAY, FIRST_DAY = 25_569, 61
EXACT = 10**15

_SPECIAL = r"[&<>\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9A-Fa-f]{4}_"
_CODE = r"_x[0-9A-Fa-f]{4}_"
_CONTROLS = [chr(code) for code in (*range(0x20), 0xFFFE, 0xFFFF) if chr(code) not in "\t\n"]
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {each: f"_x{ord(each):04X}_" for each in _CONTROLS}

_DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_STYLES = (
    f'{_DECLARED}<styleSheet xmlns="{_SHEETS}"><numFmts count="2">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd"/>'
    '</numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="4">'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


@dataclass(frozen=True, slots=True)
class Note:
    """What a column means."""

    name: str
    type: str = ""
    unit: str = ""
    doc: str = ""


class Workbook:
    """Hands back the bytes to send for each page of rows; `close` has the rest."""

    def __init__(self, name: str, notes: Sequence[Note]) -> None:
        self._archive = Archive()
        self._name = name[:27]
        self._notes = notes
        self._sheets: list[str] = []
        self._rows = self._bytes = 0

    def add(self, frame: pl.DataFrame) -> bytes:
        """Adds rows; a sheet that is full is followed by another."""
        flat = frame.with_columns(cs.list().cast(pl.List(pl.String)).list.join(" "))
        sent = [] if self._sheets else [self._notes_sheet(), self._begin_records(flat)]
        for rows in flat.iter_slices(SLICE_ROWS):
            sent += self._place(rows)
        return b"".join(sent)

    def _place(self, rows: pl.DataFrame) -> list[bytes]:
        sent = []
        while rows.height:
            if self._rows >= SHEET_ROWS or self._bytes >= SHEET_BYTES:
                sent += [self._end_sheet(), self._begin_records(rows)]
            fitting = rows.head(SHEET_ROWS - self._rows)
            content = _rows_xml(fitting)
            self._rows += fitting.height
            self._bytes += len(content)
            sent.append(self._archive.add(content))
            rows = rows.slice(fitting.height)
        return sent

    def _notes_sheet(self) -> bytes:
        if not self._notes:
            return b""
        columns = [[getattr(note, name) for note in self._notes] for name in ("name", "type", "unit", "doc")]
        frame = pl.DataFrame(dict(zip(HEADINGS, columns, strict=True)))
        last = "<row/>" + _row("时间为 UTC。Times are in UTC.")
        return self._begin(NOTES, frame) + self._archive.add(_rows_xml(frame) + last.encode()) + self._end_sheet()

    def _begin_records(self, frame: pl.DataFrame) -> bytes:
        count = len([name for name in self._sheets if name != NOTES])
        self._rows = self._bytes = 0
        return self._begin(f"{self._name} {count + 1}" if count else self._name, frame)

    def _begin(self, name: str, frame: pl.DataFrame) -> bytes:
        self._sheets.append(name)
        head = (
            f'{_DECLARED}<worksheet xmlns="{_SHEETS}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            f"<cols>{_widths(frame)}</cols><sheetData>{_row(*frame.columns, style=BOLD)}"
        )
        path = f"xl/worksheets/sheet{len(self._sheets)}.xml"
        return self._archive.begin(path) + self._archive.add(head.encode())

    def _end_sheet(self) -> bytes:
        return self._archive.add(b"</sheetData></worksheet>") + self._archive.end()

    def close(self) -> bytes:
        """The end of the last sheet, and what holds the sheets together."""
        last = self._end_sheet()
        sheets = list(enumerate(self._sheets, 1))
        parts = {
            "xl/styles.xml": _STYLES,
            "xl/workbook.xml": (
                f'{_DECLARED}<workbook xmlns="{_SHEETS}" xmlns:r="{_OFFICE}"><sheets>'
                + "".join(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in sheets)
                + "</sheets></workbook>"
            ),
            "xl/_rels/workbook.xml.rels": _relations(
                *((f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n, _ in sheets),
                (f"rId{len(sheets) + 1}", "styles", "styles.xml"),
            ),
            "_rels/.rels": _relations(("rId1", "officeDocument", "xl/workbook.xml")),
            "[Content_Types].xml": _content_types(len(sheets)),
        }
        entries = [self._archive.entry(path, content) for path, content in parts.items()]
        return last + b"".join(entries) + self._archive.close()


def _row(*texts: str, style: int = 0) -> str:
    """A row of texts of our own: names of columns, headings."""
    cells = (f'<c s="{style}" t="inlineStr"><is><t>{escape(text)}</t></is></c>' for text in texts)
    return f"<row>{''.join(cells)}</row>"


def _rows_xml(frame: pl.DataFrame) -> bytes:
    """Rows as XML; white space between cells means nothing, so that the writer of CSV can join them."""
    cells = [pl.Series("begin", ["<row>"]), *(_cells(column) for column in frame), pl.Series("end", ["</row>"])]
    named = [each.new_from_index(0, frame.height) if len(each) == 1 else each for each in cells]
    sink = io.BytesIO()
    joined = pl.DataFrame([each.alias(str(place)) for place, each in enumerate(named)])
    joined.write_csv(sink, include_header=False, separator="\n", quote_style="never")
    return sink.getvalue()


def _cells(column: pl.Series) -> pl.Series:
    """The cells of a column; one for all where none has a value."""
    dtype = column.dtype
    if column.null_count() == len(column):
        return pl.Series([EMPTY])
    if dtype == pl.Boolean:
        return _wrapped('<c t="b"><v>', column.cast(pl.Int8), "</v></c>")
    if dtype.is_numeric():
        return _numbers(column)
    if dtype == pl.Date:
        return _days(column, column.to_physical() + EPOCH_DAY, DAY)
    if isinstance(dtype, pl.Datetime):
        moments = column.dt.replace_time_zone(None).dt.cast_time_unit("us")
        return _days(moments, moments.to_physical() / DAY_US + EPOCH_DAY, TIME)
    return _texts(column.cast(pl.String))


def _numbers(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype.is_float():
        column = pl.select(pl.when(column.is_finite()).then(column)).to_series()
        return _wrapped("<c><v>", column, "</v></c>")
    numbers = _wrapped("<c><v>", column, "</v></c>")
    most: Any = Decimal(EXACT).scaleb(-dtype.scale) if isinstance(dtype, pl.Decimal) else EXACT
    least, greatest = cast("tuple[Any, Any]", (column.min(), column.max()))
    if -most < least and greatest < most:
        return numbers
    return _chosen(column.is_between(-most, most, closed="none"), numbers, column)


def _days(column: pl.Series, serials: pl.Series, style: int) -> pl.Series:
    cells = _wrapped(f'<c s="{style}"><v>', serials, "</v></c>")
    known = serials >= FIRST_DAY
    return cells if known.all() else _chosen(known, cells, column)


def _chosen(fits: pl.Series, cells: pl.Series, column: pl.Series) -> pl.Series:
    return pl.select(
        pl.when(fits.fill_null(value=True)).then(cells).otherwise(_texts(column.cast(pl.String)))
    ).to_series()


def _texts(column: pl.Series) -> pl.Series:
    texts = _cut(column)
    if texts.str.contains(_SPECIAL).any():
        codes = pl.when(texts.str.contains(_CODE)).then(texts.str.replace_all("_x", "_x005F_x", literal=True))
        texts = pl.select(codes.otherwise(texts)).to_series().str.replace_many(_ESCAPES)
    space = "" if (texts == texts.str.strip_chars()).all() else ' xml:space="preserve"'
    return _wrapped(f'<c t="inlineStr"><is><t{space}>', texts, "</t></is></c>")


def _cut(texts: pl.Series) -> pl.Series:
    """Texts that fit into a cell, whose characters are counted as those of UTF-16."""
    if (texts.str.len_bytes() <= CELL_CHARACTERS).all():
        return texts
    wide = texts.str.count_matches(r"[\x{10000}-\x{10FFFF}]")
    most = pl.select(pl.when(wide > 0).then(CELL_CHARACTERS // 2).otherwise(CELL_CHARACTERS)).to_series()
    return pl.select(pl.lit(texts).str.head(pl.lit(most))).to_series()


def _wrapped(before: str, values: pl.Series, after: str) -> pl.Series:
    return pl.select(pl.concat_str(pl.lit(before), values, pl.lit(after)).fill_null(EMPTY)).to_series()


def _widths(frame: pl.DataFrame) -> str:
    """Columns as wide as their names and the texts of the first rows; a Chinese character is two wide."""
    texts = [column.name for column in frame]
    sample = frame.head(SAMPLE_ROWS).with_columns(cs.datetime().dt.strftime("%Y-%m-%d %H:%M:%S")).cast(pl.String)
    wide = [max(_width(pl.Series([name])), _width(column)) for name, column in zip(texts, sample, strict=True)]
    return "".join(
        f'<col min="{place}" max="{place}" width="{min(max(each, LEAST_WIDTH), GREATEST_WIDTH) + 2}" customWidth="1"/>'
        for place, each in enumerate(wide, 1)
    )


def _width(texts: pl.Series) -> int:
    # A Chinese character has three bytes: half of four is two.
    most: Any = (texts.str.len_chars() + texts.str.len_bytes()).max()
    return -(-(most or 0) // 2)


def _relations(*relations: tuple[str, str, str]) -> str:
    each = (f'<Relationship Id="{id}" Type="{_OFFICE}/{type}" Target="{target}"/>' for id, type, target in relations)
    return f'{_DECLARED}<Relationships xmlns="{_PACKAGE}/relationships">{"".join(each)}</Relationships>'


def _content_types(sheets: int) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    paths = {"workbook.xml": "sheet.main", "styles.xml": "styles"}
    paths |= {f"worksheets/sheet{n}.xml": "worksheet" for n in range(1, sheets + 1)}
    each = (f'<Override PartName="/xl/{path}" ContentType="{kind}.{name}+xml"/>' for path, name in paths.items())
    return (
        f'{_DECLARED}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f"{''.join(each)}</Types>"
    )
