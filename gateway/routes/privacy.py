"""The rights of persons: being forgotten, and withdrawing consent."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from chassis.errors import Invalid, Problem
from gateway.auth import AnswersPrivacy, ReadsPrivacy
from gateway.clients import Behind
from gateway.schemas import Page, PrivacyRequest, PrivacyRequestBody
from gateway.views.records import erasure_view
from marketwin.ingest.v1 import service_pb2 as pb

router = APIRouter(tags=["privacy"])


@router.post("/privacy/requests", status_code=202, response_model=PrivacyRequest)
async def request_privacy(body: PrivacyRequestBody, behind: Behind, caller: AnswersPrivacy) -> dict[str, Any]:
    """Forgets a person or a withdrawn consent in every store; answers with the proof as far as it goes."""
    wanted, other = ("token", "consent_refs") if body.type == "erase" else ("consent_refs", "token")
    if not getattr(body, wanted) or getattr(body, other):
        message = f"{body.type} names {wanted}, and not {other}"
        raise Invalid("the request names nobody", errors=[Problem(f"/{wanted}", "required", message)])
    done = await behind.ingest.Erase(
        pb.EraseRequest(
            token=body.token, consent_refs=body.consent_refs, requested_by=caller.subject, reason=body.reason
        )
    )
    return erasure_view(done.erasure)


@router.get("/privacy/requests", response_model=Page[PrivacyRequest])
async def list_privacy(
    behind: Behind,
    caller: ReadsPrivacy,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=1000)] = "",
) -> dict[str, Any]:
    """Requests to forget with their proof, newest first."""
    found = await behind.ingest.ListErasures(pb.ListErasuresRequest(page_size=limit, cursor=cursor))
    return {"items": [erasure_view(item) for item in found.items], "next_cursor": found.next_cursor or None}
