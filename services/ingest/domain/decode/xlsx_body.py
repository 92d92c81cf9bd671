"""XLSX workbooks: the first sheet, or a named one, with a header row."""

from __future__ import annotations

import fastexcel
import polars as pl

from services.ingest.domain.decode.body import Decoded, Limits, Malformed
from services.ingest.domain.decode.notes import without_notes
from services.ingest.domain.decode.workbook import check_workbook

_MIDNIGHT = " 00:00:00"


def decode_xlsx(body: bytes, limits: Limits) -> Decoded:
    """Text columns by the names of the header row; rows without any value are left out."""
    frame = read_sheet(body, limits)
    lines = pl.Series("line", range(frame.height), dtype=pl.UInt32)
    return without_notes(Decoded(columns={name: frame.get_column(name) for name in frame.columns}, lines=lines))


def read_sheet(body: bytes, limits: Limits, *, sheet: str = "") -> pl.DataFrame:
    """A sheet as text columns, numbers as they would be typed, days as ISO dates; raises Malformed."""
    check_workbook(body, limits)
    try:
        book = fastexcel.read_excel(body)
        if sheet and sheet not in book.sheet_names:
            raise Malformed("", "the workbook has no sheet of the configured name")
        cells = book.load_sheet(sheet or 0, header_row=None, dtypes="string").to_polars()
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, ValueError):
        raise Malformed("", "the file is no XLSX workbook, or its sheet cannot be read") from None
    cells = cells.filter(pl.any_horizontal(pl.all().is_not_null())) if cells.width else cells
    if cells.is_empty():
        raise Malformed("", "the sheet is empty; it needs a header row")
    names = _names(cells, limits)
    frame = cells.slice(1).select(pl.col(old).alias(new) for old, new in names.items())
    if frame.height > limits.rows:
        raise Malformed("", f"at most {limits.rows} records in one body", code="too_large")
    return frame.with_columns(pl.all().str.strip_suffix(_MIDNIGHT))


def _names(cells: pl.DataFrame, limits: Limits) -> dict[str, str]:
    """Columns of the sheet by place and their names; columns without a name and without values are left out."""
    header = [str(name or "").strip() for name in cells.row(0)]
    names: dict[str, str] = {}
    for place, (old, new) in enumerate(zip(cells.columns, header, strict=True)):
        if new:
            names[old] = new
        elif cells.get_column(old).null_count() < cells.height:
            raise Malformed("", f"column {place + 1} has values but no name in the header row")
    if len(set(names.values())) < len(names):
        raise Malformed("", "two columns have the same name")
    if len(names) > limits.columns:
        raise Malformed("", f"at most {limits.columns} columns", code="too_large")
    return names
