"""The stand-in refuses what the real service refuses, and keeps itself small."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.wecom.book import KEPT_MESSAGES, Book, Message
from services.recommend.wecom import recommendation_card, recommendation_notice
from tests.wecom.world import AGENT, CORP, SECRET, Clock, StandIn, recommendation

ROOT = Path(__file__).parents[2]


def text(content: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": content}}


def carded(**changes: Any) -> dict[str, Any]:
    card = recommendation_card(recommendation()) | changes
    return {"msgtype": "template_card", "template_card": card}


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (text("好"), 0),
        (text("好" * 682), 0),
        (text("好" * 683), 45002),
        (text(""), 44004),
        ({"msgtype": "markdown", "markdown": {"content": "x" * 2049}}, 45002),
        ({"msgtype": "sms", "sms": {}}, 40008),
        ({"msgtype": "text"}, 40058),
        (text("好") | {"agentid": 1}, 40056),
        (text("好") | {"agentid": str(AGENT)}, 40056),
        (text("好") | {"touser": ""}, 82001),
        (text("好") | {"touser": "|".join(f"u{n}" for n in range(1001))}, 40058),
        (text("好") | {"toparty": "|".join("1" * 101)}, 40058),
        (text("好") | {"safe": 2}, 40058),
        (text("好") | {"duplicate_check_interval": 14_401}, 40058),
        ({"msgtype": "image", "image": {"media_id": "m"}}, 40007),
        ({"msgtype": "textcard", "textcard": {"title": "t", "description": "d", "url": "https://x"}}, 0),
        ({"msgtype": "textcard", "textcard": {"title": "题" * 43, "description": "d", "url": "https://x"}}, 40058),
        ({"msgtype": "news", "news": {"articles": [{"title": "t", "url": "https://x"}] * 9}}, 40058),
        (carded(), 0),
        (carded(card_type="poster"), 40058),
        (carded(task_id=""), 42014),
        (carded(task_id="a b"), 42014),
        (carded(task_id="x" * 129), 42014),
        (carded(button_list=[{"text": "t", "key": "k" * 1025}]), 42017),
        (carded(button_list=[{"text": "t", "key": "k"}] * 2), 42017),
        (carded(button_list=[{"text": "t", "key": str(n)} for n in range(7)]), 40058),
        (carded(button_list=[{"text": "t", "key": "k", "style": 5}]), 40058),
        (carded(horizontal_content_list=[{"keyname": "k"}] * 7), 40058),
        (carded(jump_list=[{"title": "t"}] * 4), 40058),
        (carded(source={"desc_color": 4}), 40058),
        (carded(card_type="vote_interaction"), 40058),
        (carded(card_type="multiple_interaction", select_list=[]), 40058),
        (carded(card_type="news_notice"), 40058),
        (carded(card_type="text_notice", card_action={"type": 0}), 40058),
    ],
)
async def test_a_message_is_checked_as_the_real_service_does(
    stand_in: StandIn, body: dict[str, Any], errcode: int
) -> None:
    reply = await stand_in.send(**body)

    assert reply["errcode"] == errcode, reply
    assert len(await stand_in.messages()) == (1 if errcode == 0 else 0)


@pytest.mark.parametrize(
    ("card", "errcode"),
    [
        (
            {
                "card_type": "vote_interaction",
                "checkbox": {"question_key": "q", "mode": 1, "option_list": [{"id": "1", "text": "t"}]},
                "submit_button": {"text": "t", "key": "k"},
            },
            0,
        ),
        (
            {
                "card_type": "vote_interaction",
                "checkbox": {"question_key": "q", "option_list": [{"id": str(n), "text": "t"} for n in range(21)]},
                "submit_button": {"text": "t", "key": "k"},
            },
            40058,
        ),
        (
            {
                "card_type": "multiple_interaction",
                "select_list": [{"question_key": "q", "option_list": [{"id": "x" * 129, "text": "t"}]}],
                "submit_button": {"text": "t", "key": "k"},
            },
            40058,
        ),
        (
            {
                "card_type": "multiple_interaction",
                "select_list": [{"question_key": "q", "option_list": [{"id": "x", "text": "t"}]}] * 3,
                "submit_button": {"text": "t", "key": "k"},
            },
            0,
        ),
    ],
)
async def test_questions_on_cards_are_counted(stand_in: StandIn, card: dict[str, Any], errcode: int) -> None:
    given = {"main_title": {"title": "t"}, "task_id": "q1"} | card

    assert (await stand_in.send(msgtype="template_card", template_card=given))["errcode"] == errcode


@pytest.mark.parametrize("name", ["access_token=", "access_token=made-up"])
async def test_a_call_needs_a_token(stand_in: StandIn, name: str) -> None:
    reply = (await stand_in.http.post(f"/cgi-bin/message/send?{name}", json={})).json()

    assert reply["errcode"] == (41001 if name.endswith("=") else 40014)


@pytest.mark.parametrize(("query", "errcode"), [((CORP, "no"), 40001), (("no", SECRET), 40013), ((CORP, SECRET), 0)])
async def test_a_token_needs_corp_and_secret(stand_in: StandIn, query: tuple[str, str], errcode: int) -> None:
    given = dict(zip(("corpid", "corpsecret"), query, strict=True))

    reply = (await stand_in.http.get("/cgi-bin/gettoken", params=given)).json()

    assert reply["errcode"] == errcode
    assert ("access_token" in reply) == (errcode == 0)


async def test_the_same_token_is_given_again_with_the_rest_of_its_life(stand_in: StandIn, clock: Clock) -> None:
    first = await stand_in.token()
    clock.pass_by(3600)

    again = (await stand_in.http.get("/cgi-bin/gettoken", params={"corpid": CORP, "corpsecret": SECRET})).json()

    assert again["access_token"] == first
    assert again["expires_in"] == 3600


async def test_a_task_id_is_used_once(stand_in: StandIn) -> None:
    first = await stand_in.send(**carded())
    second = await stand_in.send(**carded(sub_title_text="other"))

    assert first["errcode"] == 0
    assert second["errcode"] == 42014


async def test_the_same_message_within_the_interval_is_shown_once(stand_in: StandIn, clock: Clock) -> None:
    check = {"enable_duplicate_check": 1, "duplicate_check_interval": 60}

    first, second = await stand_in.send(**text("好"), **check), await stand_in.send(**text("好"), **check)
    clock.pass_by(61)
    third = await stand_in.send(**text("好"), **check)

    assert first["msgid"] == second["msgid"] != third["msgid"]
    assert len(await stand_in.messages()) == 2


async def test_the_excess_over_30_a_minute_is_dropped_without_a_word(stand_in: StandIn) -> None:
    replies = [await stand_in.send(**text(str(n))) for n in range(31)]

    assert {reply["errcode"] for reply in replies} == {0}
    assert len(await stand_in.messages("li")) == 30
    assert (await stand_in.statistics())["dropped_over_limit"] == 1


async def test_messages_are_listed_newest_first_and_by_member(stand_in: StandIn, clock: Clock) -> None:
    for n, users in enumerate(["li", "wang", "li|wang"]):
        clock.pass_by(1)
        await stand_in.send(touser=users, **text(str(n)))

    everybody, wang = await stand_in.messages(), await stand_in.messages("wang")

    assert [each["content"]["content"] for each in everybody] == ["2", "1", "0"]
    assert [each["content"]["content"] for each in wang] == ["2", "1"]


def test_only_the_newest_5000_messages_are_kept_with_what_belongs_to_them(clock: Clock) -> None:
    book = Book(clock)
    messages = [
        Message(str(n), clock(), "app", ("li",), "text", b"{}", task_id=f"t{n}", digest=f"d{n}")
        for n in range(KEPT_MESSAGES + 10)
    ]
    codes = []

    for message in messages:
        codes.append(book.new_code(message))
        book.keep(message)

    assert len(book) == KEPT_MESSAGES
    assert book.forgotten == 10
    assert book.find("9") is None
    assert book.find("10") is messages[10]
    assert book.message_of(codes[10]) is messages[10]
    book.check_new_task("t9")
    assert book.same_as("d9", within_s=60) is None
    assert (len(book._codes), len(book._task_ids), len(book._digests)) == (KEPT_MESSAGES,) * 3


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (text("好" * 682) | {"text": {"content": "好", "mentioned_list": ["@all"]}}, 0),
        (text("好" * 683), 45002),
        ({"msgtype": "markdown", "markdown": {"content": "x" * 4096}}, 0),
        ({"msgtype": "markdown", "markdown": {"content": "x" * 4097}}, 45002),
        ({"msgtype": "template_card", "template_card": recommendation_notice(recommendation())}, 0),
        ({"msgtype": "template_card", "template_card": recommendation_card(recommendation())}, 40058),
        ({"msgtype": "video", "video": {}}, 40008),
    ],
)
async def test_a_group_robot_takes_texts_and_cards_without_buttons(
    stand_in: StandIn, body: dict[str, Any], errcode: int
) -> None:
    assert (await stand_in.group(**body))["errcode"] == errcode


async def test_a_group_robot_has_a_key_and_20_messages_a_minute(stand_in: StandIn, clock: Clock) -> None:
    wrong = await stand_in.group(key="wrong", **text("好"))
    twenty = [await stand_in.group(**text(str(n))) for n in range(20)]
    over = await stand_in.group(**text("21"))
    clock.pass_by(60)
    later = await stand_in.group(**text("21"))

    assert wrong["errcode"] == 93000
    assert {reply["errcode"] for reply in twenty} == {0}
    assert over["errcode"] == 45009
    assert later["errcode"] == 0


async def test_the_caller_addresses_are_listed(stand_in: StandIn) -> None:
    query = {"access_token": await stand_in.token()}

    reply = (await stand_in.http.get("/cgi-bin/getcallbackip", params=query)).json()

    assert reply["ip_list"] == ["127.0.0.1"]


async def test_the_page_loads_nothing_from_outside_and_is_not_indexed(stand_in: StandIn) -> None:
    page = await stand_in.http.get("/")
    parts = [await stand_in.http.get(f"/stand-in/page/{name}") for name in ("page.js", "page.css")]

    assert page.status_code == 200
    assert "noindex" in page.headers["x-robots-tag"]
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert [part.status_code for part in parts] == [200, 200]
    assert not any(mark in each.text for each in (page, *parts) for mark in ("http://", "//cdn", "@import"))
    assert (await stand_in.http.get("/stand-in/page/..%2Fapp.py")).status_code == 404


async def test_the_list_says_that_it_is_kept_in_memory_and_how_much(stand_in: StandIn) -> None:
    book = (await stand_in.http.get("/stand-in/messages")).json()

    assert book["kept_at_most"] == 5000
    assert "memory" in book["note"]


def start(**changes: str) -> subprocess.Popen[str]:
    given = {"CORPID": CORP, "SECRET": SECRET, "AGENTID": str(AGENT)} | changes
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WECOM_STANDIN_")}
    return subprocess.Popen(
        [sys.executable, "-m", "demo.wecom"],
        cwd=ROOT,
        env=environ | {f"WECOM_STANDIN_{name}": value for name, value in given.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_it_prints_its_address_and_stops_cleanly(how: signal.Signals) -> None:
    process = start()
    try:
        assert process.stdout
        address = json.loads(process.stdout.readline())["address"]
        answer = httpx.get(f"{address}/stand-in/messages", trust_env=False)
        process.send_signal(how)
        rest, errors = process.communicate(timeout=10)
    finally:
        process.kill()

    assert answer.json()["items"] == []
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"SECRET": ""}, "WECOM_STANDIN_SECRET"),
        ({"AGENTID": "one"}, "WECOM_STANDIN_AGENTID"),
        ({"CALLBACK_URL": "http://127.0.0.1:1/"}, "WECOM_STANDIN_TOKEN"),
    ],
)
def test_a_missing_setting_is_named_and_nothing_is_served(change: dict[str, str], named: str) -> None:
    process = start(**change)

    output, errors = process.communicate(timeout=20)

    assert process.returncode == 2
    assert output == ""
    assert named in errors
    assert SECRET not in errors
