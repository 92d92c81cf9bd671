"""Signals of machines: minutes, and where samples are missing or doubtful."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from gateway.auth import ReadsRecords
from gateway.clients import Behind
from gateway.exports import PAGE_ROWS, download, frame_of, printable
from gateway.routes.records import ALSO_FILES, Cursor, Format
from gateway.schemas import Page
from gateway.schemas.scada import ScadaGap, ScadaMinute
from gateway.workbooks import Note
from marketwin.ingest.v1 import service_pb2 as pb

router = APIRouter(tags=["scada"])

To = Annotated[str, Query(max_length=40, description="RFC 3339, e.g. 2025-03-16T04:00:00Z")]
From = Annotated[str, Query(alias="from", max_length=40, description="RFC 3339, e.g. 2025-03-16T04:00:00Z")]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Answer = pb.ListMinutesResponse | pb.ListGapsResponse
Asked = Callable[[int, str], Awaitable[Answer]]


@router.get("/scada/minutes", response_model=Page[ScadaMinute], responses=ALSO_FILES)
async def list_minutes(
    behind: Behind,
    caller: ReadsRecords,
    tag: Annotated[str, Query(min_length=1, max_length=256, description="plant.area.machine.signal")],
    *,
    from_: From = "",
    to: To = "",
    limit: Limit = 1440,
    cursor: Cursor = "",
    format: Format = "json",
) -> Response:
    """One-minute aggregates of a signal, oldest first; the last hour where no span is named."""

    async def page(size: int, after: str) -> Answer:
        asked = pb.ListMinutesRequest(tag=tag, from_time=from_, to_time=to, page_size=size, cursor=after)
        return await behind.ingest.ListMinutes(asked)

    return await _answer(page, "scada_minutes", limit=limit, cursor=cursor, format=format)


@router.get("/scada/gaps", response_model=Page[ScadaGap], responses=ALSO_FILES)
async def list_gaps(
    behind: Behind,
    caller: ReadsRecords,
    *,
    machine: Annotated[str, Query(max_length=256)] = "",
    tag: Annotated[str, Query(max_length=256)] = "",
    from_: From = "",
    to: To = "",
    limit: Limit = 100,
    cursor: Cursor = "",
    format: Format = "json",
) -> Response:
    """Where samples are missing, unusable or stuck, newest first; the last day where no span is named."""

    async def page(size: int, after: str) -> Answer:
        asked = pb.ListGapsRequest(machine=machine, tag=tag, from_time=from_, to_time=to, page_size=size, cursor=after)
        return await behind.ingest.ListGaps(asked)

    return await _answer(page, "scada_gaps", limit=limit, cursor=cursor, format=format)


async def _answer(page: Asked, name: str, *, limit: int, cursor: str, format: str) -> Response:
    if format != "json":
        shape = ScadaMinute if name == "scada_minutes" else ScadaGap

        async def notes() -> list[Note]:
            return [Note(field, doc=about.description or "") for field, about in shape.model_fields.items()]

        return await download(lambda after: page(PAGE_ROWS, after), name, format, notes)
    found = await page(limit, cursor)
    items = printable(frame_of(found.arrow_ipc)).write_json()
    text = f'{{"items":{items},"next_cursor":{json.dumps(found.next_cursor or None)}}}'
    return Response(text, media_type="application/json")
