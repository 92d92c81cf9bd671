"""What is around a twin."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from gateway.auth import ReadsTwins
from gateway.bodies import JSON_TYPE
from gateway.clients import Behind
from gateway.schemas.twins import Neighbourhood
from marketwin.twin.v1 import service_pb2 as pb

router = APIRouter(tags=["twins"])

LONG = 32768
DIRECTIONS = {"both": pb.DIRECTION_UNSPECIFIED, "out": pb.DIRECTION_OUT, "in": pb.DIRECTION_IN}
Name = Annotated[str, Query(pattern=r"^[a-zA-Z][a-zA-Z0-9_]{0,511}$")]


@router.get("/twins/{twin_id}/relations", response_model=Neighbourhood)
async def list_relations(
    twin_id: str,
    behind: Behind,
    caller: ReadsTwins,
    direction: Annotated[Literal["both", "out", "in"], Query(description="`out`: from the twin to others")] = "both",
    name: Annotated[list[Name] | None, Query(max_length=50, description="Relations to follow; none: all")] = None,
    depth: Annotated[int, Query(ge=1, le=3, description="Relations in a row")] = 1,
    limit: Annotated[int, Query(ge=1, le=1000, description="Twins besides the first")] = 100,
    select: Annotated[str, Query(max_length=LONG, description="Fields wanted of each twin; none: its model")] = "",
) -> Response:
    """The twins around a twin, the nearest first, and the relations among them."""
    asked = pb.ListRelationsRequest(
        id=twin_id, direction=DIRECTIONS[direction], names=name or [], depth=depth, limit=limit, select=select
    )
    found = await behind.twin.ListRelations(asked)
    # The selected fields pass as they are: the shape would add what was not selected.
    twins = [
        f'{{"id":{json.dumps(each.id)},"depth":{each.depth},"twin":{each.selected_json or "null"}}}'
        for each in found.twins
    ]
    edges = [{"source": each.source, "name": each.name, "target": each.target} for each in found.edges]
    rest = json.dumps({"edges": edges, "has_more": found.has_more}, ensure_ascii=False)
    return Response(f'{{"twins":[{",".join(twins)}],{rest[1:]}', media_type=JSON_TYPE)
