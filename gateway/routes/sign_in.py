"""Signing in: one-time codes for tokens."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from typing import Annotated, Any
from urllib.parse import parse_qs

import redis.asyncio
import structlog
from fastapi import APIRouter, Depends, Request, Response
from redis.exceptions import RedisError

from chassis.errors import Invalid, Problem, Unavailable
from gateway import bodies
from gateway.auth import SCOPES, InvitesUsers, Tokens, unauthenticated
from gateway.bodies import read_body
from gateway.schemas import Invitation, OneTimeCode, Token

router = APIRouter(tags=["sign-in"])
log = structlog.get_logger()

CODE_TTL_S = 3600
USED = ""
USED_TTL_S = 365 * 24 * 3600
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


async def offer_first_code(store: redis.asyncio.Redis, code: str, user_id: str) -> None:
    """Makes the code of the settings valid, unless it was used before; waits for the store if that is away."""
    user = {"id": user_id, "name": user_id, "roles": ["account_manager", "admin"]}
    while True:
        try:
            await store.set(_key(code), json.dumps(user), ex=CODE_TTL_S, nx=True)
            return
        except RedisError as error:
            log.warning("sign_in.waits", error=type(error).__name__)
            await asyncio.sleep(1)


@router.post("/oauth/token", response_model=Token, openapi_extra=TOKEN_BODY)
async def exchange_code(request: Request, response: Response) -> dict[str, Any]:
    """Exchanges a one-time code for a bearer token."""
    state = request.app.state
    state.sign_in_limit.take(request.client.host if request.client else "")
    code = _code_of(await read_body(request, FORM_BYTES))
    user = await _redeemed(state.redis, code)
    hours = state.settings.session_hours
    tokens: Tokens = state.tokens
    token = tokens.issue(user["id"], user["name"], user["roles"], hours=hours)
    response.headers["Cache-Control"] = "no-store"
    return {"access_token": token, "token_type": "Bearer", "expires_in": int(hours * 3600), "user": user}


def _code_of(body: bytes) -> str:
    try:
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:
        form = {}
    if form.get("grant_type") != ["one_time_code"]:
        problem = Problem("/grant_type", "unsupported_grant_type", "must be one_time_code")
        raise Invalid("this grant type is not supported", errors=[problem])
    return form.get("code", [""])[0]


async def _redeemed(store: redis.asyncio.Redis, code: str) -> dict[str, Any]:
    """The user behind a code, which is thereby used; unauthenticated when there is none.

    The used code stays as an empty mark: settings that still name it after a restart do not revive it.
    """
    try:
        kept = await store.set(_key(code), USED, ex=USED_TTL_S, xx=True, get=True)
    except RedisError:
        raise Unavailable("codes cannot be checked just now", retry_after_s=1) from None
    if not kept:
        raise unauthenticated("the code is unknown, used or older than an hour; ask for a new link")
    user: dict[str, Any] = json.loads(str(kept))
    return user


@router.post(
    "/oauth/one-time-codes", status_code=201, response_model=OneTimeCode, openapi_extra=bodies.described(Invitation)
)
async def invite(
    request: Request,
    response: Response,
    caller: InvitesUsers,
    invitation: Annotated[Invitation, Depends(bodies.of(Invitation))],
) -> dict[str, Any]:
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
    try:
        await request.app.state.redis.set(_key(code), json.dumps(user), ex=CODE_TTL_S)
    except RedisError:
        raise Unavailable("codes cannot be kept just now", retry_after_s=1) from None
    response.headers["Cache-Control"] = "no-store"
    return {"code": code, "expires_in": CODE_TTL_S}
