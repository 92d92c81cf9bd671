"""Twins: read, write, past, types."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from gateway.auth import ReadsTwins, WritesTwins
from gateway.bodies import JSON_TYPE, LINES_TYPE, described, read_object
from gateway.clients import Behind
from gateway.exports import CSV, XLSX
from gateway.moments import Moment, stamp
from gateway.preconditions import IfMatch, IfNoneMatch, etag, is_known, meant_revision
from gateway.schemas import Json, Page, Twin, TwinBody, TwinGroups, TwinPart, TwinReadings
from gateway.twin_files import file_of
from gateway.views.twins import twin_text
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import types_pb2

router = APIRouter(tags=["twins"])

MERGE_PATCH = "application/merge-patch+json"
MEDIA = (JSON_TYPE, MERGE_PATCH)
CREATED: dict[int | str, Json] = {201: {"description": "The twin is new", "model": Twin}}
MAX_REVISION = 2**63 - 1
LONG = 32768
"""The twin service says what is too long for a query, and where."""
Filter = Annotated[
    str, Query(max_length=LONG, description='RQL, e.g. `and(eq(model,"region"),gt(properties/lon,100))`; none: all')
]
Condition = Annotated[
    str, Query(max_length=LONG, description="RQL that the twin must fulfil, else 412; stands in for If-Match")
]

PATCH_BODY: Json = {"requestBody": {"required": True, "content": {MERGE_PATCH: {"schema": {"type": "object"}}}}}


FILES: dict[int | str, Json] = {
    200: {
        "content": {
            LINES_TYPE: {"schema": {"type": "string"}},
            CSV: {"schema": {"type": "string"}},
            XLSX: {"schema": {"type": "string", "format": "binary"}},
        }
    }
}


@router.get("/twins", response_model=Page[Twin | TwinPart], responses=FILES)
async def list_twins(
    behind: Behind,
    caller: ReadsTwins,
    *,
    model: Annotated[str, Query(max_length=64)] = "",
    filter: Filter = "",
    select: Annotated[str, Query(max_length=LONG, description="Fields wanted of each twin; none: whole twins")] = "",
    sort: Annotated[str, Query(max_length=LONG, description="`+field,-field`; ties, and all else, by id")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=LONG, description="From the page before, of the same query")] = "",
    format: Annotated[
        str,
        Query(
            pattern="^(json|ndjson|csv|xlsx)$",
            description="ndjson: all twins that are found, a line each; csv, xlsx: those of `model` as a table",
        ),
    ] = "json",
) -> Response:
    """Searches twins by RQL, in any order."""
    asked = pb.ListTwinsRequest(model=model, filter=filter, select=select, sort=sort, page_size=limit, cursor=cursor)
    if format != "json":
        return await file_of(behind, asked, format)
    found = await behind.twin.ListTwins(asked)
    texts = ",".join(found.selected_json or [twin_text(twin) for twin in found.twins])
    following = json.dumps(found.next_cursor or None)
    return Response(f'{{"items":[{texts}],"next_cursor":{following}}}', media_type=JSON_TYPE)


@router.get("/twins/aggregate", response_model=TwinGroups)
async def aggregate_twins(
    behind: Behind,
    caller: ReadsTwins,
    model: Annotated[str, Query(max_length=64)] = "",
    filter: Filter = "",
    group_by: Annotated[str, Query(max_length=LONG, description="Fields, e.g. `model,properties/level`")] = "",
    aggregate: Annotated[
        str,
        Query(max_length=LONG, description="`count`, and `count sum avg min max` of a field: `avg(properties/lon)`"),
    ] = "count",
) -> Response:
    """Counts, sums, averages, least and greatest values of the twins that fulfil a query, by group."""
    found = await behind.twin.AggregateTwins(
        pb.AggregateTwinsRequest(model=model, filter=filter, group_by=group_by, aggregate=aggregate)
    )
    more = json.dumps(found.has_more)
    return Response(f'{{"items":[{",".join(found.groups_json)}],"has_more":{more}}}', media_type=JSON_TYPE)


@router.get("/twins/{twin_id}", response_model=Twin, responses={304: {"description": "The caller has it"}})
async def get_twin(
    twin_id: str,
    behind: Behind,
    caller: ReadsTwins,
    revision: Annotated[int | None, Query(ge=1, le=MAX_REVISION, description="A past revision")] = None,
    at: Annotated[Moment | None, Query(description="When it was so in the world")] = None,
    known_at: Annotated[Moment | None, Query(description="What was learnt later does not count")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One twin: now, at a past revision, or as it was at a time."""
    asked = pb.GetTwinRequest(id=twin_id, revision=revision, at=stamp(at), known_at=stamp(known_at))
    found = await behind.twin.GetTwin(asked)
    if at or known_at:
        # Its revision names another state: the one in which the last of these changes was learnt.
        return Response(twin_text(found.twin), media_type=JSON_TYPE)
    if is_known(if_none_match, found.twin.revision):
        return Response(status_code=304, headers={"ETag": etag(found.twin.revision)})
    return _answer(found.twin)


@router.get("/twins/{twin_id}/readings", response_model=TwinReadings)
async def get_readings(twin_id: str, request: Request, behind: Behind, caller: ReadsTwins) -> Json:
    """What is measured of a twin this moment, which its state takes in only once in a while."""
    found = await behind.twin.GetTwin(pb.GetTwinRequest(id=twin_id))
    return {"id": twin_id, "model": found.twin.model, "readings": request.app.state.readings.of(twin_id)}


@router.put("/twins/{twin_id}", response_model=Twin, responses=CREATED, openapi_extra=described(TwinBody))
async def put_twin(
    twin_id: str,
    request: Request,
    behind: Behind,
    caller: WritesTwins,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    condition: Condition = "",
) -> Response:
    """Creates (`If-None-Match: *`) or replaces (`If-Match`, `condition`) a twin."""
    written = await behind.twin.PutTwin(
        pb.PutTwinRequest(
            id=twin_id,
            body_json=json.dumps(await read_object(request, *MEDIA), ensure_ascii=False),
            precondition=_precondition(if_match, if_none_match, condition),
            written_by=caller.subject,
        )
    )
    return _answer(written.twin, 201 if written.created else 200)


@router.patch("/twins/{twin_id}", response_model=Twin, openapi_extra=PATCH_BODY)
async def patch_twin(
    twin_id: str,
    request: Request,
    behind: Behind,
    caller: WritesTwins,
    if_match: IfMatch = None,
    condition: Condition = "",
) -> Response:
    """Changes a twin by an RFC 7396 merge patch over {properties, desired, relations}."""
    written = await behind.twin.PatchTwin(
        pb.PatchTwinRequest(
            id=twin_id,
            patch_json=json.dumps(await read_object(request, *MEDIA), ensure_ascii=False),
            precondition=_precondition(if_match, None, condition),
            written_by=caller.subject,
        )
    )
    return _answer(written.twin)


@router.delete("/twins/{twin_id}", status_code=204)
async def delete_twin(
    twin_id: str, behind: Behind, caller: WritesTwins, if_match: IfMatch = None, condition: Condition = ""
) -> None:
    """Deletes a twin; its history stays."""
    await behind.twin.DeleteTwin(
        pb.DeleteTwinRequest(
            id=twin_id, precondition=_precondition(if_match, None, condition), written_by=caller.subject
        )
    )


def _answer(twin: types_pb2.Twin, status: int = 200) -> Response:
    return Response(twin_text(twin), status, {"ETag": etag(twin.revision)}, JSON_TYPE)


def _precondition(if_match: str | None, if_none_match: str | None, condition: str) -> pb.Precondition:
    """A condition says what a write means as an ETag does, so that either is enough."""
    if if_none_match == "*":
        return pb.Precondition(revision=0, condition=condition)
    revision = meant_revision("*" if condition and if_match is None else if_match)
    if revision is None:
        return pb.Precondition(must_exist=True, condition=condition)
    return pb.Precondition(revision=revision, condition=condition)
