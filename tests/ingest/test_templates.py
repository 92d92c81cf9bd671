"""Templates: what they hold for every kind, and that a filled one goes through the door unchanged."""

from __future__ import annotations

import csv
import io
import zipfile

import fastexcel
import polars as pl
import pytest
import xlsxwriter

from chassis.errors import Invalid, NotFound
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.domain.decode import Limits, decode
from services.ingest.domain.decode.notes import NOTES_MARK
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.templates import FORMATS, template
from services.ingest.domain.schemas.words_zh import WORDS
from tests.ingest.builders import order
from tests.ingest.running import Stub, at, counts, send

XLSX = FORMATS["xlsx"]


def rows_of(body: bytes) -> list[tuple[str | None, ...]]:
    cells = fastexcel.read_excel(body).load_sheet(0, header_row=None, dtypes="string").to_polars()
    return cells.rows()


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_every_kind_is_explained_in_two_languages(kind: str):
    fields = KINDS[kind].given

    header, notes = rows_of(template(KINDS[kind], "xlsx"))
    table = list(csv.reader(io.StringIO(template(KINDS[kind], "csv").decode("utf-8-sig"))))

    assert [field.name for field in fields if field.name not in WORDS] == []
    assert list(header) == [field.name for field in fields]
    assert table[0] == list(header)
    assert table[1] == list(notes)
    assert str(notes[0]).startswith(NOTES_MARK)
    for field, note in zip(fields, notes, strict=True):
        assert WORDS[field.name] in str(note)
        assert ("必填" in str(note)) == field.required
        assert field.unit_of_value in str(note)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_template_holds_no_record(kind: str, form: str):
    found = decode(template(KINDS[kind], form), FORMATS[form], Limits())

    assert len(found.lines) == 0
    assert list(found.columns) == [field.name for field in KINDS[kind].given]


def test_choices_are_offered_in_the_workbook():
    with zipfile.ZipFile(io.BytesIO(template(KINDS["commercial_order"], "xlsx"))) as book:
        page = book.read("xl/worksheets/sheet1.xml").decode()
        explained = book.read("xl/sharedStrings.xml").decode()

    assert "new,confirmed,delivering,delivered,settled,cancelled,returned" in page
    assert "Number of the order." in explained
    assert "订单号" in explained


def filled(kind: str, form: str, rows: list[dict[str, object]]) -> bytes:
    """The template with records below its notes, as a person fills it in."""
    body = template(KINDS[kind], form)
    names = [field.name for field in KINDS[kind].given]
    if form == "csv":
        lines = [",".join(str(row.get(name, "")) for name in names) for row in rows]
        return body + "\r\n".join(lines).encode()
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        page = book.add_worksheet(kind)
        for number, values in enumerate(rows_of(body)):
            page.write_row(number, 0, values)
        for number, row in enumerate(rows, 2):
            page.write_row(number, 0, [row.get(name, "") for name in names])
    return sink.getvalue()


@pytest.mark.parametrize("form", FORMATS)
async def test_a_filled_template_goes_through_the_door_as_it_is(ingest: Stub, form: str):
    answer = await ingest.GetTemplate(pb.GetTemplateRequest(kind="commercial_order", format=form))
    rows = [order(order_no=f"T{form}{number}", ordered_at=at(hours=1)) for number in range(3)]

    receipt = await send(ingest, "commercial_order", filled("commercial_order", form, rows), answer.content_type)

    assert answer.content == template(KINDS["commercial_order"], form) or form == "xlsx"
    assert counts(receipt) == (3, 0, 0, 0)


async def test_a_parquet_file_goes_through_the_door(ingest: Stub):
    sink = io.BytesIO()
    pl.DataFrame([order(order_no=f"TP{number}", ordered_at=at(hours=1)) for number in range(3)]).write_parquet(sink)

    receipt = await send(ingest, "commercial_order", sink.getvalue(), "application/vnd.apache.parquet")

    assert counts(receipt) == (3, 0, 0, 0)


async def test_an_unknown_kind_or_format_has_no_template(ingest: Stub):
    with pytest.raises(NotFound):
        await ingest.GetTemplate(pb.GetTemplateRequest(kind="nothing", format="xlsx"))
    with pytest.raises(Invalid):
        await ingest.GetTemplate(pb.GetTemplateRequest(kind="sku", format="doc"))
