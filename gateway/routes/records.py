"""Records: the front door, the book of records, statistics."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import Field

from chassis.errors import Invalid, NotFound, Problem
from gateway.auth import Caller, ReadsRecords, WritesRecords
from gateway.bodies import LINES_TYPE
from gateway.clients import Behind, Services
from gateway.exports import CSV, FIRST_ROWS, PAGE_ROWS, XLSX, download, frame_of, printable
from gateway.limits import Intake
from gateway.pushes import Pushes
from gateway.schemas import Page, PageWithTotal, Receipt, RecordStatistics
from gateway.views.records import receipt_view
from gateway.workbooks import Note
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import types_pb2

router = APIRouter(tags=["records"])

MAX_FURTHER = 10
MAX_KEY = 200
BODY_TYPES = (
    "application/json",
    LINES_TYPE,
    CSV,
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
ALSO_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string"}}, XLSX: {"schema": {"type": "string", "format": "binary"}}}}
}
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
    equal: Annotated[
        list[Annotated[str, Field(max_length=320, pattern=r"^[a-z_0-9]+:")]] | None,
        Query(max_length=MAX_FURTHER, description="Further fields and what they must equal: `status:shipped`"),
    ] = None

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
            equal=dict(each.partition(":")[::2] for each in self.equal or ()),
        )


Filters = Annotated[RecordFilters, Depends()]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str, Query(max_length=1000)]
WithTotal = Annotated[bool, Query(description="Count all matching records")]
Format = Annotated[str, Query(pattern="^(json|csv|xlsx)$", description="csv, xlsx: all matching records as a download")]
GroupBy = Annotated[str, Query(max_length=200, description="Fields, separated by commas: retailer,month")]
Measure = Annotated[str, Query(max_length=64, description="count, or a numeric field to sum")]


@router.post("/records/{kind}", status_code=202, response_model=Receipt, openapi_extra=RECORD_BODY)
async def push_records(
    kind: str,
    request: Request,
    behind: Behind,
    caller: WritesRecords,
    source: Annotated[str, Query(max_length=64, description="Selects the source mapping")] = "",
    idempotency_key: Annotated[str, Header(max_length=MAX_KEY)] = "",
) -> dict[str, Any]:
    """Takes in records; the receipt is given when they are durable."""
    return receipt_view(await take_in(request, kind, source, idempotency_key, caller))


async def take_in(request: Request, kind: str, source: str, idempotency_key: str, caller: Caller) -> types_pb2.Receipt:
    """Reads the body within the bounds and passes it on."""
    intake: Intake = request.app.state.intake
    pushes: Pushes = request.app.state.pushes
    async with intake.body(request, request.app.state.settings.max_body_bytes) as body:
        return await pushes.take_in(
            pb.TakeInRequest(
                kind=kind,
                source=source,
                content_type=request.headers.get("content-type", ""),
                idempotency_key=idempotency_key,
                body=body,
                sent_by=caller.subject,
            )
        )


@router.get("/records/{kind}", response_model=PageWithTotal[dict[str, Any]], responses=ALSO_FILES)
async def query_records(
    kind: str,
    behind: Behind,
    caller: ReadsRecords,
    filters: Filters,
    *,
    limit: Limit = 100,
    cursor: Cursor = "",
    with_total: WithTotal = False,
    format: Format = "json",
) -> Response:
    """Lists records, oldest business date first."""
    wanted = filters.of(kind)
    if format != "json":
        return await _download(behind, wanted, format)
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


@router.get("/orders", response_model=PageWithTotal[dict[str, Any]], responses=ALSO_FILES, tags=["orders"])
async def query_orders(  # each is a parameter of the public API
    behind: Behind,
    caller: ReadsRecords,
    filters: Filters,
    *,
    limit: Limit = 100,
    cursor: Cursor = "",
    with_total: WithTotal = False,
    format: Format = "json",
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
    if not cursor and frame_of(page.arrow_ipc).is_empty():
        raise NotFound("there is no such order", code="order_not_found")
    return _page(page)


def _page(page: pb.QueryRecordsResponse) -> Response:
    items = _rows(page.arrow_ipc)
    cursor = _quoted(page.next_cursor)
    total = f',"total":{page.total}' if page.HasField("total") else ""
    return Response(f'{{"items":{items},"next_cursor":{cursor}{total}}}', media_type="application/json")


def _quoted(cursor: str) -> str:
    return json.dumps(cursor or None)


def _rows(arrow_ipc: bytes) -> str:
    """Records as a JSON array: money as decimal text, times as RFC 3339."""
    return printable(frame_of(arrow_ipc)).write_json()


async def _download(behind: Services, wanted: pb.RecordFilter, format: str) -> Response:
    async def fetch(cursor: str) -> pb.QueryRecordsResponse:
        rows = PAGE_ROWS if cursor else FIRST_ROWS
        return await behind.ingest.QueryRecords(pb.QueryRecordsRequest(filter=wanted, page_size=rows, cursor=cursor))

    async def notes() -> list[Note]:
        kinds = (await behind.ingest.ListKinds(pb.ListKindsRequest())).kinds
        schemas = [json.loads(kind.json_schema) for kind in kinds if kind.name == wanted.kind]
        return [_note(name, field) for schema in schemas for name, field in schema["properties"].items()]

    return await download(fetch, wanted.kind, format, notes)


def _note(name: str, field: dict[str, Any]) -> Note:
    types = field.get("type", "")
    type_ = types if isinstance(types, str) else ", ".join(types)
    return Note(name, type_, str(field.get("x-unit", "")), str(field.get("description", "")))


async def _statistics(behind: Services, wanted: pb.RecordFilter, group_by: str, measure: str) -> Response:
    fields = [field.strip() for field in group_by.split(",") if field.strip()]
    found = await behind.ingest.GetStatistics(pb.GetStatisticsRequest(filter=wanted, group_by=fields, measure=measure))
    frame = frame_of(found.arrow_ipc)
    total = _exact(sum(frame["value"].drop_nulls().to_list(), start=Decimal(0)) if _is_exact(frame) else _sum(frame))
    groups = printable(frame.drop("value"))
    items = ",".join(
        f'{json.dumps(group, ensure_ascii=False, default=str)[:-1]}, "value": {_exact(value)}}}'
        for group, value in zip(groups.iter_rows(named=True), frame["value"].to_list(), strict=True)
    )
    rest = json.dumps({"measure": measure, "unit": found.unit, "records": int(frame["records"].sum())})
    return Response(f'{{"items": [{items}], "total": {total}, {rest[1:]}', media_type="application/json")


def _is_exact(frame: pl.DataFrame) -> bool:
    return frame["value"].dtype.is_decimal() or frame["value"].dtype.is_integer()


def _sum(frame: pl.DataFrame) -> float:
    return float(frame["value"].cast(pl.Float64).sum())


def _exact(value: Decimal | float | None) -> str:
    """A number of JSON with every digit it has: money passes through no binary fraction."""
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "null"
    return "null" if value is None else str(value)
