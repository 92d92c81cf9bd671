"""One-time codes: valid once, for an hour, for the roles they were made for."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Any

import httpx
import pytest
import redis.asyncio
from pydantic import SecretStr, ValidationError

from chassis.testing import eventually
from gateway.routes.sign_in import offer_first_code
from gateway.settings import GatewaySettings
from tests.gateway.house import Door, House, door
from tests.gateway.problem import pointers_of, problem_of


async def _exchange(client: httpx.AsyncClient, code: str, grant: str = "one_time_code") -> httpx.Response:
    return await client.post("/api/v1/oauth/token", data={"grant_type": grant, "code": code})


async def _invited(api: httpx.AsyncClient, user: str = "li.si", *roles: str) -> dict[str, Any]:
    body = {"user_id": user, "name": "李四", "roles": list(roles or ("account_manager",))}
    response = await api.post("/api/v1/oauth/one-time-codes", json=body)
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    made: dict[str, Any] = response.json()
    return made


async def test_a_code_is_exchanged_once_for_a_token_with_its_roles(door: Door, api: httpx.AsyncClient):
    stranger = await door.stranger()
    made = await _invited(api, "li.si", "account_manager", "partner")

    first = await _exchange(stranger, made["code"])
    again = await _exchange(stranger, made["code"])
    bearer = {"authorization": f"Bearer {first.json()['access_token']}"}
    allowed = await stranger.get("/api/v1/recommendations", headers=bearer)
    refused = await stranger.get("/api/v1/orders", headers=bearer)

    assert made["expires_in"] == 3600
    assert first.json()["user"] == {"id": "li.si", "name": "李四", "roles": ["account_manager", "partner"]}
    assert (first.json()["token_type"], first.json()["expires_in"]) == ("Bearer", 8 * 3600)
    assert first.headers["cache-control"] == "no-store"
    problem_of(again, 401, "unauthenticated", hides=made["code"])
    assert allowed.status_code == 200
    problem_of(refused, 403, "missing_scope")


async def test_of_many_who_use_a_code_at_once_one_gets_a_token(whole: House, api: httpx.AsyncClient):
    made = await _invited(api)
    async with door(whole.common, sign_ins_per_s=1000) as busy:
        stranger = await busy.stranger()

        answers = await asyncio.gather(*(_exchange(stranger, made["code"]) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19


async def test_the_store_knows_no_code_and_forgets_it_after_an_hour(whole: House, api: httpx.AsyncClient):
    made = await _invited(api)
    key = f"gateway:code:{hashlib.sha256(made['code'].encode()).hexdigest()}"

    async with redis.asyncio.from_url(whole.common.redis_url, decode_responses=True) as store:
        left_s = await store.ttl(key)
        everything = [name async for name in store.scan_iter("gateway:*")]
        await store.expire(key, 0)

    assert 3500 < left_s <= 3600
    assert not [name for name in everything if made["code"] in name]
    problem_of(await _exchange(await whole.door.stranger(), made["code"]), 401, "unauthenticated")


@pytest.mark.parametrize("grant", ["password", "", "client_credentials"])
async def test_another_grant_is_refused_and_leaves_the_code_good(door: Door, api: httpx.AsyncClient, grant: str):
    stranger = await door.stranger()
    made = await _invited(api)

    refused = await _exchange(stranger, made["code"], grant)

    assert pointers_of(problem_of(refused, 400, "invalid")) == ["/grant_type"]
    assert (await _exchange(stranger, made["code"])).status_code == 200


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"&".join([b"a=1"] * 100), b"grant_type=one_time_code"])
async def test_a_form_that_makes_no_sense_is_refused(whole: House, body: bytes):
    async with door(whole.common) as fresh:
        stranger = await fresh.stranger()

        response = await stranger.post("/api/v1/oauth/token", content=body)

    assert response.status_code in {400, 401}
    problem_of(response, response.status_code, "unauthenticated" if response.status_code == 401 else "invalid")


async def test_a_role_that_does_not_exist_is_refused(api: httpx.AsyncClient):
    response = await api.post("/api/v1/oauth/one-time-codes", json={"user_id": "a", "roles": ["root"]})

    assert pointers_of(problem_of(response, 400, "invalid", hides="root")) == ["/roles"]


async def test_the_first_code_is_good_once_even_if_the_gateway_starts_again_with_it(whole: House):
    code = SecretStr(secrets.token_urlsafe(24))
    async with door(whole.common, one_time_code=code, one_time_user="ann") as first:
        stranger = await first.stranger()

        async def signed_in() -> httpx.Response | None:
            answer = await _exchange(stranger, code.get_secret_value())
            return answer if answer.status_code == 200 else None

        user = (await eventually(signed_in, every_s=0.2)).json()["user"]
    async with door(whole.common, one_time_code=code) as second:
        await offer_first_code(second.web.state.redis, code.get_secret_value(), "admin")
        again = await _exchange(await second.stranger(), code.get_secret_value())

    assert user == {"id": "ann", "name": "ann", "roles": ["account_manager", "admin"]}
    problem_of(again, 401, "unauthenticated")


def test_a_first_code_that_is_easy_to_guess_is_refused():
    with pytest.raises(ValidationError, match="16 characters"):
        GatewaySettings(one_time_code=SecretStr("1234"))


async def test_guessing_codes_is_slowed_down(whole: House):
    async with door(whole.common, sign_ins_per_s=1) as guarded:
        stranger = await guarded.stranger()

        answers = [await _exchange(stranger, f"guess-{n}") for n in range(6)]

    assert [answer.status_code for answer in answers[:4]] == [401] * 4
    problem_of(answers[-1], 429, "too_many_requests")
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_without_the_store_codes_must_wait_and_everything_else_goes_on(whole: House):
    without = whole.common.model_copy(update={"redis_url": "redis://127.0.0.1:9/0"})
    async with door(without, one_time_code=SecretStr("x" * 16), **whole.addresses) as alone:
        client = await alone.client("admin")

        exchanged = await _exchange(client, "any")
        invited = await client.post("/api/v1/oauth/one-time-codes", json={"user_id": "a", "roles": ["admin"]})
        twins = await client.get("/api/v1/twins")

    problem_of(exchanged, 503, "unavailable")
    problem_of(invited, 503, "unavailable")
    assert twins.status_code == 200
