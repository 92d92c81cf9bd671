"""Profiles of retail customers."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from chassis.errors import Invalid, NotFound, Problem
from gateway import bodies
from gateway.auth import Caller, ReadsProfiles, WritesProfiles
from gateway.clients import Behind
from gateway.schemas import KeyFlag, PageWithTotal, Profile, ProfileExplanation
from gateway.views.profiles import GROWTH, GROWTH_BY_NAME, profile_view
from marketwin.profile.v1 import service_pb2 as pb
from marketwin.profile.v1 import types_pb2 as profile_pb

router = APIRouter(tags=["profiles"])


@router.get("/profiles", response_model=PageWithTotal[Profile])
async def list_profiles(
    behind: Behind,
    caller: ReadsProfiles,
    *,
    growth_type: Annotated[str, Query(pattern="^(|potential|mature|ordinary)$")] = "",
    is_key: bool | None = None,
    account_manager: Annotated[str, Query(max_length=64, description="User id, or `me`")] = "",
    region: Annotated[str, Query(max_length=32)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=200)] = "",
    with_total: bool = False,
) -> dict[str, Any]:
    """Lists profiles by retailer code; purchases come with the single profile."""
    found = await behind.profile.ListProfiles(
        pb.ListProfilesRequest(
            growth_type=GROWTH_BY_NAME.get(growth_type, profile_pb.GROWTH_TYPE_UNSPECIFIED),
            is_key=is_key,
            account_manager=own(caller, account_manager),
            adcode=region,
            page_size=limit,
            cursor=cursor,
            with_total=with_total,
        )
    )
    return {
        "items": [profile_view(profile) for profile in found.profiles],
        "next_cursor": found.next_cursor or None,
        "total": found.total if found.HasField("total") else None,
    }


@router.get("/profiles/{retailer}", response_model=Profile)
async def get_profile(retailer: str, behind: Behind, caller: ReadsProfiles) -> dict[str, Any]:
    """One retailer's profile; an account manager gets those of his own retailers."""
    return await _own(behind, caller, retailer)


@router.get("/profiles/{retailer}/explain", response_model=ProfileExplanation)
async def explain_profile(retailer: str, behind: Behind, caller: ReadsProfiles) -> dict[str, Any]:
    """Why the profile says what it says."""
    await _own(behind, caller, retailer)
    found = await behind.profile.ExplainProfile(pb.ExplainProfileRequest(retailer=retailer))
    return {
        "explanations": [
            {
                "subject": each.subject,
                "text_zh": each.text_zh,
                "text_en": each.text_en,
                "evidence": json.loads(each.evidence_json or "{}"),
            }
            for each in found.explanations
        ],
        "labels": [{"cycle": each.cycle, "growth_type": GROWTH.get(each.growth_type)} for each in found.labels],
        "model_version": found.model_version,
    }


@router.put("/profiles/{retailer}/key-flag", response_model=Profile, openapi_extra=bodies.described(KeyFlag))
async def set_key_flag(
    retailer: str, behind: Behind, caller: WritesProfiles, flag: Annotated[KeyFlag, Depends(bodies.of(KeyFlag))]
) -> dict[str, Any]:
    """Marks a key customer by hand, with a reason, or hands the question back to the score."""
    if flag.is_key is not None and not flag.reason.strip():
        problem = Problem("/reason", "required", "say why; the reason is kept and shown")
        raise Invalid("an override needs a reason", errors=[problem])
    found = await behind.profile.SetKeyFlag(
        pb.SetKeyFlagRequest(retailer=retailer, is_key=flag.is_key, reason=flag.reason, set_by=caller.subject)
    )
    return profile_view(found.profile)


async def _own(behind: Behind, caller: Caller, retailer: str) -> dict[str, Any]:
    # What others have gets the same answer as what is not there: it is not to be guessed.
    missing = NotFound("there is no profile of this retailer", code="profile_not_found")
    try:
        found = await behind.profile.GetProfile(pb.GetProfileRequest(retailer=retailer))
    except NotFound:
        raise missing from None
    if caller.sees_only_own and found.profile.account_manager != caller.subject:
        raise missing
    return profile_view(found.profile)


def own(caller: Caller, account_manager: str) -> str:
    """The account manager whose things may be shown: `me`, or for a plain account manager always himself."""
    return caller.subject if caller.sees_only_own or account_manager == "me" else account_manager
