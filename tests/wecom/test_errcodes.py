"""What the client does about each errcode, with faults injected into the served stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from deploy.embedded import free_port
from services.recommend.wecom import (
    Alert,
    ApiStopped,
    BotDisabled,
    ConfigWrong,
    MessageRefused,
    RelationGone,
    WeComBusy,
    WeComClient,
    recommendation_card,
)
from services.recommend.wecom.keys import Keys
from tests.wecom.world import AGENT, CORP, StandIn, recommendation

STAFF = {"audience": "staff", "content_class": "recommendation"}
SEND = "message/send"
UPDATE = "message/update_template_card"
KEYS = Keys(CORP, AGENT)


@pytest.mark.parametrize("errcode", [-1, 45033])
async def test_a_busy_service_is_asked_again_up_to_three_times(
    client: WeComClient, stand_in: StandIn, errcode: int
) -> None:
    await stand_in.fault(SEND, errcode, times=3)

    sent = await client.send_text(["LiSi"], "1", **STAFF)

    assert sent.delivered == ("LiSi",)
    assert await stand_in.calls(SEND) == 4


@pytest.mark.parametrize("errcode", [-1, 45033])
async def test_a_service_that_stays_busy_is_left_alone_after_three_retries(
    client: WeComClient, stand_in: StandIn, errcode: int
) -> None:
    await stand_in.fault(SEND, errcode, times=10)

    with pytest.raises(WeComBusy) as busy:
        await client.send_text(["LiSi"], "1", **STAFF)

    assert await stand_in.calls(SEND) == 4
    assert not busy.value.maybe_done


async def test_never_more_than_five_calls_of_one_api_are_open(client: WeComClient, stand_in: StandIn) -> None:
    await stand_in.fault(SEND, 0, times=20, delay_ms=30)

    sent = await asyncio.gather(*(client.send_text([f"u{n}"], "1", **STAFF) for n in range(20)))

    assert all(each.delivered for each in sent)
    assert (await stand_in.statistics())["most_at_once"][SEND] == 5


async def test_the_frequency_limit_stops_the_api_for_60_seconds_and_keeps_the_message(
    client: WeComClient, stand_in: StandIn, redis: Redis
) -> None:
    await stand_in.fault(SEND, 45009)

    hit = await client.send_text(["LiSi", "Wang"], "1", **STAFF)
    during = await client.send_text(["LiSi"], "2", **STAFF)
    calls_during = await stand_in.calls(SEND)
    await redis.delete(KEYS.stopped(SEND))
    after = await client.send_text(["LiSi", "Wang"], "1", **STAFF)

    assert [(held.user_id, held.limit, held.retry_after_s) for held in hit.held_back] == [
        ("LiSi", "api_stopped", 60),
        ("Wang", "api_stopped", 60),
    ]
    assert during.held_back[0].limit == "api_stopped"
    assert 55 < during.held_back[0].retry_after_s <= 60
    assert calls_during == 1
    assert after.delivered == ("LiSi", "Wang")


async def test_a_stop_holds_for_all_replicas_and_only_for_its_api(
    new_client: Callable[..., WeComClient], stand_in: StandIn
) -> None:
    one, other = new_client(), new_client()
    card = await one.send_template_card(["LiSi"], recommendation_card(recommendation()), **STAFF)
    await stand_in.fault(SEND, 45009)
    await one.send_text(["LiSi"], "1", **STAFF)

    held = await other.send_text(["LiSi"], "2", **STAFF)
    updated = await other.update_template_card(["LiSi"], card.response_code or "", change="已处理", **STAFF)

    assert held.delivered == ()
    assert updated.updated == ("LiSi",)


async def test_stops_that_follow_each_other_grow_up_to_an_hour(
    client: WeComClient, stand_in: StandIn, redis: Redis
) -> None:
    await stand_in.fault(SEND, 45009, times=5)
    rests = []

    for n in range(5):
        sent = await client.send_text(["LiSi"], f"{n}", **STAFF)
        rests.append(sent.held_back[0].retry_after_s)
        await redis.delete(KEYS.stopped(SEND))

    assert rests == [60, 240, 960, 3600, 3600]


async def test_a_stopped_update_says_when_to_come_back(client: WeComClient, stand_in: StandIn) -> None:
    await stand_in.fault(UPDATE, 45009)

    with pytest.raises(ApiStopped) as stopped:
        await client.update_template_card(["LiSi"], "code", change="好", **STAFF)

    assert stopped.value.retry_after_s == 60


@pytest.mark.parametrize("errcode", [40001, 40013, 48002, 60011, 60020])
async def test_a_wrong_configuration_alerts_and_is_not_retried(
    client: WeComClient, stand_in: StandIn, alerts: list[Alert], errcode: int
) -> None:
    await stand_in.fault(SEND, errcode)

    with pytest.raises(ConfigWrong, match=str(errcode)):
        await client.send_text(["LiSi"], "1", **STAFF)

    assert [(alert.kind, alert.errcode, alert.api) for alert in alerts] == [("config", errcode, SEND)]
    assert alerts[0].advice
    assert await stand_in.calls(SEND) == 1


@pytest.mark.parametrize(("change", "errcode"), [({"secret": "wrong"}, 40001), ({"corp_id": "wwother"}, 40013)])
async def test_a_wrong_secret_or_corp_alerts_and_is_not_retried(
    new_client: Callable[..., WeComClient],
    stand_in: StandIn,
    alerts: list[Alert],
    change: dict[str, str],
    errcode: int,
) -> None:
    with pytest.raises(ConfigWrong):
        await new_client(**change).send_text(["LiSi"], "1", **STAFF)

    assert [(alert.errcode, alert.api) for alert in alerts] == [(errcode, "gettoken")]
    assert (await stand_in.statistics())["calls"] == {"gettoken": 1}


@pytest.mark.parametrize("errcode", [40014, 42001])
async def test_a_refused_token_is_replaced_once_and_the_call_repeated_once(
    client: WeComClient, stand_in: StandIn, errcode: int
) -> None:
    await stand_in.fault(SEND, errcode)

    sent = await client.send_text(["LiSi"], "1", **STAFF)

    assert sent.delivered == ("LiSi",)
    assert await stand_in.calls(SEND) == 2
    assert await stand_in.calls("gettoken") == 2


@pytest.mark.parametrize("errcode", [40014, 42001])
async def test_a_token_refused_twice_is_a_matter_of_configuration(
    client: WeComClient, stand_in: StandIn, alerts: list[Alert], errcode: int
) -> None:
    await stand_in.fault(SEND, errcode, times=5)

    with pytest.raises(ConfigWrong):
        await client.send_text(["LiSi"], "1", **STAFF)

    assert await stand_in.calls(SEND) == 2
    assert [alert.errcode for alert in alerts] == [errcode]


@pytest.mark.parametrize("errcode", [60111, 81013, 82001])
async def test_unknown_receivers_are_marked_and_not_tried_again(
    client: WeComClient, stand_in: StandIn, alerts: list[Alert], redis: Redis, errcode: int
) -> None:
    await stand_in.fault(SEND, errcode)

    first = await client.send_text(["LiSi"], "1", **STAFF)
    second = await client.send_text(["LiSi", "Wang"], "2", **STAFF)

    assert first.unknown == ("LiSi",)
    assert first.msgid is None
    assert second.unknown == ("LiSi",)
    assert second.delivered == ("Wang",)
    assert [(alert.kind, alert.errcode) for alert in alerts] == [("user", errcode)]
    assert [message["to"] for message in await stand_in.messages()] == [["Wang"]]
    assert 0 < await redis.ttl(KEYS.unknown_member("LiSi")) <= 3600


async def test_partial_failure_is_read_from_the_lists_of_a_successful_answer(
    client: WeComClient, stand_in: StandIn, redis: Redis
) -> None:
    await stand_in.member("ZhangSan", "gone")
    await stand_in.member("WangWu", "unlicensed")

    sent = await client.send_text(["LiSi", "ZhangSan", "WangWu"], "1", **STAFF)

    assert sent.delivered == ("LiSi",)
    assert sent.unknown == ("ZhangSan",)
    assert sent.unlicensed == ("WangWu",)
    assert sent.msgid
    assert await redis.exists(KEYS.unknown_member("zhangsan")) == 1
    assert [int(await redis.get(key)) for key in await redis.keys(KEYS.day("*"))] == [1]


async def test_when_every_receiver_has_left_the_stand_in_says_81013_and_all_are_unknown(
    client: WeComClient, stand_in: StandIn, alerts: list[Alert]
) -> None:
    await stand_in.member("LiSi", "gone")

    sent = await client.send_text(["LiSi"], "1", **STAFF)

    assert sent.unknown == ("LiSi",)
    assert [alert.errcode for alert in alerts] == [81013]


@pytest.mark.parametrize("errcode", [40058, 45002, 40008, 42014, 42017, 999_999])
async def test_a_refused_message_is_not_retried_and_the_hint_is_kept(
    client: WeComClient, stand_in: StandIn, errcode: int
) -> None:
    await stand_in.fault(SEND, errcode)

    with pytest.raises(MessageRefused) as refused:
        await client.send_text(["LiSi"], "1", **STAFF)

    [problem] = refused.value.errors
    assert problem.rule == f"errcode_{errcode}"
    assert "injected" in problem.message
    assert await stand_in.calls(SEND) == 1


@pytest.mark.parametrize(
    ("errcode", "error"),
    [
        (84061, RelationGone),
        (84074, RelationGone),
        (93000, BotDisabled),
        (93004, BotDisabled),
        (93008, BotDisabled),
    ],
)
async def test_lost_relations_and_stopped_robots_have_errors_of_their_own(
    client: WeComClient, stand_in: StandIn, errcode: int, error: type[Exception]
) -> None:
    await stand_in.fault(SEND, errcode)

    with pytest.raises(error):
        await client.send_text(["LiSi"], "1", **STAFF)

    assert await stand_in.calls(SEND) == 1


async def test_a_lost_answer_is_retried_and_the_manager_gets_the_card_once(
    new_client: Callable[..., WeComClient], stand_in: StandIn
) -> None:
    client = new_client(timeout_s=0.5)
    await stand_in.fault(SEND, 0, answer_delay_ms=700)

    sent = await client.send_template_card(["LiSi"], recommendation_card(recommendation()), **STAFF)

    [shown] = await stand_in.messages("LiSi")
    assert sent.delivered == ("LiSi",)
    assert sent.msgid == shown["msgid"]
    assert await stand_in.calls(SEND) == 2


async def test_without_any_answer_the_message_counts_as_maybe_sent(
    new_client: Callable[..., WeComClient], stand_in: StandIn, redis: Redis
) -> None:
    client = new_client(timeout_s=0.2)
    await client.send_text(["Wang"], "0", **STAFF)
    await stand_in.fault(SEND, 0, times=4, delay_ms=400)

    with pytest.raises(WeComBusy) as busy:
        await client.send_text(["LiSi"], "1", **STAFF)

    assert busy.value.maybe_done
    assert await redis.zcard(KEYS.member_log("LiSi")) == 1


async def test_a_service_that_is_not_there_has_certainly_not_sent(
    new_client: Callable[..., WeComClient], redis: Redis
) -> None:
    client = new_client(base_url=f"http://127.0.0.1:{free_port()}")

    with pytest.raises(WeComBusy) as busy:
        await client.send_text(["LiSi"], "1", **STAFF)

    assert not busy.value.maybe_done
    assert await redis.zcard(KEYS.member_log("LiSi")) == 0
