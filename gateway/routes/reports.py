"""What the records add up to: suppliers, stock, late orders, differences, chains of states."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import date
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Query, Response
from pydantic import Field

from gateway.auth import ReadsRecords
from gateway.clients import Behind
from gateway.exports import CSV, PAGE_ROWS, XLSX, download, frame_of, printable
from gateway.schemas import Difference, Json, OrderChain, Page
from gateway.views.base import fields
from gateway.workbooks import Note
from marketwin.ingest.v1 import service_pb2 as pb

router = APIRouter(tags=["reports"])

FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string"}}, XLSX: {"schema": {"type": "string", "format": "binary"}}}}
}
From = Annotated[date | None, Query(alias="from", description="First business date")]
To = Annotated[date | None, Query(description="Last business date, as of which something is late; today")]
Equal = Annotated[
    list[Annotated[str, Field(max_length=320, pattern=r"^[a-z_0-9]+:")]] | None,
    Query(max_length=10, description="Fields and what they must equal: `material:paper`"),
]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str, Query(max_length=1000)]
Format = Annotated[str, Query(pattern="^(json|csv|xlsx)$", description="csv, xlsx: all rows as a download")]
TYPES = (
    "transfer_receipt, transfer_invoice, invoice_payment, stock_count, stock_balance, output_plan, state_overlap or "
    "slot_balance"
)
DIFFERENCE = ("type", "kind", "key", "expected", "found", "difference", "unit", "biz_date")


@router.get("/reports/{name}", response_model=Page[Json], responses=FILES)
async def get_report(
    name: Literal["suppliers", "stock", "late-orders", "contradictions"],
    behind: Behind,
    caller: ReadsRecords,
    *,
    from_: From = None,
    to: To = None,
    equal: Equal = None,
    limit: Limit = 100,
    cursor: Cursor = "",
    format: Format = "json",
) -> Response:
    """Suppliers with lead time and punctuality; stock beside its last count; late orders; stocks told differently."""
    asked = pb.GetReportRequest(
        name=name.replace("-", "_"),
        from_date=from_.isoformat() if from_ else "",
        to_date=to.isoformat() if to else "",
        equal=dict(each.partition(":")[::2] for each in equal or ()),
    )

    async def fetch(cursor: str, size: int = PAGE_ROWS) -> pb.GetReportResponse:
        page = pb.GetReportRequest(page_size=size, cursor=cursor)
        page.MergeFrom(asked)
        return await behind.ingest.GetReport(page)

    if format != "json":
        return await download(fetch, asked.name, format, _no_notes)
    page = await fetch(cursor, limit)
    items = printable(frame_of(page.arrow_ipc)).write_json()
    text = f'{{"items":{items},"next_cursor":{json.dumps(page.next_cursor or None)}}}'
    return Response(text, media_type="application/json")


@router.get("/differences", response_model=Page[Difference], responses=FILES)
async def list_differences(
    behind: Behind,
    caller: ReadsRecords,
    *,
    type: Annotated[str, Query(max_length=64, description=f"{TYPES}; empty: all")] = "",
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = "",
    format: Format = "json",
) -> Any:
    """Two accounts of one thing that do not agree, newest business date first."""
    fetch = _differences(behind, type, from_, to)
    if format != "json":

        async def as_page(cursor: str) -> SimpleNamespace:
            found = await fetch(cursor, PAGE_ROWS)
            columns = {name: [getattr(item, name) for item in found.items] for name in (*DIFFERENCE, "detail_json")}
            frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
            return SimpleNamespace(frame=frame, next_cursor=found.next_cursor)

        return await download(as_page, "differences", format, _no_notes)
    found = await fetch(cursor, limit)
    items = [{**fields(item, *DIFFERENCE), "detail": json.loads(item.detail_json)} for item in found.items]
    return {"items": items, "next_cursor": found.next_cursor or None}


def _differences(
    behind: Behind, type: str, first: date | None, last: date | None
) -> Callable[[str, int], Awaitable[pb.ListDifferencesResponse]]:
    async def fetch(cursor: str, size: int) -> pb.ListDifferencesResponse:
        return await behind.ingest.ListDifferences(
            pb.ListDifferencesRequest(
                type=type,
                from_date=first.isoformat() if first else "",
                to_date=last.isoformat() if last else "",
                page_size=size,
                cursor=cursor,
            )
        )

    return fetch


@router.get("/orders/{no:path}/chain", response_model=OrderChain, tags=["orders"])
async def get_order_chain(
    no: str,
    behind: Behind,
    caller: ReadsRecords,
    kind: Annotated[Literal["commercial_order", "oms_order", "transfer"], Query()] = "commercial_order",
) -> dict[str, Any]:
    """The states of an order's lines with their times, and whether a promised day has passed."""
    found = await behind.ingest.GetOrderChain(pb.GetOrderChainRequest(kind=kind, no=no))
    states = json.loads(printable(frame_of(found.arrow_ipc)).write_json())
    return {
        "kind": kind,
        "no": no,
        "is_late": found.is_late,
        "promised_on": found.promised_on or None,
        "states": states,
    }


async def _no_notes() -> list[Note]:
    return []
