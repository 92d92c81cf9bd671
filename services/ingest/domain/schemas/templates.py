"""Templates to fill in: a header, notes in Chinese and English, lists to choose from, and a page that explains.

What is filled in goes through upload and file drop as it is: the notes row is recognised (`decode/notes.py`).
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from services.ingest.domain.decode.notes import NOTES_MARK
from services.ingest.domain.schemas.fields import Field, FieldType, Kind
from services.ingest.domain.schemas.words_zh import WORDS

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

FORMATS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
ROWS = 10_000
"""Rows that are prepared for filling in."""
_LIST_CHARS = 255
_EXPLAINED = ("字段 field", "含义", "meaning", "必填 required", "单位 unit", "可选值 choices", "缺省 default")
_TEXT_TYPES = (FieldType.CODE, FieldType.TEXT, FieldType.PHONE, FieldType.CONSUMER, FieldType.WEEK)
_DAY, _MOMENT = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"


def template(kind: Kind, form: str) -> bytes:
    """The template of a kind as `xlsx` or `csv`."""
    return _workbook(kind) if form == "xlsx" else _csv(kind)


def _csv(kind: Kind) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(field.name for field in kind.given)
    writer.writerow(_notes(kind))
    # Excel takes a CSV for UTF-8 only when it begins with the mark.
    return sink.getvalue().encode("utf-8-sig")


def _notes(kind: Kind) -> list[str]:
    """One note a field; the first bears the mark. No comma, so that a filled CSV needs no quotes."""
    notes = [_note(field).replace(",", ";").replace('"', "'").replace("\n", " ") for field in kind.given]
    return [f"{NOTES_MARK} {notes[0]}", *notes[1:]]


def _note(field: Field) -> str:
    parts = [
        WORDS.get(field.name, ""),
        "必填" if field.required else "",
        f"单位 {field.unit_of_value}" if field.unit_of_value else "",
        " ".join(field.values),
        "/",
        field.doc.rstrip("."),
        "(required)" if field.required else "",
    ]
    return " ".join(part for part in parts if part)


def _workbook(kind: Kind) -> bytes:
    # Asked for by a person now and then; nobody else needs its 15 MB.
    import xlsxwriter

    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        bold = book.add_format({"bold": True, "bg_color": "#E8EEF4"})
        required = book.add_format({"bold": True, "bg_color": "#FBE3D6"})
        note = book.add_format({"italic": True, "font_color": "#666666", "text_wrap": True, "valign": "top"})
        shapes = {form: book.add_format({"num_format": form}) for form in ("@", _DAY, _MOMENT)}
        page = book.add_worksheet(kind.name)
        for place, (field, text) in enumerate(zip(kind.given, _notes(kind), strict=True)):
            page.set_column(place, place, max(len(field.name) + 2, 14), shapes.get(_shape(field)))
            page.write_string(0, place, field.name, required if field.required else bold)
            page.write_string(1, place, text, note)
            _offer(page, place, field)
        page.freeze_panes(2, 0)
        _explain(book.add_worksheet("说明 Notes"), kind, bold)
    return sink.getvalue()


def _shape(field: Field) -> str:
    if field.type in _TEXT_TYPES:
        return "@"
    return {FieldType.DATE: _DAY, FieldType.TIME: _MOMENT}.get(field.type, "")


def _offer(page: Worksheet, place: int, field: Field) -> None:
    """A list to choose from, where it fits into what Excel takes."""
    choices = list(field.values) or (["true", "false"] if field.type is FieldType.FLAG else [])
    if choices and len(",".join(choices)) <= _LIST_CHARS:
        page.data_validation(2, place, ROWS + 1, place, {"validate": "list", "source": choices})


def _explain(page: Worksheet, kind: Kind, bold: Format) -> None:
    page.write_string(0, 0, f"{kind.name}: {kind.doc}", bold)
    page.write_string(
        1, 0, "第二行为说明，可保留，不会作为记录。 The second row holds notes; leave it, it is no record."
    )
    page.write_row(3, 0, _EXPLAINED, bold)
    for row, field in enumerate(kind.given, 4):
        values = [
            field.name,
            WORDS.get(field.name, ""),
            field.doc,
            "是 yes" if field.required else "",
            field.unit_of_value,
            " ".join(field.values),
            "" if field.default is None else str(field.default),
        ]
        for place, value in enumerate(values):
            page.write_string(row, place, value)
    page.set_column(0, 1, 26)
    page.set_column(2, 2, 70)
    page.set_column(3, 6, 22)
