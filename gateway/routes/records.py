"""Records: the front door, the book of records, statistics."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import polars as pl
import polars.selectors as cs
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from chassis.errors import Invalid, NotFound, Problem
from gateway.auth import ReadsRecords, WritesRecords
from gateway.clients import Behind, Services
from gateway.limits import Intake
from gateway.schemas import Page, PageWithTotal, Receipt, RecordStatistics
from gateway.views import receipt_view
from marketwin.ingest.v1 import service_pb2 as pb

router = APIRouter(tags=["records"])

CSV_PAGE = 5000
FORMULA = r"^([=+\-@\t\r\n＝＋－＠])"
FILE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
CSV = "text/csv"
BODY_TYPES = (
    "application/json",
    "application/x-ndjson",
    CSV,
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
ALSO_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}
RECORD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {media: {"schema": {"description": "Records, see GET /kinds/{kind}"}} for media in BODY_TYPES},
    }
}


@dataclass(frozen=True, slots=True)
class RecordFilters:
    """The filters of the book, each optional."""

    retailer: Annotated[str, Query(max_length=64, description="Retailer code")] = ""
    product: Annotated[str, Query(max_length=64, description="SKU code")] = ""
    place: Annotated[str, Query(max_length=32, description="Region code; regions below it are included")] = ""
    from_: Annotated[date | None, Query(alias="from", description="First business date")] = None
    to: Annotated[date | None, Query(description="Last business date")] = None
    source: Annotated[str, Query(max_length=64, description="Source of the records")] = ""

    def of(self, kind: str) -> pb.RecordFilter:
        """The filter for a kind; Invalid when the dates are the wrong way round."""
        if self.from_ and self.to and self.from_ > self.to:
            problem = Problem("/query/from", "empty_range", "must not be after `to`")
            raise Invalid("the range of dates is empty", errors=[problem])
        return pb.RecordFilter(
            kind=kind,
            retailer=self.retailer,
            product=self.product,
            place=self.place,
            from_date=self.from_.isoformat() if self.from_ else "",
            to_date=self.to.isoformat() if self.to else "",
            source=self.source,
        )


Filters = Annotated[RecordFilters, Depends()]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str, Query(max_length=1000)]
WithTotal = Annotated[bool, Query(description="Count all matching records")]
AsCsv = Annotated[str, Query(pattern="^(json|csv)$", description="csv: all matching records as a download")]
GroupBy = Annotated[str, Query(max_length=200, description="Fields, separated by commas: retailer,month")]
Measure = Annotated[str, Query(max_length=64, description="count, or a numeric field to sum")]


@router.post("/records/{kind}", status_code=202, response_model=Receipt, openapi_extra=RECORD_BODY)
async def push_records(
    kind: str,
    request: Request,
    behind: Behind,
    caller: WritesRecords,
    source: Annotated[str, Query(max_length=64, description="Selects the source mapping")] = "",
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
) -> dict[str, Any]:
    """Takes in records; the receipt is given when they are durable."""
    intake: Intake = request.app.state.intake
    async with intake.body(request, request.app.state.settings.max_body_bytes) as body:
        taken = await behind.ingest.TakeIn(
            pb.TakeInRequest(
                kind=kind,
                source=source,
                content_type=request.headers.get("content-type", ""),
                idempotency_key=idempotency_key,
                body=body,
                sent_by=caller.subject,
            )
        )
    return receipt_view(taken.receipt)


@router.get("/records/{kind}", response_model=PageWithTotal[dict[str, Any]], responses=ALSO_CSV)
async def query_records(
    kind: str,
    behind: Behind,
    caller: ReadsRecords,
    filters: Filters,
    *,
    limit: Limit = 100,
    cursor: Cursor = "",
    with_total: WithTotal = False,
    format: AsCsv = "json",
) -> Response:
    """Lists records, oldest business date first."""
    wanted = filters.of(kind)
    if format == "csv":
        return await _download(behind, wanted)
    page = await behind.ingest.QueryRecords(
        pb.QueryRecordsRequest(filter=wanted, page_size=limit, cursor=cursor, with_total=with_total)
    )
    return _page(page)


@router.get("/records/{kind}/statistics", response_model=RecordStatistics)
async def record_statistics(
    kind: str,
    behind: Behind,
    caller: ReadsRecords,
    filters: Filters,
    group_by: GroupBy = "",
    measure: Measure = "count",
) -> Response:
    """Totals of a measure, grouped."""
    return await _statistics(behind, filters.of(kind), group_by, measure)


@router.get("/records/{kind}/{key:path}", response_model=dict[str, Any])
async def get_record(kind: str, key: str, behind: Behind, caller: ReadsRecords) -> Response:
    """One record by its business key; the parts of the key are joined by `~`."""
    found = await behind.ingest.GetRecord(pb.GetRecordRequest(kind=kind, key=key))
    return Response(found.record_json, media_type="application/json")


ORDER = "commercial_order"


@router.get("/orders", response_model=PageWithTotal[dict[str, Any]], responses=ALSO_CSV, tags=["orders"])
async def query_orders(  # each is a parameter of the public API
    behind: Behind,
    caller: ReadsRecords,
    filters: Filters,
    *,
    limit: Limit = 100,
    cursor: Cursor = "",
    with_total: WithTotal = False,
    format: AsCsv = "json",
) -> Response:
    """Lists the lines of commercial orders."""
    return await query_records(
        ORDER, behind, caller, filters, limit=limit, cursor=cursor, with_total=with_total, format=format
    )


@router.get("/orders/statistics", response_model=RecordStatistics, tags=["orders"])
async def order_statistics(
    behind: Behind, caller: ReadsRecords, filters: Filters, group_by: GroupBy = "", measure: Measure = "count"
) -> Response:
    """Totals of commercial orders, grouped."""
    return await _statistics(behind, filters.of(ORDER), group_by, measure)


@router.get("/orders/{no:path}", response_model=Page[dict[str, Any]], tags=["orders"])
async def get_order(no: str, behind: Behind, caller: ReadsRecords, cursor: Cursor = "") -> Response:
    """The lines of one order, 1,000 to a page."""
    wanted = pb.RecordFilter(kind=ORDER, order_no=no)
    page = await behind.ingest.QueryRecords(pb.QueryRecordsRequest(filter=wanted, page_size=1000, cursor=cursor))
    if not cursor and _frame(page.arrow_ipc).is_empty():
        raise NotFound("there is no such order", code="order_not_found")
    return _page(page)


def _page(page: pb.QueryRecordsResponse) -> Response:
    items = _rows(page.arrow_ipc)
    cursor = _quoted(page.next_cursor)
    total = f',"total":{page.total}' if page.HasField("total") else ""
    return Response(f'{{"items":{items},"next_cursor":{cursor}{total}}}', media_type="application/json")


def _quoted(cursor: str) -> str:
    return json.dumps(cursor or None)


def _frame(arrow_ipc: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(arrow_ipc))


def _rows(arrow_ipc: bytes) -> str:
    """Records as a JSON array: money as decimal text, times as RFC 3339."""
    return _printable(_frame(arrow_ipc)).write_json()


def _printable(frame: pl.DataFrame) -> pl.DataFrame:
    times = (
        column.dt.convert_time_zone("UTC") if _has_zone(column) else column for column in frame.select(cs.datetime())
    )
    return frame.with_columns(
        cs.decimal().cast(pl.String), *(column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ") for column in times)
    )


def _has_zone(column: pl.Series) -> bool:
    return isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None


async def _download(behind: Services, wanted: pb.RecordFilter) -> Response:
    # The first page is asked for before the answer begins, so that what is wrong is still said as a problem.
    first = await _csv_page(behind, wanted, "")
    # Only letters of our own go into a header: the kind is a part of the path that anybody may write.
    name = "".join(letter for letter in wanted.kind if letter in FILE_LETTERS) or "records"
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_csv(behind, wanted, first), media_type=f"{CSV}; charset=utf-8", headers=headers)


async def _csv(behind: Services, wanted: pb.RecordFilter, first: pb.QueryRecordsResponse) -> AsyncIterator[str]:
    # The byte order mark is what makes Excel read Chinese text as UTF-8.
    yield "\ufeff" + csv_text(_frame(first.arrow_ipc), header=True)
    cursor = first.next_cursor
    while cursor:
        page = await _csv_page(behind, wanted, cursor)
        yield csv_text(_frame(page.arrow_ipc), header=False)
        cursor = page.next_cursor


async def _csv_page(behind: Services, wanted: pb.RecordFilter, cursor: str) -> pb.QueryRecordsResponse:
    asked = pb.QueryRecordsRequest(filter=wanted, page_size=CSV_PAGE, cursor=cursor)
    return await behind.ingest.QueryRecords(asked)


def csv_text(frame: pl.DataFrame, *, header: bool) -> str:
    """Records as CSV. Text that a spreadsheet would run as a formula gets an apostrophe before it, figures do not."""
    flat = frame.with_columns(cs.list().cast(pl.List(pl.String)).list.join(" "))
    texts = (cs.string() | cs.categorical() | cs.enum()).cast(pl.String)
    harmless = flat.with_columns(texts.str.replace(FORMULA, "'$1"))
    return _printable(harmless).write_csv(include_header=header)


async def _statistics(behind: Services, wanted: pb.RecordFilter, group_by: str, measure: str) -> Response:
    fields = [field.strip() for field in group_by.split(",") if field.strip()]
    found = await behind.ingest.GetStatistics(pb.GetStatisticsRequest(filter=wanted, group_by=fields, measure=measure))
    frame = _frame(found.arrow_ipc)
    values, records = frame["value"].cast(pl.Float64).sum(), frame["records"].sum()
    items = frame.with_columns(pl.col("value").cast(pl.Float64)).pipe(_printable).write_json()
    rest = json.dumps({"measure": measure, "unit": found.unit, "total": values, "records": int(records)})
    text = f'{{"items":{items},{rest[1:]}'
    return Response(text, media_type="application/json")
