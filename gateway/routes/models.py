"""Twin types: what there is, what it holds, and how types are added and changed."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from gateway.auth import ReadsTwins, WritesModels
from gateway.bodies import JSON_TYPE, SMALL_BYTES, described, read_json_body
from gateway.clients import Behind
from gateway.preconditions import IfNoneMatch
from gateway.schemas.base import Json, Listing
from gateway.schemas.models import (
    TwinMigration,
    TwinModel,
    TwinModelDetails,
    TwinModelsAdded,
    TwinModelsBody,
)
from gateway.views.models import details_view, migration_view, model_view, plan_view
from marketwin.twin.v1 import service_pb2 as pb

router = APIRouter(tags=["twins"])

DTDL_TYPE = "application/ld+json"
ADDING_DEADLINE_S = 120.0
"""Every living twin is held to a new version of its type."""
CREATED: dict[int | str, Json] = {201: {"description": "At least one of them is new", "model": TwinModelsAdded}}
Name = Annotated[str, Path(alias="model", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,127}$")]
MigrationId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Language = Annotated[
    str, Query(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$", description="Of texts, where they are given in it")
]


@router.get("/models", response_model=Listing[TwinModel])
async def list_models(
    behind: Behind,
    caller: ReadsTwins,
    version: Annotated[
        str,
        Query(
            pattern=r"^(all|\d{1,9}(\.\d{1,6})?)?$", description="Those of a version, or `all`; none: what counts now"
        ),
    ] = "",
) -> dict[str, Any]:
    """The twin types, as DTDL v3 interfaces."""
    found = await behind.twin.ListModels(pb.ListModelsRequest(version=version))
    return {"items": [model_view(model) for model in found.models]}


@router.post("/models", response_model=TwinModelsAdded, responses=CREATED, openapi_extra=described(TwinModelsBody))
async def post_models(
    request: Request,
    response: Response,
    behind: Behind,
    caller: WritesModels,
    dry_run: Annotated[bool, Query(description="Only say what would change")] = False,
) -> dict[str, Any]:
    """Adds types, and versions of types: all of what is sent, or nothing.

    A version that every living twin fits counts at once. Another one needs a `migration`, which then runs.
    """
    body = await read_json_body(request, SMALL_BYTES, JSON_TYPE, DTDL_TYPE)
    asked = pb.PostModelsRequest(body_json=body, dry_run=dry_run, written_by=caller.subject)
    done = await behind.twin.PostModels(asked, timeout=ADDING_DEADLINE_S)
    response.status_code = 201 if done.created and not dry_run else 200
    return {
        "items": [model_view(each) for each in done.models],
        "plans": [plan_view(each) for each in done.plans],
        "migrations": [migration_view(each) for each in done.migrations],
    }


@router.get("/models/{model}", response_model=TwinModelDetails, responses={304: {"description": "The caller has it"}})
async def get_model(
    name: Name, behind: Behind, caller: ReadsTwins, lang: Language = "en", if_none_match: IfNoneMatch = None
) -> Response:
    """One type: its versions, what it holds, what of that it inherits, and a JSON Schema for clients."""
    found = await behind.twin.GetModel(pb.GetModelRequest(name=name, language=lang))
    text = json.dumps(details_view(found), ensure_ascii=False).encode()
    tag = f'"{hashlib.blake2b(text, digest_size=12).hexdigest()}"'
    known = {each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")}
    if known & {tag, "*"}:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(text, headers={"ETag": tag}, media_type=JSON_TYPE)


@router.delete("/models/{model}", status_code=204)
async def delete_model(name: Name, behind: Behind, caller: WritesModels) -> None:
    """Takes a type away that was added, has no twins, and that no other type needs."""
    await behind.twin.DeleteModel(pb.DeleteModelRequest(name=name))


@router.get("/models/{model}/migrations", response_model=Listing[TwinMigration])
async def list_migrations(name: Name, behind: Behind, caller: ReadsTwins) -> dict[str, Any]:
    """The migrations of the twins of a type, oldest first."""
    found = await behind.twin.ListMigrations(pb.ListMigrationsRequest(name=name))
    return {"items": [migration_view(each) for each in found.migrations]}


@router.get("/models/{model}/migrations/{migration_id}", response_model=TwinMigration)
async def get_migration(name: Name, migration_id: MigrationId, behind: Behind, caller: ReadsTwins) -> dict[str, Any]:
    """One migration, and how far it is."""
    found = await behind.twin.ListMigrations(pb.ListMigrationsRequest(name=name, id=migration_id))
    return migration_view(found.migrations[0])


@router.post("/models/{model}/migrations/{migration_id}/cancel", response_model=TwinMigration)
async def cancel_migration(
    name: Name, migration_id: MigrationId, behind: Behind, caller: WritesModels
) -> dict[str, Any]:
    """Stops a migration. Twins that are at the new version stay there: post the version again to go on."""
    done = await behind.twin.CancelMigration(pb.CancelMigrationRequest(name=name, id=migration_id))
    return migration_view(done.migration)
