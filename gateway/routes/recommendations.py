"""Recommendations and the answers to them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query

from chassis.errors import NotFound
from gateway import bodies
from gateway.auth import AnswersRecommendations, Caller, ReadsRecommendations
from gateway.clients import Behind
from gateway.routes.profiles import own
from gateway.schemas import Feedback, Page, Recommendation
from gateway.views.recommendations import recommendation_view
from marketwin.recommend.v1 import service_pb2 as pb

router = APIRouter(tags=["recommendations"])

STATES = "^(|open|shown|accepted|rejected|done|expired|withdrawn)$"


@router.get("/recommendations", response_model=Page[Recommendation])
async def list_recommendations(
    behind: Behind,
    caller: ReadsRecommendations,
    *,
    account_manager: Annotated[str, Query(max_length=64, description="User id, or `me`")] = "",
    retailer: Annotated[str, Query(max_length=64)] = "",
    state: Annotated[str, Query(pattern=STATES)] = "",
    mode: Annotated[str, Query(pattern="^(|next_order|new|who_next|service)$")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> dict[str, Any]:
    """Lists recommendations, best first; an account manager sees his own."""
    found = await behind.recommend.ListRecommendations(
        pb.ListRecommendationsRequest(
            account_manager=own(caller, account_manager),
            retailer=retailer,
            state=state,
            mode=mode,
            page_size=limit,
            cursor=cursor,
        )
    )
    return {
        "items": [recommendation_view(each) for each in found.recommendations],
        "next_cursor": found.next_cursor or None,
    }


@router.get("/recommendations/{recommendation_id}", response_model=Recommendation)
async def get_recommendation(recommendation_id: str, behind: Behind, caller: ReadsRecommendations) -> dict[str, Any]:
    """One recommendation with its reasons and limits."""
    return await _own(behind, caller, recommendation_id)


@router.post(
    "/recommendations/{recommendation_id}/feedback",
    response_model=Recommendation,
    openapi_extra=bodies.described(Feedback),
)
async def give_feedback(
    recommendation_id: str,
    behind: Behind,
    caller: AnswersRecommendations,
    feedback: Annotated[Feedback, Depends(bodies.of(Feedback))],
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
) -> dict[str, Any]:
    """Accepts, rejects, completes or reopens a recommendation."""
    await _own(behind, caller, recommendation_id)
    found = await behind.recommend.GiveFeedback(
        pb.GiveFeedbackRequest(
            id=recommendation_id,
            event=feedback.event,
            reason=feedback.reason,
            user_id=caller.subject,
            idempotency_key=idempotency_key,
            origin="console",
        )
    )
    return recommendation_view(found.recommendation)


async def _own(behind: Behind, caller: Caller, recommendation_id: str) -> dict[str, Any]:
    # What others have gets the same answer as what is not there: it is not to be guessed.
    missing = NotFound("there is no such recommendation", code="recommendation_not_found")
    try:
        found = await behind.recommend.GetRecommendation(pb.GetRecommendationRequest(id=recommendation_id))
    except NotFound:
        raise missing from None
    if caller.sees_only_own and found.recommendation.account_manager != caller.subject:
        raise missing
    return recommendation_view(found.recommendation)
