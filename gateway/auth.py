"""Who calls, and what they may do: bearer tokens, roles, scopes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import jwt
from fastapi import Depends, Request
from starlette.datastructures import State

from chassis.errors import Denied

ISSUER = "marketwin"
AUDIENCE = "marketwin"
CACHED = 4096

_READ = {"records:read", "twins:read", "profiles:read", "forecasts:read", "recommendations:read"}
SCOPES: dict[str, frozenset[str]] = {
    "admin": frozenset(
        {
            *_READ,
            "records:write",
            "quarantine:write",
            "twins:write",
            "models:write",
            "profiles:write",
            "forecasts:train",
            "recommendations:answer",
            "users:invite",
            "privacy:read",
            "privacy:write",
            "sources:run",
        }
    ),
    "analyst": frozenset(
        {*_READ, "quarantine:write", "profiles:write", "twins:write", "privacy:read", "privacy:write"}
    ),
    "account_manager": frozenset(
        {"twins:read", "profiles:read", "forecasts:read", "recommendations:read", "recommendations:answer"}
    ),
    "partner": frozenset({"records:write", "twins:read"}),
}
WRITES_RECORDS = "records:write"
READS_TWINS = "twins:read"
SEES_ALL = frozenset({"admin", "analyst"})


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or system whose token was verified."""

    subject: str
    name: str
    roles: frozenset[str]
    expires_at: float

    def may(self, scope: str) -> bool:
        return scope in _allowed(self.roles)

    @property
    def sees_only_own(self) -> bool:
        """Account managers see their own retailers; a wider role lifts the limit, a narrower one does not."""
        return not self.roles & SEES_ALL


class Tokens:
    """Verifies and issues HS256 tokens; a verified one is remembered until it expires."""

    def __init__(self, key: str) -> None:
        if len(key.encode()) < 32:
            raise Denied("GATEWAY_JWT_KEY must hold at least 32 bytes", code="weak_key")
        self._key = key
        self._known: dict[bytes, Caller] = {}

    def verify(self, token: str) -> Caller:
        """The caller behind a token; Denied (401) when it is forged, expired or meant for someone else."""
        digest = hashlib.blake2b(token.encode(), digest_size=16).digest()
        caller = self._known.get(digest)
        if caller is None:
            caller = self._read(token)
            if len(self._known) >= CACHED:
                self._known.clear()
            self._known[digest] = caller
        if caller.expires_at <= time.time():
            self._known.pop(digest, None)
            raise unauthenticated("the token has expired")
        return caller

    def _read(self, token: str) -> Caller:
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=["HS256"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["sub", "exp", "iat"]},
            )
        except jwt.ExpiredSignatureError:
            raise unauthenticated("the token has expired") from None
        except jwt.InvalidTokenError:
            raise unauthenticated("the token is not one of ours") from None
        return Caller(str(claims["sub"]), str(claims.get("name", claims["sub"])), _roles(claims), float(claims["exp"]))

    def issue(self, subject: str, name: str, roles: Iterable[str], *, hours: float) -> str:
        """A token that is valid for `hours`."""
        now = int(time.time())
        claims = {
            "sub": subject,
            "name": name,
            "roles": sorted(roles),
            "iat": now,
            "exp": now + int(hours * 3600),
            "iss": ISSUER,
            "aud": AUDIENCE,
        }
        return jwt.encode(claims, self._key, algorithm="HS256")


@cache
def _allowed(roles: frozenset[str]) -> frozenset[str]:
    return frozenset(scope for role in roles for scope in SCOPES[role])


def _roles(claims: dict[str, Any]) -> frozenset[str]:
    """Known roles only: a role nobody defined allows nothing."""
    given = claims.get("roles")
    listed = given if isinstance(given, list) else []
    return frozenset(role for role in listed if isinstance(role, str) and role in SCOPES)


def unauthenticated(message: str) -> Denied:
    """A Denied that becomes a 401."""
    return Denied(message, code="unauthenticated")


def bearer(header: str | None) -> str:
    """The token of an Authorization header."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated("send `Authorization: Bearer TOKEN`; `make token` prints one for a local stack")
    return token.strip()


def admit(state: State, authorization: str | None, scope: str) -> Caller:
    """The caller behind an Authorization header; Denied without the scope, Unavailable (429) when it is too often."""
    caller: Caller = state.tokens.verify(bearer(authorization))
    if not caller.may(scope):
        raise Denied(f"this needs the scope {scope}", code="missing_scope")
    state.callers_limit.take(caller.subject)
    return caller


def require(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that lets only callers with the scope pass, and not too often."""

    # Not a plain function: the framework would send each request through a thread for it.
    async def check(request: Request) -> Caller:
        return admit(request.app.state, request.headers.get("authorization"), scope)

    check.scope = scope  # type: ignore[attr-defined]  # read by the OpenAPI document
    return check


ReadsRecords = Annotated[Caller, Depends(require("records:read"))]
WritesRecords = Annotated[Caller, Depends(require(WRITES_RECORDS))]
MendsQuarantine = Annotated[Caller, Depends(require("quarantine:write"))]
ReadsTwins = Annotated[Caller, Depends(require(READS_TWINS))]
WritesTwins = Annotated[Caller, Depends(require("twins:write"))]
WritesModels = Annotated[Caller, Depends(require("models:write"))]
ReadsProfiles = Annotated[Caller, Depends(require("profiles:read"))]
WritesProfiles = Annotated[Caller, Depends(require("profiles:write"))]
ReadsForecasts = Annotated[Caller, Depends(require("forecasts:read"))]
Trains = Annotated[Caller, Depends(require("forecasts:train"))]
ReadsRecommendations = Annotated[Caller, Depends(require("recommendations:read"))]
AnswersRecommendations = Annotated[Caller, Depends(require("recommendations:answer"))]
ReadsPrivacy = Annotated[Caller, Depends(require("privacy:read"))]
AnswersPrivacy = Annotated[Caller, Depends(require("privacy:write"))]
RunsSources = Annotated[Caller, Depends(require("sources:run"))]
InvitesUsers = Annotated[Caller, Depends(require("users:invite"))]
