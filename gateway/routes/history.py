"""What was said of a twin, line by line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from gateway.auth import ReadsTwins
from gateway.bodies import JSON_TYPE, LINES_TYPE
from gateway.clients import Behind
from gateway.moments import Moment, stamp
from gateway.schemas import Change, Json, Page
from gateway.views.twins import change_text
from marketwin.twin.v1 import service_pb2 as pb

router = APIRouter(tags=["twins"])

STREAM_PAGE = 1000
MAX_REVISION = 2**63 - 1
LINES: dict[int | str, Json] = {
    200: {
        "description": "A page of changes; asked for as NDJSON all of them, a line each",
        "content": {LINES_TYPE: {"schema": {"type": "string"}}},
    }
}


@router.get("/twins/{twin_id}/history", response_model=Page[Change], responses=LINES)
async def list_history(
    twin_id: str,
    behind: Behind,
    caller: ReadsTwins,
    from_revision: Annotated[int | None, Query(ge=1, le=MAX_REVISION, description="The first revision")] = None,
    to_revision: Annotated[
        int | None, Query(ge=1, le=MAX_REVISION, description="The revision before which it ends")
    ] = None,
    changed_from: Annotated[Moment | None, Query(description="So in the world from then on")] = None,
    changed_to: Annotated[Moment | None, Query(description="So in the world before then")] = None,
    known_from: Annotated[Moment | None, Query(description="Learnt from then on")] = None,
    known_to: Annotated[Moment | None, Query(description="Learnt before then")] = None,
    order: Annotated[Literal["oldest", "newest"], Query(description="Which revision comes first")] = "oldest",
    limit: Annotated[int, Query(ge=1, le=1000, description="Changes a page; NDJSON has no pages")] = 100,
    cursor: Annotated[str, Query(pattern=r"^\d{0,18}$", description="From the page before")] = "",
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """A twin's changes, all or those of a range; 410 where it begins before what is kept."""
    asked = pb.ListHistoryRequest(
        id=twin_id,
        from_revision=from_revision or 0,
        to_revision=to_revision or 0,
        changed_from=stamp(changed_from),
        changed_to=stamp(changed_to),
        known_from=stamp(known_from),
        known_to=stamp(known_to),
        newest_first=order == "newest",
        page_size=limit,
        cursor=int(cursor or 0),
    )
    if _accepts_lines(accept):
        asked.page_size = STREAM_PAGE
        first = await behind.twin.ListHistory(asked)
        return StreamingResponse(_lines(behind, asked, first), media_type=LINES_TYPE)
    found = await behind.twin.ListHistory(asked)
    items = ",".join(change_text(change) for change in found.changes)
    following = json.dumps(str(found.next_revision) if found.next_revision else None)
    return Response(f'{{"items":[{items}],"next_cursor":{following}}}', media_type=JSON_TYPE)


def _accepts_lines(accept: str) -> bool:
    return any(each.partition(";")[0].strip().lower() == LINES_TYPE for each in accept.split(","))


async def _lines(behind: Behind, asked: pb.ListHistoryRequest, first: pb.ListHistoryResponse) -> AsyncIterator[bytes]:
    """All changes, read page by page as fast as the client takes them."""
    page = first
    while True:
        yield "".join(f"{change_text(change)}\n" for change in page.changes).encode()
        if not page.next_revision:
            return
        asked.cursor = page.next_revision
        page = await behind.twin.ListHistory(asked)
