"""Records set aside."""

from __future__ import annotations

from typing import Any

from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest import usecases
from services.ingest.usecases import Store
from services.ingest.wire import quarantine_message


class Quarantine:
    """Methods of the quarantine."""

    _store: Store

    async def ListQuarantine(self, request: pb.ListQuarantineRequest, context: Any) -> pb.ListQuarantineResponse:
        items, following = await usecases.find_quarantine(
            self._store,
            kind=request.kind,
            source=request.source,
            state=request.state,
            page_size=request.page_size,
            cursor=request.cursor,
        )
        return pb.ListQuarantineResponse(items=map(quarantine_message, items), next_cursor=following)
