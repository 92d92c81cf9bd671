"""Records set aside."""

from __future__ import annotations

from typing import Any

from chassis.telemetry import trace_id
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest import usecases
from services.ingest.usecases import FrontDoor, Shelf
from services.ingest.usecases.quarantine import Wanted
from services.ingest.usecases.replaying import Replay
from services.ingest.wire import quarantine_message, reason_message


class Quarantine:
    """Methods of the quarantine."""

    _door: FrontDoor
    _shelf: Shelf

    async def ListQuarantine(self, request: pb.ListQuarantineRequest, context: Any) -> pb.ListQuarantineResponse:
        wanted = Wanted(kind=request.kind, source=request.source, rule=request.rule, search=request.search)
        found = await usecases.find_quarantine(
            self._shelf, wanted, state=request.state, page_size=request.page_size, cursor=request.cursor
        )
        return pb.ListQuarantineResponse(
            items=map(quarantine_message, found.items), next_cursor=found.following, total=found.total
        )

    async def GetQuarantineItem(
        self, request: pb.GetQuarantineItemRequest, context: Any
    ) -> pb.GetQuarantineItemResponse:
        item = await usecases.get_quarantined(self._shelf, request.id)
        return pb.GetQuarantineItemResponse(item=quarantine_message(item))

    async def MendQuarantine(self, request: pb.MendQuarantineRequest, context: Any) -> pb.MendQuarantineResponse:
        item = await usecases.mend(
            self._door,
            self._shelf,
            id=request.id,
            patch_json=request.patch_json,
            by=request.mended_by,
            if_revision=request.if_revision,
        )
        return pb.MendQuarantineResponse(item=quarantine_message(item))

    async def ReplayQuarantine(self, request: pb.ReplayQuarantineRequest, context: Any) -> pb.ReplayQuarantineResponse:
        wanted = Replay(
            ids=request.ids,
            kind=request.kind,
            source=request.source,
            rule=request.rule,
            by=request.replayed_by,
            trace_id=trace_id(),
        )
        outcome = await usecases.replay_quarantine(self._door, self._shelf, wanted)
        return pb.ReplayQuarantineResponse(
            sent=outcome.sent,
            accepted=outcome.accepted,
            quarantined=outcome.quarantined,
            rejected=outcome.rejected,
            duplicates=outcome.duplicates,
            reasons=map(reason_message, outcome.why()),
        )

    async def DropQuarantine(self, request: pb.DropQuarantineRequest, context: Any) -> pb.DropQuarantineResponse:
        if request.reopen:
            changed = await usecases.reopen(self._door, self._shelf, request.ids, by=request.dropped_by)
        else:
            changed = await usecases.drop(
                self._door, self._shelf, request.ids, reason=request.reason, by=request.dropped_by
            )
        return pb.DropQuarantineResponse(changed=changed)
