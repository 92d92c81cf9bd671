"""Profiles and recommendations: managers see their own; answers come from the console and from WeCom."""

from __future__ import annotations

import secrets
import time
from typing import Any

import httpx
import pytest
import pytest_asyncio

from chassis.db import database, read_frame
from chassis.testing import eventually
from gateway.wecom import CallbackKeys, decrypt, encrypt, signature
from tests.gateway.house import Door, House, door
from tests.gateway.market import Market
from tests.gateway.problem import pointers_of, problem_of
from tests.wecom.world import AES_KEY, CORP, TOKEN

KEYS = CallbackKeys.read(token=TOKEN, encoding_aes_key=AES_KEY, receive_id=CORP)
CALLBACK = "/api/v1/wecom/callback"


@pytest_asyncio.fixture(loop_scope="session")
async def ann(door: Door, market: Market) -> httpx.AsyncClient:
    return await door.client("account_manager", user="ann")


async def test_an_account_manager_is_shown_his_own_whatever_he_asks_for(ann: httpx.AsyncClient, market: Market):
    everybody = {each["account_manager"] for each in await market.recommendations()}
    mine = await ann.get("/api/v1/recommendations", params={"limit": 1000})
    others = await ann.get("/api/v1/recommendations", params={"account_manager": "bob", "limit": 1000})
    shop_of_bob = await ann.get("/api/v1/recommendations", params={"retailer": "G-B"})
    profiles = await ann.get("/api/v1/profiles", params={"account_manager": "bob"})

    assert everybody == {"ann", "bob"}
    assert mine.json()["items"]
    assert {each["account_manager"] for each in mine.json()["items"]} == {"ann"}
    assert others.json() == mine.json()
    assert shop_of_bob.json()["items"] == []
    assert {each["account_manager"] for each in profiles.json()["items"]} == {"ann"}


async def test_what_others_have_looks_like_what_is_not_there(ann: httpx.AsyncClient, market: Market):
    [theirs, *_] = await market.recommendations(account_manager="bob")
    foreign = [
        await ann.get(f"/api/v1/recommendations/{theirs['id']}"),
        await ann.post(f"/api/v1/recommendations/{theirs['id']}/feedback", json={"event": "accepted"}),
        await ann.get("/api/v1/profiles/G-B"),
        await ann.get("/api/v1/profiles/G-B/explain"),
    ]
    missing = [
        await ann.get("/api/v1/recommendations/none"),
        await ann.post("/api/v1/recommendations/none/feedback", json={"event": "accepted"}),
        await ann.get("/api/v1/profiles/none"),
        await ann.get("/api/v1/profiles/none/explain"),
    ]

    for theirs_answer, missing_answer in zip(foreign, missing, strict=True):
        told = problem_of(theirs_answer, 404, missing_answer.json()["type"].rpartition(":")[2])
        assert told["detail"] == missing_answer.json()["detail"]


async def test_an_analyst_sees_all_and_may_ask_for_one_manager(door: Door, market: Market):
    analyst = await door.client("analyst", user="ann")

    mine = (await analyst.get("/api/v1/recommendations", params={"account_manager": "me"})).json()["items"]
    bobs = (await analyst.get("/api/v1/recommendations", params={"account_manager": "bob"})).json()["items"]
    shop = await analyst.get("/api/v1/profiles/G-B")

    assert {each["account_manager"] for each in mine} == {"ann"}
    assert {each["account_manager"] for each in bobs} == {"bob"}
    assert shop.json()["account_manager"] == "bob"


async def test_recommendations_are_paged_best_first(market: Market):
    whole = await market.recommendations()
    first = (await market.api.get("/api/v1/recommendations", params={"limit": 3})).json()
    second = (
        await market.api.get("/api/v1/recommendations", params={"limit": 3, "cursor": first["next_cursor"]})
    ).json()

    assert [each["id"] for each in first["items"] + second["items"]] == [each["id"] for each in whole[:6]]
    assert all(each["reasons"] for each in whole)


async def test_an_answer_changes_the_state_once_per_key(ann: httpx.AsyncClient):
    items = (await ann.get("/api/v1/recommendations", params={"retailer": "G-C"})).json()["items"]
    address = f"/api/v1/recommendations/{items[-1]['id']}"
    answer = {"event": "rejected", "reason": "keeps no such product"}
    once = {"idempotency-key": secrets.token_hex(8)}

    first = await ann.post(f"{address}/feedback", json=answer, headers=once)
    again = await ann.post(f"{address}/feedback", json=answer, headers=once)
    unknown = await ann.post(f"{address}/feedback", json={"event": "eaten"})

    assert first.json()["state"] == "rejected"
    assert again.json()["revision"] == first.json()["revision"]
    assert (await ann.get(address)).json()["state"] == "rejected"
    problem_of(unknown, 400, "invalid")


async def test_a_profile_explains_itself_and_a_person_may_overrule_the_score(api: httpx.AsyncClient, market: Market):
    address = "/api/v1/profiles/G-A"

    explained = (await api.get(f"{address}/explain")).json()
    silent = await api.put(f"{address}/key-flag", json={"is_key": True, "reason": "  "})
    marked = (await api.put(f"{address}/key-flag", json={"is_key": True, "reason": "flagship"})).json()
    keys = (await api.get("/api/v1/profiles", params={"is_key": True, "with_total": True})).json()
    undone = (await api.put(f"{address}/key-flag", json={"is_key": None})).json()

    assert {each["subject"] for each in explained["explanations"]} >= {"growth_type", "is_key"}
    assert pointers_of(problem_of(silent, 400, "invalid")) == ["/reason"]
    assert (marked["is_key"], marked["key_overridden"], marked["key_override_reason"]) == (True, True, "flagship")
    assert "G-A" in [each["retailer"] for each in keys["items"]]
    assert keys["total"] == len(keys["items"])
    assert not undone["key_overridden"]


async def test_the_summary_counts_what_there_is(api: httpx.AsyncClient, market: Market):
    summary = (await api.get("/api/v1/summary")).json()
    counted = (await api.get("/api/v1/twins/aggregate", params={"model": "retailer"})).json()

    assert summary["twins"]["retailer"] == counted["items"][0]["values"]["count"] >= len(market.shops)
    assert summary["profiles"] >= 3
    assert sum(summary["recommendations"].values()) == len(await market.recommendations())


def _sealed(message: str, *, at_s: float | None = None, token: str = TOKEN) -> tuple[dict[str, str], bytes]:
    """Query and body of a callback as WeCom sends it."""
    encrypted = encrypt(KEYS, message, random16=secrets.token_bytes(16))
    timestamp, nonce = str(int(at_s or time.time())), secrets.token_hex(4)
    query = {
        "msg_signature": signature(token, timestamp, nonce, encrypted),
        "timestamp": timestamp,
        "nonce": nonce,
    }
    return query, f"<xml><ToUserName>{CORP}</ToUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()


async def test_wecom_is_shown_that_the_address_knows_the_keys(door: Door):
    stranger = await door.stranger()
    encrypted = encrypt(KEYS, "1616140317555161061", random16=secrets.token_bytes(16))
    now = str(int(time.time()))
    query = {"timestamp": now, "nonce": "n", "msg_signature": signature(TOKEN, now, "n", encrypted)}

    echoed = await stranger.get(CALLBACK, params={**query, "echostr": encrypted})
    forged = await stranger.get(CALLBACK, params={**query, "nonce": "m", "echostr": encrypted})
    unsigned = await stranger.get(CALLBACK)

    assert echoed.text == "1616140317555161061"
    assert echoed.headers["content-type"].startswith("text/plain")
    problem_of(forged, 403, "denied")
    assert set(pointers_of(problem_of(unsigned, 422, "invalid_parameter"))) == {
        f"/query/{name}" for name in ("msg_signature", "timestamp", "nonce", "echostr")
    }


async def test_a_click_on_a_card_comes_back_and_changes_the_recommendation(whole: House, market: Market):
    async def card() -> dict[str, Any] | None:
        items = (await whole.phone.get("/stand-in/messages", params={"user": "bob"})).json()["items"]
        return next((item for item in items if not item["clicks"]), None)

    sent = await eventually(card, within_s=30)
    accept = sent["content"]["button_list"][0]["key"]

    clicked = await whole.phone.post(
        "/stand-in/click", json={"msgid": sent["msgid"], "user": "bob", "button_key": accept}
    )

    recommendation = (await market.api.get(f"/api/v1/recommendations/{accept.split(':', 1)[1]}")).json()
    assert (clicked.json()["status"], clicked.json()["applied"]) == (200, "update_button")
    assert recommendation["state"] == "accepted"


CLICK = (
    "<xml><FromUserName>bob</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>"
    "<Event>template_card_event</Event><EventKey>accept:none</EventKey><TaskId>rec-none</TaskId>"
    "<ResponseCode>code</ResponseCode><AgentID>1</AgentID></xml>"
)


async def test_a_click_on_a_card_that_is_gone_is_answered_so_that_it_is_not_repeated(door: Door):
    stranger = await door.stranger()
    query, body = _sealed(CLICK)

    response = await stranger.post(CALLBACK, params=query, content=body)

    assert (response.status_code, response.content) == (200, b"")


async def test_a_callback_that_is_no_click_is_taken_and_ignored(door: Door):
    stranger = await door.stranger()
    message = "<xml><FromUserName>bob</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType></xml>"
    query, body = _sealed(message)

    response = await stranger.post(CALLBACK, params=query, content=body)

    assert (response.status_code, response.content) == (200, b"")


async def test_a_change_of_the_address_book_is_noted_for_ingest(whole: House, market: Market):
    outcome = (await whole.phone.post("/stand-in/chains/chain1/changed")).json()

    async with database(whole.common.postgres_url, "ingest") as db, db.transaction() as session:
        news = await read_frame(session, "SELECT topic, told FROM ingest.source_news")
    assert (outcome["status"], outcome["tries"]) == (200, 1)
    assert news.rows() == [("share_chain_change", 1)]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"token": "another"}, 403, "denied"),
        ({"at_s": time.time() - 3600}, 403, "denied"),
    ],
    ids=["signature", "age"],
)
async def test_a_callback_that_wecom_did_not_send_now_is_refused(
    door: Door, change: dict[str, Any], status: int, code: str
):
    stranger = await door.stranger()
    query, body = _sealed(CLICK, **change)

    response = await stranger.post(CALLBACK, params=query, content=body)

    problem_of(response, status, code)


async def test_a_click_waits_when_recommend_is_away_and_wecom_tries_again(whole: House):
    keys = {name: getattr(whole.door.settings, name) for name in ("wecom_corp_id", "wecom_token", "wecom_aes_key")}
    async with door(whole.common, **keys) as alone:
        stranger = await alone.stranger()
        query, body = _sealed(CLICK)

        response = await stranger.post(CALLBACK, params=query, content=body)

    problem_of(response, 503, "unavailable")


async def test_without_a_corp_there_is_no_callback_address(whole: House):
    async with door(whole.common) as alone:
        stranger = await alone.stranger()
        query, body = _sealed(CLICK)

        response = await stranger.post(CALLBACK, params=query, content=body)

    assert decrypt(KEYS, encrypt(KEYS, "x", random16=b"r" * 16)) == "x"
    problem_of(response, 404, "wecom_not_configured")


async def test_a_callback_over_a_megabyte_is_not_read(door: Door):
    stranger = await door.stranger()
    query, _ = _sealed(CLICK)

    response = await stranger.post(CALLBACK, params=query, content=b"x" * 1_000_001)

    problem_of(response, 413, "too_large")
