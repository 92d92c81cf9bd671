"""Records set aside: see, mend, send again, give up."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from chassis.errors import Invalid, Problem
from gateway.auth import MendsQuarantine, ReadsRecords
from gateway.bodies import JSON_TYPE, described, of, read_object
from gateway.clients import Behind
from gateway.preconditions import IfMatch, IfNoneMatch, etag, is_known, meant_revision
from gateway.schemas import (
    Changed,
    DropBody,
    Json,
    PageWithTotal,
    QuarantineItem,
    ReopenBody,
    ReplayBody,
    ReplayOutcome,
)
from gateway.views.records import quarantine_view, replay_view
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import types_pb2

router = APIRouter(tags=["quality"])

MERGE_PATCH = "application/merge-patch+json"
PATCH_BODY: Json = {"requestBody": {"required": True, "content": {MERGE_PATCH: {"schema": {"type": "object"}}}}}
NOT_CHANGED: dict[int | str, Json] = {304: {"description": "The caller has it"}}


@router.get("/quarantine", response_model=PageWithTotal[QuarantineItem])
async def list_quarantine(
    behind: Behind,
    caller: ReadsRecords,
    *,
    kind: Annotated[str, Query(max_length=64)] = "",
    source: Annotated[str, Query(max_length=64)] = "",
    state: Annotated[str, Query(pattern="^(open|mended|replayed|dropped)$")] = "open",
    rule: Annotated[str, Query(max_length=64, description="Rule that set it aside, e.g. DQ-22")] = "",
    search: Annotated[str, Query(max_length=200, description="Text in the record, its id or its batch id")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=1000)] = "",
) -> dict[str, Any]:
    """Records that were set aside, newest first, personal data masked."""
    found = await behind.ingest.ListQuarantine(
        pb.ListQuarantineRequest(
            kind=kind, source=source, state=state, rule=rule, search=search, page_size=limit, cursor=cursor
        )
    )
    items = [quarantine_view(item) for item in found.items]
    return {"items": items, "next_cursor": found.next_cursor or None, "total": found.total}


@router.get("/quarantine/{item_id}", response_model=QuarantineItem, responses=NOT_CHANGED)
async def get_quarantine_item(
    item_id: str, behind: Behind, caller: ReadsRecords, if_none_match: IfNoneMatch = None
) -> Response:
    """One record set aside."""
    found = await behind.ingest.GetQuarantineItem(pb.GetQuarantineItemRequest(id=item_id))
    if is_known(if_none_match, found.item.revision):
        return Response(status_code=304, headers={"ETag": etag(found.item.revision)})
    return _answer(found.item)


@router.patch("/quarantine/{item_id}", response_model=QuarantineItem, openapi_extra=PATCH_BODY)
async def mend_quarantine_item(
    item_id: str, request: Request, behind: Behind, caller: MendsQuarantine, if_match: IfMatch = None
) -> Response:
    """Changes a record set aside by an RFC 7396 merge patch of its fields; `units` takes the unit of a quantity.

    What was there before stays as `original`. Personal data become tokens at once.
    """
    patch = await read_object(request, JSON_TYPE, MERGE_PATCH)
    mended = await behind.ingest.MendQuarantine(
        pb.MendQuarantineRequest(
            id=item_id,
            patch_json=json.dumps(patch, ensure_ascii=False),
            mended_by=caller.subject,
            if_revision=meant_revision(if_match) or 0,
        )
    )
    return _answer(mended.item)


@router.post("/quarantine/{item_id}/replay", response_model=ReplayOutcome)
async def replay_quarantine_item(item_id: str, behind: Behind, caller: MendsQuarantine) -> dict[str, Any]:
    """Sends one record through the door again; it enters the book at most once, however often this is called."""
    outcome = await behind.ingest.ReplayQuarantine(
        pb.ReplayQuarantineRequest(ids=[item_id], replayed_by=caller.subject)
    )
    return replay_view(outcome)


@router.post("/quarantine/replay", response_model=ReplayOutcome, openapi_extra=described(ReplayBody))
async def replay_quarantine(
    behind: Behind, caller: MendsQuarantine, body: Annotated[ReplayBody, Depends(of(ReplayBody))]
) -> dict[str, Any]:
    """Sends the named records, or all waiting ones that match, through the door again; at most 20,000 that match."""
    if (body.ids is None) == (body.filter is None):
        problem = Problem("/ids", "one_of", "give ids or a filter, not both")
        raise Invalid("say which records", errors=[problem])
    chosen = body.filter.model_dump() if body.filter else {}
    outcome = await behind.ingest.ReplayQuarantine(
        pb.ReplayQuarantineRequest(ids=body.ids, replayed_by=caller.subject, **chosen)
    )
    return replay_view(outcome)


@router.post("/quarantine/drop", response_model=Changed, openapi_extra=described(DropBody))
async def drop_quarantine(
    behind: Behind, caller: MendsQuarantine, body: Annotated[DropBody, Depends(of(DropBody))]
) -> dict[str, Any]:
    """Gives up records set aside; the balance counts them as rejected. They can be reopened."""
    dropped = await behind.ingest.DropQuarantine(
        pb.DropQuarantineRequest(ids=body.ids, reason=body.reason, dropped_by=caller.subject)
    )
    return {"changed": dropped.changed}


@router.post("/quarantine/reopen", response_model=Changed, openapi_extra=described(ReopenBody))
async def reopen_quarantine(
    behind: Behind, caller: MendsQuarantine, body: Annotated[ReopenBody, Depends(of(ReopenBody))]
) -> dict[str, Any]:
    """Takes dropped records back."""
    reopened = await behind.ingest.DropQuarantine(
        pb.DropQuarantineRequest(ids=body.ids, dropped_by=caller.subject, reopen=True)
    )
    return {"changed": reopened.changed}


def _answer(item: types_pb2.QuarantineItem) -> Response:
    text = json.dumps(quarantine_view(item), ensure_ascii=False)
    return Response(text, headers={"ETag": etag(item.revision)}, media_type=JSON_TYPE)
