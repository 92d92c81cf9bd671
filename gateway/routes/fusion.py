"""How several sources of one property become one: rules, and what came of them."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from gateway.auth import ReadsTwins, WritesTwins
from gateway.bodies import described, of
from gateway.clients import Behind
from gateway.moments import Moment, stamp
from gateway.preconditions import IfMatch, IfNoneMatch, etag, meant_revision
from gateway.schemas.base import Listing
from gateway.schemas.fusion import Fusion, FusionRule, FusionRuleBody, TwinFusion
from gateway.views.fusion import fusion_view, rule_view
from marketwin.twin.v1 import service_pb2 as pb

router = APIRouter(tags=["twins"])

NAME = r"^[a-zA-Z][a-zA-Z0-9_]{0,511}$"
Model = Annotated[str, Path(pattern=NAME)]
PropertyName = Annotated[str, Path(alias="property", pattern=NAME)]
At = Annotated[Moment | None, Query(description="When it was so in the world")]
KnownAt = Annotated[Moment | None, Query(description="What was learnt later does not count, rules included")]


@router.get("/twins/{twin_id}/fusion", response_model=TwinFusion)
async def get_fusions(
    twin_id: str, behind: Behind, caller: ReadsTwins, at: At = None, known_at: KnownAt = None
) -> dict[str, Any]:
    """How each shown value of a twin came about: what the sources say, and what each counts for."""
    found = await behind.twin.GetFusion(pb.GetFusionRequest(id=twin_id, at=stamp(at), known_at=stamp(known_at)))
    return {"id": found.id, "revision": found.revision, "items": [fusion_view(each) for each in found.fusions]}


@router.get("/twins/{twin_id}/fusion/{property}", response_model=Fusion)
async def get_fusion(
    twin_id: str, name: PropertyName, behind: Behind, caller: ReadsTwins, at: At = None, known_at: KnownAt = None
) -> dict[str, Any]:
    """How the shown value of one property came about."""
    asked = pb.GetFusionRequest(id=twin_id, property=name, at=stamp(at), known_at=stamp(known_at))
    found = await behind.twin.GetFusion(asked)
    return fusion_view(found.fusions[0])


@router.get("/models/{model}/fusion-rules", response_model=Listing[FusionRule])
async def list_fusion_rules(model: Model, behind: Behind, caller: ReadsTwins) -> dict[str, Any]:
    """The rules that were set for properties of a model; of all others the newest value is shown."""
    found = await behind.twin.ListFusionRules(pb.ListFusionRulesRequest(model=model))
    return {"items": [rule_view(each) for each in found.rules]}


@router.put(
    "/models/{model}/fusion-rules/{property}", response_model=FusionRule, openapi_extra=described(FusionRuleBody)
)
async def put_fusion_rule(
    model: Model,
    name: PropertyName,
    behind: Behind,
    caller: WritesTwins,
    body: Annotated[FusionRuleBody, Depends(of(FusionRuleBody))],
    answer: Response,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> dict[str, Any]:
    """Sets how the values of a property become one (`If-None-Match: *` for a first rule, else `If-Match`)."""
    version = 0 if if_none_match == "*" else meant_revision(if_match)
    told = body.model_dump(exclude_none=True)
    written = await behind.twin.PutFusionRule(
        pb.PutFusionRuleRequest(
            model=model, property=name, rule_json=json.dumps(told), version=version, written_by=caller.subject
        )
    )
    answer.headers["ETag"] = etag(written.rule.version)
    return rule_view(written.rule)


@router.delete("/models/{model}/fusion-rules/{property}", status_code=204)
async def delete_fusion_rule(
    model: Model, name: PropertyName, behind: Behind, caller: WritesTwins, if_match: IfMatch = None
) -> None:
    """Takes a rule back: the newest value is shown again."""
    await behind.twin.DeleteFusionRule(
        pb.DeleteFusionRuleRequest(
            model=model, property=name, version=meant_revision(if_match), written_by=caller.subject
        )
    )
