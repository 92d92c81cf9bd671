"""Signing in: one-time codes for tokens."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any
from urllib.parse import parse_qs

import redis.asyncio
from fastapi import APIRouter, Request

from chassis.errors import Invalid, Problem
from gateway.auth import SCOPES, InvitesUsers, Tokens, unauthenticated
from gateway.bodies import read_body
from gateway.schemas import Invitation, OneTimeCode, Token

router = APIRouter(tags=["sign-in"])

CODE_TTL_S = 3600
FORM_BYTES = 4096
TOKEN_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type", "code"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["one_time_code"]},
                        "code": {"type": "string"},
                    },
                }
            }
        },
    }
}


def _key(code: str) -> str:
    # The store sees a digest only: who reads it cannot sign in.
    return f"gateway:code:{hashlib.sha256(code.encode()).hexdigest()}"


async def remember_code(store: redis.asyncio.Redis, code: str, user: dict[str, Any]) -> None:
    """Makes a code valid, once, for an hour."""
    await store.set(_key(code), json.dumps(user), ex=CODE_TTL_S)


@router.post("/oauth/token", response_model=Token, openapi_extra=TOKEN_BODY)
async def exchange_code(request: Request) -> dict[str, Any]:
    """Exchanges a one-time code for a bearer token."""
    body = await read_body(request, FORM_BYTES)
    form = parse_qs(body.decode("utf-8", "replace"))
    if form.get("grant_type") != ["one_time_code"]:
        problem = Problem("/grant_type", "unsupported_grant_type", "must be one_time_code")
        raise Invalid("this grant type is not supported", errors=[problem])
    code = form.get("code", [""])[0]
    state = request.app.state
    kept = await state.redis.getdel(_key(code)) if code else None
    if kept is None:
        raise unauthenticated("the code is unknown, used or older than an hour; ask for a new link")
    user = json.loads(kept)
    hours = state.settings.session_hours
    tokens: Tokens = state.tokens
    token = tokens.issue(user["id"], user["name"], user["roles"], hours=hours)
    return {"access_token": token, "token_type": "Bearer", "expires_in": int(hours * 3600), "user": user}


@router.post("/oauth/one-time-codes", status_code=201, response_model=OneTimeCode)
async def invite(invitation: Invitation, request: Request, caller: InvitesUsers) -> dict[str, Any]:
    """Makes a sign-in code for a user, valid once within an hour."""
    unknown = [role for role in invitation.roles if role not in SCOPES]
    if unknown:
        problem = Problem("/roles", "unknown_role", f"roles are {', '.join(SCOPES)}")
        raise Invalid("a role does not exist", errors=[problem])
    code = secrets.token_urlsafe(24)
    user = {
        "id": invitation.user_id,
        "name": invitation.name or invitation.user_id,
        "roles": sorted(set(invitation.roles)),
    }
    await remember_code(request.app.state.redis, code, user)
    return {"code": code, "expires_in": CODE_TTL_S}
