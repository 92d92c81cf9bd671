"""Recommend, with some cards."""

from __future__ import annotations

import canned

from marketwin.recommend.v1.service_pb2 import CountRecommendationsRequest, CountRecommendationsResponse
from marketwin.recommend.v1.service_pb2_grpc import (
    RecommendServiceServicer,
    add_RecommendServiceServicer_to_server,
)


class Recommend(RecommendServiceServicer):
    async def CountRecommendations(  # type: ignore[override]  # aio
        self, request: CountRecommendationsRequest, context: object
    ) -> CountRecommendationsResponse:
        return CountRecommendationsResponse(recommendations_by_state={"new": 90}, cards_by_state={"sent": 12})


if __name__ == "__main__":
    canned.run("recommend", (add_RecommendServiceServicer_to_server, Recommend()))
