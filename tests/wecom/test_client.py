"""The client against the served stand-in and a real Valkey: sending, tokens, limits, secrets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chassis.errors import Invalid, Unavailable
from deploy.embedded import free_port
from services.recommend.wecom import (
    Audience,
    AudienceRefused,
    ConfigWrong,
    ContentClass,
    WeComBusy,
    WeComClient,
    recommendation_card,
    recommendation_notice,
)
from services.recommend.wecom.keys import Keys
from services.recommend.wecom.limits import PER_MEMBER_HOUR, SendLimits
from tests.wecom.world import AGENT, CORP, SECRET, Clock, StandIn, recommendation

STAFF = {"audience": Audience.STAFF, "content_class": ContentClass.RECOMMENDATION}
KEYS = Keys(CORP, AGENT)
NewClient = Callable[..., WeComClient]


async def test_a_card_reaches_the_manager_with_handles_to_change_it_later(
    client: WeComClient, stand_in: StandIn
) -> None:
    card = recommendation_card(recommendation())

    sent = await client.send_template_card(["LiSi"], card, **STAFF)

    [shown] = await stand_in.messages("LiSi")
    assert sent.delivered == ("LiSi",)
    assert (sent.held_back, sent.unknown, sent.unlicensed) == ((), (), ())
    assert shown["msgid"] == sent.msgid
    assert shown["content"] == card
    assert sent.response_code


async def test_a_notice_and_a_text_have_no_response_code(client: WeComClient, stand_in: StandIn) -> None:
    notice = await client.send_template_card(["LiSi"], recommendation_notice(recommendation()), **STAFF)
    text = await client.send_text(["LiSi"], "今日拜访 3 家", **STAFF)

    assert [each["msgtype"] for each in await stand_in.messages()] == ["text", "template_card"]
    assert notice.response_code is None
    assert text.response_code is None


async def test_a_long_chinese_text_is_cut_to_2048_bytes_before_sending(client: WeComClient, stand_in: StandIn) -> None:
    await client.send_text(["LiSi"], "补货" * 2000, **STAFF)

    [shown] = await stand_in.messages()
    content = shown["content"]["content"]
    assert content == "补货" * 340 + "补" + "…"
    assert len(content.encode()) <= 2048


async def test_long_texts_of_a_card_are_cut_and_its_keys_are_not(client: WeComClient, stand_in: StandIn) -> None:
    card = recommendation_card(recommendation(id="k" * 90))
    card["sub_title_text"] = "很长的理由" * 200

    await client.send_template_card(["LiSi"], card, **STAFF)

    [shown] = await stand_in.messages()
    assert len(shown["content"]["sub_title_text"].encode()) <= 480
    assert shown["content"]["button_list"][0]["key"] == "accept:" + "k" * 90


@pytest.mark.parametrize("users", [[], [""], ["@all"], ["a|b"], [f"u{n}" for n in range(1001)]])
async def test_receivers_that_would_pass_by_the_limits_are_refused(
    client: WeComClient, stand_in: StandIn, users: list[str]
) -> None:
    with pytest.raises(Invalid):
        await client.send_text(users, "好", **STAFF)

    assert await stand_in.calls("message/send") == 0


@pytest.mark.parametrize("audience", [Audience.CONSUMER, "consumer", Audience.PUBLIC])
@pytest.mark.parametrize("content_class", [*ContentClass])
async def test_nothing_is_ever_sent_to_consumers(
    client: WeComClient, stand_in: StandIn, audience: str, content_class: ContentClass
) -> None:
    card = recommendation_card(recommendation())
    label = {"audience": audience, "content_class": content_class}

    for attempt in (
        lambda: client.send_template_card(["LiSi"], card, **label),
        lambda: client.send_text(["LiSi"], "好", **label),
        lambda: client.update_template_card(["LiSi"], "code", change="好", **label),
    ):
        with structlog.testing.capture_logs() as logs, pytest.raises(AudienceRefused, match="C-01"):
            await attempt()
        assert [line["event"] for line in logs] == ["wecom.audience_refused"]

    assert (await stand_in.statistics())["calls"] == {}


async def test_a_message_without_audience_and_content_class_cannot_be_written(client: WeComClient) -> None:
    with pytest.raises(TypeError, match="audience"):
        await client.send_text(["LiSi"], "好")
    with pytest.raises(Invalid) as refused:
        await client.send_text(["LiSi"], "好", audience="everybody", content_class="ad")

    assert [problem.pointer for problem in refused.value.errors] == ["/audience", "/content_class"]


async def test_the_token_is_fetched_once_however_many_send_from_however_many_replicas(
    new_client: NewClient, stand_in: StandIn
) -> None:
    await stand_in.fault("gettoken", 0, delay_ms=200)
    replicas = [new_client(), new_client()]

    await asyncio.gather(*(replica.send_text([f"u{n}"], f"{n}", **STAFF) for n, replica in enumerate(replicas * 10)))

    assert await stand_in.calls("gettoken") == 1
    assert await stand_in.calls("message/send") == 20


async def test_the_token_is_kept_for_its_life_and_renewed_300_seconds_before_its_end(
    client: WeComClient, redis: Redis
) -> None:
    await client.send_text(["LiSi"], "好", **STAFF)

    assert 7195 <= await redis.ttl(KEYS.token) <= 7200
    assert 6895 <= await redis.ttl(KEYS.fresh) <= 6900


async def test_while_one_renews_the_token_the_others_go_on_with_the_old_one(
    client: WeComClient, stand_in: StandIn, redis: Redis
) -> None:
    await client.send_text(["LiSi"], "1", **STAFF)
    await redis.delete(KEYS.fresh)
    await redis.set(KEYS.token_lock, "another replica", ex=15)

    sent = await client.send_text(["LiSi"], "2", **STAFF)

    assert sent.delivered == ("LiSi",)
    assert await stand_in.calls("gettoken") == 1


async def test_a_token_due_for_renewal_is_renewed_once(
    client: WeComClient, stand_in: StandIn, redis: Redis, clock: Clock
) -> None:
    await client.send_text(["LiSi"], "1", **STAFF)
    old = await redis.get(KEYS.token)
    clock.pass_by(6901)
    await redis.delete(KEYS.fresh)

    await asyncio.gather(*(client.send_text([f"u{n}"], "2", **STAFF) for n in range(5)))

    assert await stand_in.calls("gettoken") == 2
    assert await redis.get(KEYS.token) != old


async def test_an_expired_token_is_replaced_and_the_message_sent(
    client: WeComClient, stand_in: StandIn, clock: Clock
) -> None:
    await client.send_text(["LiSi"], "1", **STAFF)
    clock.pass_by(7201)

    sent = await client.send_text(["LiSi"], "2", **STAFF)

    assert sent.delivered == ("LiSi",)
    assert await stand_in.calls("message/send") == 3
    assert await stand_in.calls("gettoken") == 2


async def test_a_revoked_token_is_replaced_and_the_message_sent(client: WeComClient, stand_in: StandIn) -> None:
    await client.send_text(["LiSi"], "1", **STAFF)
    await stand_in.revoke_tokens()

    sent = await client.send_text(["LiSi"], "2", **STAFF)

    assert sent.delivered == ("LiSi",)
    assert await stand_in.calls("gettoken") == 2


async def test_a_forgotten_store_costs_a_token_and_loses_no_message(
    client: WeComClient, stand_in: StandIn, redis: Redis
) -> None:
    await client.send_text(["LiSi"], "1", **STAFF)
    await redis.flushdb()

    sent = await client.send_text(["LiSi"], "2", **STAFF)

    assert sent.delivered == ("LiSi",)
    assert len(await stand_in.messages("LiSi")) == 2


async def test_without_the_store_nothing_is_sent_and_the_caller_may_try_again(
    new_client: NewClient, stand_in: StandIn
) -> None:
    away = Redis(host="127.0.0.1", port=free_port(), retry=Retry(NoBackoff(), 0))
    client = new_client(store=away)

    with pytest.raises(Unavailable, match="later"):
        await client.send_text(["LiSi"], "1", **STAFF)

    assert (await stand_in.statistics())["calls"] == {}
    await away.aclose()


async def test_the_31st_message_of_a_minute_is_held_back_and_not_dropped(
    client: WeComClient, stand_in: StandIn, clock: Clock
) -> None:
    first = [await client.send_text(["LiSi", "Wang"], f"{n}", **STAFF) for n in range(30)]
    clock.pass_by(20)

    late = await client.send_text(["LiSi", "Zhao"], "31", **STAFF)
    clock.pass_by(41)
    again = await client.send_text(["LiSi"], "31", **STAFF)

    assert all(sent.delivered == ("LiSi", "Wang") for sent in first)
    assert late.delivered == ("Zhao",)
    assert [(held.user_id, held.limit, held.retry_after_s) for held in late.held_back] == [
        ("LiSi", "member_minute", 40.0)
    ]
    assert again.delivered == ("LiSi",)
    assert (await stand_in.statistics())["dropped_over_limit"] == 0


async def test_a_burst_over_the_turn_of_a_minute_does_not_double_the_limit(redis: Redis, clock: Clock) -> None:
    limits = SendLimits(redis, KEYS, account_cap=1000)
    clock.pass_by(59)
    for _ in range(30):
        await limits.reserve(["LiSi"], now_s=clock())
    clock.pass_by(2)

    grant = await limits.reserve(["LiSi"], now_s=clock())

    assert [(held.limit, held.retry_after_s) for held in grant.held_back] == [("member_minute", 58.0)]


async def test_the_1001st_message_of_an_hour_is_held_back(redis: Redis, clock: Clock) -> None:
    limits = SendLimits(redis, KEYS, account_cap=1000)
    for _ in range(PER_MEMBER_HOUR):
        assert (await limits.reserve(["LiSi"], now_s=clock())).allowed == ("LiSi",)
        clock.pass_by(3)

    grant = await limits.reserve(["LiSi"], now_s=clock())
    clock.pass_by(grant.held_back[0].retry_after_s)
    later = await limits.reserve(["LiSi"], now_s=clock())

    assert [(held.limit, held.retry_after_s) for held in grant.held_back] == [("member_hour", 600.0)]
    assert later.allowed == ("LiSi",)


async def test_the_app_stops_at_200_person_times_for_each_account_until_midnight_in_china(
    new_client: NewClient, clock: Clock
) -> None:
    client = new_client(account_cap=1)
    everybody = [f"u{n}" for n in range(150)]

    morning = await client.send_text(everybody, "1", **STAFF)
    noon = await client.send_text(everybody, "2", **STAFF)
    clock.pass_by(noon.held_back[0].retry_after_s)
    next_day = await client.send_text(everybody[:3], "3", **STAFF)

    assert len(morning.delivered) == 150
    assert len(noon.delivered) == 50
    assert {held.limit for held in noon.held_back} == {"app_day"}
    assert {*noon.delivered, *(held.user_id for held in noon.held_back)} == set(everybody)
    assert noon.held_back[0].retry_after_s == 12 * 3600
    assert len(next_day.delivered) == 3


async def test_a_place_is_given_back_when_the_message_was_certainly_not_sent(
    client: WeComClient, stand_in: StandIn, redis: Redis, clock: Clock
) -> None:
    await stand_in.fault("message/send", -1, times=4)

    with pytest.raises(WeComBusy):
        await client.send_text(["LiSi"], "1", **STAFF)

    assert await redis.zcard(KEYS.member_log("LiSi")) == 0
    assert [int(await redis.get(key)) for key in await redis.keys(KEYS.day("*"))] == [0]


async def test_neither_secret_nor_token_nor_response_code_is_logged_or_in_an_error(
    new_client: NewClient, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong_secret = "the-wrong-secret"
    errors = []

    with structlog.testing.capture_logs() as lines:
        good, bad = new_client(), new_client(secret=wrong_secret, agent_id=7)
        sent = await good.send_template_card(["LiSi"], recommendation_card(recommendation()), **STAFF)
        for errcode in (40058, 45009):
            await stand_in.fault("message/send", errcode)
        for attempt in (good, good, bad):
            try:
                await attempt.send_text(["LiSi"], "x", **STAFF)
            except (ConfigWrong, Invalid) as error:
                errors.append(f"{error} {error!r} {error.as_dict()}")
    written = "\n".join([caplog.text, str(lines), *errors, repr(good._settings)])

    assert "/cgi-bin/gettoken" in caplog.text
    assert len(errors) == 2
    for hidden in (SECRET, wrong_secret, await stand_in.token(), sent.response_code):
        assert hidden
        assert hidden not in written
