"""gRPC: message to use case to message."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chassis.telemetry import trace_id
from marketwin.recommend.v1 import service_pb2 as pb
from marketwin.recommend.v1 import service_pb2_grpc
from services.recommend.usecases.answering import (
    answer_card,
    get_recommendation,
    give_feedback,
    list_recommendations,
)
from services.recommend.usecases.ports import Answer, Store, Wanted
from services.recommend.wire import recommendation_message

MAX_PAGE = 1000
DEFAULT_PAGE = 50


class RecommendServicer(service_pb2_grpc.RecommendServiceServicer):
    """Answers what to do about it, and takes what people say to that."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def ListRecommendations(
        self, request: pb.ListRecommendationsRequest, context: Any
    ) -> pb.ListRecommendationsResponse:
        rows, cursor = await list_recommendations(
            self._store,
            Wanted(request.account_manager, request.retailer, request.state, request.mode),
            cursor=request.cursor,
            limit=min(request.page_size or DEFAULT_PAGE, MAX_PAGE),
        )
        return pb.ListRecommendationsResponse(
            recommendations=[recommendation_message(row) for row in rows], next_cursor=cursor
        )

    async def GetRecommendation(
        self, request: pb.GetRecommendationRequest, context: Any
    ) -> pb.GetRecommendationResponse:
        row = await get_recommendation(self._store, request.id)
        return pb.GetRecommendationResponse(recommendation=recommendation_message(row))

    async def GiveFeedback(self, request: pb.GiveFeedbackRequest, context: Any) -> pb.GiveFeedbackResponse:
        answer = Answer(
            key=request.idempotency_key or uuid.uuid4().hex,
            event=request.event,
            reason=request.reason,
            user_id=request.user_id,
            origin=request.origin,
        )
        row = await give_feedback(self._store, request.id, answer, at=self._now(), trace_id=trace_id())
        return pb.GiveFeedbackResponse(recommendation=recommendation_message(row))

    async def AnswerCard(self, request: pb.AnswerCardRequest, context: Any) -> pb.AnswerCardResponse:
        answer = Answer(
            key=f"wecom:{request.message_key or uuid.uuid4().hex}",
            event=request.event_key,
            reason="",
            user_id=request.user_id,
            origin="wecom",
        )
        row, text, repeated = await answer_card(
            self._store,
            request.task_id,
            answer,
            response_code=request.response_code,
            at=self._now(),
            trace_id=trace_id(),
        )
        return pb.AnswerCardResponse(
            recommendation=recommendation_message(row), replace_name=text, repeated_click=repeated
        )

    async def CountRecommendations(
        self, request: pb.CountRecommendationsRequest, context: Any
    ) -> pb.CountRecommendationsResponse:
        by_state, cards, waiting = await self._store.counts()
        return pb.CountRecommendationsResponse(recommendations_by_state=by_state, cards_by_state=cards, waiting=waiting)
