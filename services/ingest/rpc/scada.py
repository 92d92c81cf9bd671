"""Signals of machines, and news of sources."""

from __future__ import annotations

from typing import Any

from chassis.app import utc_now
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.usecases import Store, scada
from services.ingest.wire import to_ipc


class Scada:
    """Methods of the minutes, and of the news that connectors wait for."""

    _minutes: scada.MinuteStore
    _store: Store

    async def ListMinutes(self, request: pb.ListMinutesRequest, context: Any) -> pb.ListMinutesResponse:
        now = utc_now()
        found, following = await scada.find_minutes(
            self._minutes,
            tag=request.tag,
            span=scada.minutes_span(request.from_time, request.to_time, now),
            page_size=request.page_size,
            cursor=request.cursor,
            now=now,
        )
        return pb.ListMinutesResponse(arrow_ipc=to_ipc(found), next_cursor=following)

    async def ListGaps(self, request: pb.ListGapsRequest, context: Any) -> pb.ListGapsResponse:
        now = utc_now()
        found, following = await scada.find_gaps(
            self._minutes,
            machine=request.machine,
            tag=request.tag,
            span=scada.gaps_span(request.from_time, request.to_time, now),
            page_size=request.page_size,
            cursor=request.cursor,
            now=now,
        )
        return pb.ListGapsResponse(arrow_ipc=to_ipc(found), next_cursor=following)

    async def NoteNews(self, request: pb.NoteNewsRequest, context: Any) -> pb.NoteNewsResponse:
        await self._store.note_news(request.topic)
        return pb.NoteNewsResponse()
