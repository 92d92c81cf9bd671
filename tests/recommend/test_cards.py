"""Cards on account managers' phones, over the WeCom stand-in."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from chassis.bus import Bus
from chassis.errors import NotFound
from chassis.settings import CommonSettings
from chassis.telemetry import span, trace_id
from chassis.testing import eventually
from marketwin.recommend.v1 import service_pb2 as pb
from marketwin.recommend.v1 import types_pb2
from tests.recommend.builders import tell_profiles
from tests.recommend.scenes import (
    card_of,
    listed,
    made_heard,
    messages_of,
    new_codes,
    recommended,
    shop_of,
    state_of,
)

Stub = Any


async def test_a_live_change_reaches_the_managers_phone_within_two_seconds_under_its_trace(
    recommend: Stub, log: Bus, phone: httpx.AsyncClient
) -> None:
    retailer, manager = new_codes()

    async with made_heard(log) as told:
        started = asyncio.get_running_loop().time()
        with span("test"):
            mine = trace_id()
            await tell_profiles(log, shop_of(retailer, manager))
        card = await card_of(phone, manager)
        took_s = asyncio.get_running_loop().time() - started

        async def fact() -> list[types_pb2.Recommendation]:
            return [each for each in told if each.retailer == retailer]

        heard = await eventually(fact)

    assert took_s < 2.0
    assert {each.trace_id for each in heard} == {mine}
    assert f"Shop {retailer}" in str(card)


async def test_a_sent_card_is_shown_and_a_click_accepts_it_once_and_changes_the_card(
    recommend: Stub, log: Bus, phone: httpx.AsyncClient
) -> None:
    retailer, manager = new_codes()
    made = await recommended(recommend, log, retailer, manager)
    await card_of(phone, manager)

    async def shown() -> str:
        return next((each.id for each in await listed(recommend, retailer) if each.state == "shown"), "")

    chosen = await eventually(shown)
    click = pb.AnswerCardRequest(
        task_id=f"rec-{chosen}", event_key=f"accept:{chosen}", user_id=manager, message_key="click-1"
    )
    answer = await recommend.AnswerCard(click)
    again = await recommend.AnswerCard(click)

    async def replaced() -> bool:
        return "已采纳" in str(await messages_of(phone, manager))

    await eventually(replaced)
    assert chosen in {each.id for each in made}
    assert (answer.recommendation.state, answer.replace_name) == ("accepted", "已采纳 Accepted")
    assert (answer.repeated_click, again.repeated_click) == (False, True)
    assert again.recommendation.revision == answer.recommendation.revision


async def test_an_answer_in_the_console_changes_the_card_on_the_phone(
    recommend: Stub, log: Bus, phone: httpx.AsyncClient
) -> None:
    retailer, manager = new_codes()
    await recommended(recommend, log, retailer, manager)
    await card_of(phone, manager)

    async def shown() -> str:
        return next((each.id for each in await listed(recommend, retailer) if each.state == "shown"), "")

    chosen = await eventually(shown)
    await recommend.GiveFeedback(
        pb.GiveFeedbackRequest(id=chosen, event="rejected", reason="no room", user_id=manager, origin="console")
    )

    async def replaced() -> bool:
        return "已拒绝" in str(await messages_of(phone, manager))

    assert await eventually(replaced)


async def test_a_click_of_somebody_else_is_not_taken(recommend: Stub, log: Bus, phone: httpx.AsyncClient) -> None:
    retailer, manager = new_codes()
    await recommended(recommend, log, retailer, manager)
    await card_of(phone, manager)

    async def shown() -> str:
        return next((each.id for each in await listed(recommend, retailer) if each.state == "shown"), "")

    chosen = await eventually(shown)
    stranger = pb.AnswerCardRequest(task_id=f"rec-{chosen}", event_key=f"accept:{chosen}", user_id="stranger")
    with pytest.raises(NotFound):
        await recommend.AnswerCard(stranger)

    assert await state_of(recommend, chosen) == "shown"


async def test_without_a_valid_licence_nothing_is_sent_for_a_product_that_needs_one(
    recommend: Stub, log: Bus, phone: httpx.AsyncClient
) -> None:
    (unknown, manager), (expired, _), (valid, _) = new_codes(), new_codes(), new_codes()

    blocked = await recommended(recommend, log, unknown, manager, license_status="", license_valid_to="")
    lapsed = await recommended(recommend, log, expired, manager, license_valid_to="2020-01-01")
    await recommended(recommend, log, valid, manager)
    await card_of(phone, manager)

    assert {limit.code for each in blocked for limit in each.limits if limit.blocks} == {"licence_unknown"}
    assert {limit.code for each in lapsed for limit in each.limits if limit.blocks} == {"licence_invalid"}
    shown = str(await messages_of(phone, manager))
    assert f"Shop {valid}" in shown
    assert f"Shop {unknown}" not in shown
    assert f"Shop {expired}" not in shown


async def test_a_card_whose_recommendation_ended_before_it_left_is_withheld_and_says_why(
    recommend: Stub, log: Bus, common: CommonSettings, phone: httpx.AsyncClient
) -> None:
    retailer, manager = new_codes()
    ended = (await recommended(recommend, log, retailer, ""))[0].id
    connection = await asyncpg.connect(common.postgres_url)

    await connection.execute("UPDATE recommend.recommendation SET state = 'withdrawn' WHERE id = $1", ended)
    await connection.execute(
        "INSERT INTO recommend.card (task_id, recommendation_id, retailer_code, account_manager, cycle, is_live, "
        "state, queued_at, due_at, attempts, note, response_code, update_text, traceparent) "
        "VALUES ($1, $2, $3, $4, 0, true, 'queued', now(), now(), 0, '', '', '', '')",
        *(f"rec-{ended}", ended, retailer, manager),
    )

    async def left_the_queue() -> tuple[str, str] | None:
        row = await connection.fetchrow("SELECT state, note FROM recommend.card WHERE recommendation_id = $1", ended)
        return None if row["state"] == "queued" else tuple(row)

    found = await eventually(left_the_queue)
    await connection.close()
    assert found == ("withheld", "no_longer_recommended")
    assert await messages_of(phone, manager) == []


async def test_a_bulk_change_uses_only_its_share_of_a_managers_cards(
    recommend: Stub, log: Bus, phone: httpx.AsyncClient
) -> None:
    _, manager = new_codes()
    shops = [shop_of(new_codes()[0], manager) for _ in range(30)]

    await tell_profiles(log, *shops)

    async def all_ranked() -> bool:
        found = await recommend.ListRecommendations(
            pb.ListRecommendationsRequest(account_manager=manager, page_size=1000)
        )
        return len({each.retailer for each in found.recommendations}) == 30

    await eventually(all_ranked, within_s=15)
    await card_of(phone, manager, 2)
    live, _ = new_codes()
    await tell_profiles(log, shop_of(live, manager))
    await card_of(phone, manager, 3)

    messages = await messages_of(phone, manager)
    assert len(messages) == 3
    assert f"Shop {live}" in str(messages)


async def test_the_counts_cover_recommendations_and_cards(recommend: Stub, log: Bus) -> None:
    counts = await recommend.CountRecommendations(pb.CountRecommendationsRequest())

    assert counts.recommendations_by_state["open"] > 0
    assert counts.cards_by_state["sent"] > 0
