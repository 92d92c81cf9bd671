"""Where records came from."""

from __future__ import annotations

import json
from typing import Any

from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import types_pb2
from services.ingest.usecases.lineage import Step, Trail, get_lineage


class Lineages:
    """The method of lineage."""

    _trail: Trail

    async def GetLineage(self, request: pb.GetLineageRequest, context: Any) -> pb.GetLineageResponse:
        found = await get_lineage(self._trail, request.record_id)
        return pb.GetLineageResponse(kind=found.kind, key=found.key, steps=map(_step, found.steps))


def _step(step: Step) -> types_pb2.LineageStep:
    message = types_pb2.LineageStep(
        stage=step.stage, id=step.id, detail_json=json.dumps(step.detail, ensure_ascii=False, default=str)
    )
    message.at.FromDatetime(step.at)
    return message
