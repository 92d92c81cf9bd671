"""Relations around a twin."""

from __future__ import annotations

from typing import Any

from chassis.rql.selection import parse_select, projected
from marketwin.twin.v1 import service_pb2 as pb
from services.twin import usecases
from services.twin.domain.neighbourhood import Walk
from services.twin.usecases import Store
from services.twin.wire import json_text

MAX_DEPTH = 3
MAX_TWINS, DEFAULT_TWINS = 1000, 100


class Relations:
    """Walks along relations."""

    _store: Store

    async def ListRelations(self, request: pb.ListRelationsRequest, context: Any) -> pb.ListRelationsResponse:
        selected = parse_select(request.select or "model")
        walk = Walk(
            twin_id=request.id,
            goes_out=request.direction != pb.DIRECTION_IN,
            goes_in=request.direction != pb.DIRECTION_OUT,
            names=sorted(request.names),
            depth=min(request.depth or 1, MAX_DEPTH),
            limit=min(request.limit or DEFAULT_TWINS, MAX_TWINS),
        )
        found = await usecases.walk_relations(self._store, walk)
        nearest = sorted(found.depths.items(), key=lambda each: (each[1], each[0]))
        return pb.ListRelationsResponse(
            twins=[
                pb.RelatedTwin(
                    id=twin_id,
                    depth=depth,
                    selected_json=json_text(projected(found.twins[twin_id], selected))
                    if twin_id in found.twins
                    else "",
                )
                for twin_id, depth in nearest
            ],
            edges=[pb.Edge(source=each.source, name=each.name, target=each.target) for each in sorted(found.edges)],
            has_more=found.has_more,
        )
