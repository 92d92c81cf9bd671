"""Forgetting a person or a withdrawn consent."""

from __future__ import annotations

import uuid
from typing import Any

from chassis.app import utc_now
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest import usecases
from services.ingest.usecases import Asked, Erasures
from services.ingest.wire import erasure_message


class Erasing:
    """Methods of the rights of persons."""

    _erasures: Erasures

    async def Erase(self, request: pb.EraseRequest, context: Any) -> pb.EraseResponse:
        asked = Asked(
            token=request.token,
            consent_refs=list(request.consent_refs),
            requested_by=request.requested_by,
            reason=request.reason,
        )
        erasure = await usecases.ask_erasure(self._erasures, asked, new_id=uuid.uuid4().hex, now=utc_now())
        return pb.EraseResponse(erasure=erasure_message(erasure))

    async def ListErasures(self, request: pb.ListErasuresRequest, context: Any) -> pb.ListErasuresResponse:
        items, following = await usecases.list_erasures(
            self._erasures, page_size=request.page_size, cursor=request.cursor
        )
        return pb.ListErasuresResponse(items=map(erasure_message, items), next_cursor=following)
