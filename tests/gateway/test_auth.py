"""Who may: tokens, roles, scopes."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import jwt
import pytest

from chassis.errors import Denied
from gateway.auth import Caller, Tokens
from tests.gateway.contract import DOCUMENT
from tests.gateway.house import KEY, Door
from tests.gateway.problem import problem_of


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {"sub": "ann", "roles": ["admin"], "iat": now, "exp": now + 60, "iss": "marketwin", "aud": "marketwin"}
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def _signed(key: str = KEY, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(_claims(**changes), key, algorithm=algorithm)


def _unsigned() -> str:
    parts = [{"alg": "none", "typ": "JWT"}, _claims()]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


FORGED = {
    "garbage": "garbage",
    "three parts": "a.b.c",
    "not ascii": "ключ",
    "expired": _signed(exp=int(time.time()) - 1),
    "another key": _signed(key="x" * 64),
    "no signature": _unsigned(),
    "cut signature": _signed()[:-2],
    "another algorithm": _signed(algorithm="HS512"),
    "another audience": _signed(aud="somebody"),
    "another issuer": _signed(iss="somebody"),
    "no audience": _signed(aud=None),
    "no expiry": _signed(exp=None),
    "no subject": _signed(sub=None),
    "issued later": _signed(iat=int(time.time()) + 3600),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
async def test_a_token_that_is_not_ours_is_refused_and_not_repeated(door: Door, token: str):
    stranger = await door.stranger()
    authorization = b"Bearer " + token.encode()

    response = await stranger.get("/api/v1/twins", headers={"authorization": authorization})

    problem_of(response, 401, "unauthenticated", hides=token)
    assert response.headers["www-authenticate"] == 'Bearer realm="marketwin"'


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YTpi", "Token x"])
async def test_no_token_is_refused_with_how_to_sign_in(door: Door, header: str | None):
    stranger = await door.stranger()
    headers = {} if header is None else {"authorization": header}

    response = await stranger.get("/api/v1/twins", headers=headers)

    problem_of(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_token_that_expires_is_refused_although_it_was_good_before(door: Door):
    tokens = Tokens(KEY)
    token = _signed(exp=int(time.time()) + 1)

    before = tokens.verify(token)
    while time.time() < before.expires_at:
        time.sleep(0.05)

    with pytest.raises(Denied, match="expired"):
        tokens.verify(token)


def test_a_short_key_is_refused_at_the_start():
    with pytest.raises(Denied, match="32 bytes"):
        Tokens("k" * 31)


@pytest.mark.parametrize("roles", [None, "admin", ["root"], [["admin"]], [1], {}])
def test_roles_that_are_not_ours_allow_nothing(roles: Any):
    caller = Tokens(KEY).verify(_signed(roles=roles))

    assert caller.roles == frozenset()
    assert not caller.may("twins:read")


@pytest.mark.parametrize(
    ("roles", "sees_only_own"),
    [
        ({"account_manager"}, True),
        ({"account_manager", "partner"}, True),
        ({"account_manager", "analyst"}, False),
        ({"admin"}, False),
        (set(), True),
    ],
)
def test_only_a_wider_role_lets_an_account_manager_see_more(roles: set[str], sees_only_own: bool):
    assert Caller("ann", "Ann", frozenset(roles), 0).sees_only_own is sees_only_own


MAY = {
    ("GET", "/orders"): {"admin", "analyst"},
    ("GET", "/orders/statistics"): {"admin", "analyst"},
    ("GET", "/kinds"): {"admin", "analyst"},
    ("GET", "/quarantine"): {"admin", "analyst"},
    ("GET", "/quality"): {"admin", "analyst"},
    ("GET", "/quality/days"): {"admin", "analyst"},
    ("GET", "/quality/rules"): {"admin", "analyst"},
    ("POST", "/sources/x/run"): {"admin"},
    ("GET", "/summary"): {"admin", "analyst"},
    ("POST", "/records/sku"): {"admin", "partner"},
    ("GET", "/twins"): {"admin", "analyst", "account_manager", "partner"},
    ("PUT", "/twins/sku:x"): {"admin", "analyst"},
    ("PATCH", "/twins/sku:x"): {"admin", "analyst"},
    ("DELETE", "/twins/sku:x"): {"admin", "analyst"},
    ("GET", "/profiles"): {"admin", "analyst", "account_manager"},
    ("PUT", "/profiles/x/key-flag"): {"admin", "analyst"},
    ("GET", "/forecasts/demand"): {"admin", "analyst", "account_manager"},
    ("GET", "/map/regions"): {"admin", "analyst", "account_manager"},
    ("GET", "/forecasts/trainings/x"): {"admin", "analyst", "account_manager"},
    ("POST", "/forecasts/trainings"): {"admin"},
    ("GET", "/recommendations"): {"admin", "analyst", "account_manager"},
    ("POST", "/recommendations/x/feedback"): {"admin", "account_manager"},
    ("POST", "/oauth/one-time-codes"): {"admin"},
    ("GET", "/privacy/requests"): {"admin", "analyst"},
    ("POST", "/privacy/requests"): {"admin", "analyst"},
}


@pytest.mark.parametrize("role", ["admin", "analyst", "account_manager", "partner"])
@pytest.mark.parametrize(("method", "path"), MAY, ids=[" ".join(key) for key in MAY])
async def test_a_role_may_what_its_scopes_say_and_nothing_else(door: Door, role: str, method: str, path: str):
    client = await door.client(role)

    response = await client.request(method, "/api/v1" + path)

    if role in MAY[method, path]:
        assert response.status_code not in {401, 403}, response.text
    else:
        assert "this needs the scope" in problem_of(response, 403, "missing_scope")["detail"]


OPEN = {"exchange_code", "verify_address", "hear_callback", "healthz", "readyz"}
OPERATIONS = [
    (method, path, operation["operationId"])
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


@pytest.mark.parametrize(("method", "path", "name"), OPERATIONS, ids=[each[2] for each in OPERATIONS])
async def test_every_operation_but_the_open_ones_wants_a_token(door: Door, method: str, path: str, name: str):
    stranger = await door.stranger()
    address = path.replace("{", "").replace("}", "")

    response = await stranger.request(method.upper(), address)

    assert (response.status_code == 401) is (name not in OPEN), response.text


async def test_a_stranger_is_told_nothing_of_what_exists(door: Door, api: httpx.AsyncClient):
    stranger = await door.stranger()

    missing = await stranger.get("/api/v1/twins/sku:nothing")
    there = await stranger.get("/api/v1/twins/region:US-NV")

    assert (await api.get("/api/v1/twins/region:US-NV")).status_code == 200
    assert missing.json()["detail"] == there.json()["detail"]
    assert missing.status_code == there.status_code == 401
