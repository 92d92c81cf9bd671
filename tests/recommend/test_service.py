"""The running recommend service over real PostgreSQL, NATS, Valkey, gRPC and the WeCom stand-in."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from pydantic import SecretStr

from chassis.bus import Bus, Message, bus
from chassis.db import Database, database
from chassis.errors import Conflict, Invalid, NotFound
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.telemetry import span, telemetry, trace_id
from chassis.testing import eventually, fresh_database
from marketwin.profile.v1 import types_pb2 as profile_types
from marketwin.recommend.v1 import events_pb2, service_pb2_grpc, types_pb2
from marketwin.recommend.v1 import service_pb2 as pb
from services.recommend.app import MIGRATIONS, app
from services.recommend.settings import RecommendSettings
from services.recommend.store import SCHEMA
from services.recommend.store.tables import Base
from tests.recommend.builders import profile, purchase, sku_twin, tell_profiles, tell_twins

Stub = Any
CORP, SECRET, AGENT = "ww-test", "secret", 1000002


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def phone() -> AsyncIterator[httpx.AsyncClient]:
    """What the stand-in shows on account managers' phones."""
    given = {
        "WECOM_STANDIN_CORPID": CORP,
        "WECOM_STANDIN_SECRET": SECRET,
        "WECOM_STANDIN_AGENTID": str(AGENT),
        "WECOM_STANDIN_CALLBACK_URL": "http://127.0.0.1:9/none",
        "WECOM_STANDIN_TOKEN": "token",
        "WECOM_STANDIN_ENCODING_AES_KEY": "a" * 42 + "A",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo.wecom", stdout=asyncio.subprocess.PIPE, env={**os.environ, **given}
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        address = json.loads(line)["address"]
        async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def recommend(common: CommonSettings, phone: httpx.AsyncClient) -> AsyncIterator[Stub]:
    settings = RecommendSettings(
        common=common,
        quiet_s=0.3,
        wecom_base_url=str(phone.base_url).rstrip("/"),
        wecom_corp_id=CORP,
        wecom_secret=SecretStr(SECRET),
        wecom_agent_id=AGENT,
        bulk_cards_per_day=2,
        cards_per_day=4,
    )
    with telemetry("recommend", common):
        async with (
            app(settings) as running,
            connect(running.address, service_pb2_grpc.RecommendServiceStub) as stub,
        ):
            yield stub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings, recommend: Stub) -> AsyncIterator[Bus]:
    """A bus with six shops and their products already told of, all of one quiet manager."""
    async with bus(common.nats_url, "test") as connected:
        for owner in ("twin", "profile"):
            await connected.ensure_stream(owner)
        await tell_twins(connected, *[sku_twin(f"S{n}", price_class=1 + n % 3) for n in range(8)])
        baskets = [(0, 1, 2), (0, 1, 3), (0, 1, 4), (1, 2, 5), (0, 2, 3), (0, 1, 2, 3)]
        shops = [
            profile(f"R-base-{n}", *[purchase(f"S{s}") for s in basket], account_manager="")
            for n, basket in enumerate(baskets)
        ]
        await tell_profiles(connected, *shops)

        async def ranked() -> bool:
            return len(await _listed(recommend, "R-base-5")) > 0

        await eventually(ranked)
        yield connected


def _new() -> tuple[str, str]:
    """Codes of a new retailer and its account manager."""
    code = uuid.uuid4().hex[:10]
    return f"R{code}", f"m{code}"


async def _listed(stub: Stub, retailer: str, **wanted: object) -> list[types_pb2.Recommendation]:
    found = await stub.ListRecommendations(pb.ListRecommendationsRequest(retailer=retailer, page_size=100, **wanted))
    return list(found.recommendations)


async def _recommended(
    stub: Stub, log: Bus, retailer: str, manager: str, **more: object
) -> list[types_pb2.Recommendation]:
    """Tells of a shop that buys S0 and S1, and waits for its lists."""
    await tell_profiles(log, _shop(retailer, manager, **more))

    async def fact() -> list[types_pb2.Recommendation]:
        return await _listed(stub, retailer)

    return await eventually(fact)


def _shop(retailer: str, manager: str, **more: object) -> profile_types.Profile:
    return profile(retailer, purchase("S0"), purchase("S1"), account_manager=manager, **more)


async def _messages(phone: httpx.AsyncClient, manager: str) -> list[dict[str, Any]]:
    answer = await phone.get("/stand-in/messages", params={"user": manager})
    return list(answer.json()["items"])


async def _card(phone: httpx.AsyncClient, manager: str, count: int = 1) -> dict[str, Any]:
    async def fact() -> list[dict[str, Any]]:
        messages = await _messages(phone, manager)
        return messages if len(messages) >= count else []

    return (await eventually(fact))[0]


async def _state(stub: Stub, recommendation_id: str) -> str:
    found = await stub.GetRecommendation(pb.GetRecommendationRequest(id=recommendation_id))
    return str(found.recommendation.state)


async def _reaches(stub: Stub, recommendation_id: str, state: str) -> None:
    async def fact() -> bool:
        return await _state(stub, recommendation_id) == state

    await eventually(fact)


@asynccontextmanager
async def _heard(log: Bus) -> AsyncIterator[list[types_pb2.Recommendation]]:
    made: list[types_pb2.Recommendation] = []

    async def handle(message: Message) -> None:
        made.extend(events_pb2.RecommendationMade.FromString(message.data).recommendations)

    subjects = ["marketwin.recommend.v1.RecommendationMade"]
    listening = asyncio.create_task(log.consume(durable=f"test-{uuid.uuid4().hex}", subjects=subjects, handle=handle))
    try:
        yield made
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_a_profile_becomes_ranked_lists_with_reasons_in_both_languages(recommend: Stub, log: Bus) -> None:
    retailer, manager = _new()

    made = await _recommended(recommend, log, retailer, manager)

    next_order = [each for each in made if each.mode == "next_order"]
    new = [each for each in made if each.mode == "new"]
    assert {each.sku for each in next_order} == {"S0", "S1"}
    assert {each.sku for each in new}.isdisjoint({"S0", "S1"})
    assert [each.rank for each in next_order] == [1, 2]
    assert all(0 <= each.score <= 1 for each in made)
    assert all(each.reasons and each.reasons[0].text_zh and each.reasons[0].text_en for each in made)
    assert next_order[0].sku_name_zh.startswith("品")
    assert next_order[0].quantity_base == 400
    assert next_order[0].unit == "stick"
    assert next_order[0].cycle == "2024-W20"


async def test_the_same_profile_told_again_does_not_multiply_recommendations(recommend: Stub, log: Bus) -> None:
    retailer, manager = _new()
    first = await _recommended(recommend, log, retailer, manager)

    await tell_profiles(log, _shop(retailer, manager, revision=2))
    other, other_manager = _new()
    await _recommended(recommend, log, other, other_manager)

    again = await _listed(recommend, retailer)
    assert {each.id for each in again} == {each.id for each in first}


async def test_a_live_change_reaches_the_managers_phone_within_two_seconds_under_its_trace(
    recommend: Stub, log: Bus, phone: httpx.AsyncClient
) -> None:
    retailer, manager = _new()

    async with _heard(log) as told:
        started = asyncio.get_running_loop().time()
        with span("test"):
            mine = trace_id()
            await tell_profiles(log, _shop(retailer, manager))
        card = await _card(phone, manager)
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
    retailer, manager = _new()
    made = await _recommended(recommend, log, retailer, manager)
    await _card(phone, manager)

    async def shown() -> str:
        return next((each.id for each in await _listed(recommend, retailer) if each.state == "shown"), "")

    chosen = await eventually(shown)
    click = pb.AnswerCardRequest(
        task_id=f"rec-{chosen}", event_key=f"accept:{chosen}", user_id=manager, message_key="click-1"
    )
    answer = await recommend.AnswerCard(click)
    again = await recommend.AnswerCard(click)

    async def replaced() -> bool:
        return "已采纳" in str(await _messages(phone, manager))

    await eventually(replaced)
    assert chosen in {each.id for each in made}
    assert (answer.recommendation.state, answer.replace_name) == ("accepted", "已采纳 Accepted")
    assert (answer.repeated_click, again.repeated_click) == (False, True)
    assert again.recommendation.revision == answer.recommendation.revision


async def test_a_click_of_somebody_else_is_not_taken(recommend: Stub, log: Bus, phone: httpx.AsyncClient) -> None:
    retailer, manager = _new()
    await _recommended(recommend, log, retailer, manager)
    await _card(phone, manager)

    async def shown() -> str:
        return next((each.id for each in await _listed(recommend, retailer) if each.state == "shown"), "")

    chosen = await eventually(shown)
    stranger = pb.AnswerCardRequest(task_id=f"rec-{chosen}", event_key=f"accept:{chosen}", user_id="stranger")
    with pytest.raises(NotFound):
        await recommend.AnswerCard(stranger)

    assert await _state(recommend, chosen) == "shown"


async def test_feedback_with_the_same_key_counts_once_and_a_rejected_product_stays_away(
    recommend: Stub, log: Bus
) -> None:
    retailer, manager = _new()
    made = await _recommended(recommend, log, retailer, "")
    rejected = next(each for each in made if each.sku == "S0")
    request = pb.GiveFeedbackRequest(
        id=rejected.id, event="rejected", reason="no room", user_id=manager, idempotency_key="k1", origin="console"
    )

    first = await recommend.GiveFeedback(request)
    again = await recommend.GiveFeedback(request)
    later = profile(retailer, purchase("S0"), purchase("S1", cycles=5, last="2024-W20"), revision=2, account_manager="")
    await tell_profiles(log, later)

    async def next_list() -> list[str]:
        return [each.sku for each in await _listed(recommend, retailer, mode="next_order") if each.cycle == "2024-W21"]

    skus = await eventually(next_list)
    assert first.recommendation.state == "rejected"
    assert again.recommendation.revision == first.recommendation.revision
    assert skus == ["S1"]


async def test_an_accepted_recommendation_is_done_when_the_product_was_bought(recommend: Stub, log: Bus) -> None:
    retailer, manager = _new()
    made = await _recommended(recommend, log, retailer, "")
    wanted = next(each for each in made if each.sku == "S1")
    await recommend.GiveFeedback(pb.GiveFeedbackRequest(id=wanted.id, event="accepted", user_id=manager))

    await tell_profiles(
        log,
        profile(retailer, purchase("S0"), purchase("S1", last="2024-W20"), revision=2, account_manager=""),
    )

    await _reaches(recommend, wanted.id, "done")


async def test_answers_that_are_unknown_or_too_late_are_refused(recommend: Stub, log: Bus) -> None:
    retailer, _ = _new()
    made = await _recommended(recommend, log, retailer, "")

    with pytest.raises(Invalid):
        await recommend.GiveFeedback(pb.GiveFeedbackRequest(id=made[0].id, event="maybe"))
    with pytest.raises(NotFound):
        await recommend.GiveFeedback(pb.GiveFeedbackRequest(id="nothing", event="accepted"))
    await recommend.GiveFeedback(pb.GiveFeedbackRequest(id=made[0].id, event="done"))
    with pytest.raises(Conflict):
        await recommend.GiveFeedback(pb.GiveFeedbackRequest(id=made[0].id, event="accepted"))


async def test_without_a_valid_licence_nothing_is_sent_for_a_product_that_needs_one(
    recommend: Stub, log: Bus, phone: httpx.AsyncClient
) -> None:
    (unknown, manager), (expired, _), (valid, _) = _new(), _new(), _new()

    blocked = await _recommended(recommend, log, unknown, manager, license_status="", license_valid_to="")
    lapsed = await _recommended(recommend, log, expired, manager, license_valid_to="2020-01-01")
    await _recommended(recommend, log, valid, manager)
    await _card(phone, manager)

    assert {limit.code for each in blocked for limit in each.limits if limit.blocks} == {"licence_unknown"}
    assert {limit.code for each in lapsed for limit in each.limits if limit.blocks} == {"licence_invalid"}
    shown = str(await _messages(phone, manager))
    assert f"Shop {valid}" in shown
    assert f"Shop {unknown}" not in shown
    assert f"Shop {expired}" not in shown


async def test_a_school_zone_gets_no_nurturing_recommendation(recommend: Stub, log: Bus) -> None:
    retailer, manager = _new()

    made = await _recommended(recommend, log, retailer, manager, school_zone=True)

    assert {each.mode for each in made} == {"next_order"}
    assert {limit.code for each in made for limit in each.limits} == {"school_zone"}


async def test_a_product_nobody_bought_before_is_learnt_and_withdrawn_when_it_leaves_the_market(
    recommend: Stub, log: Bus
) -> None:
    retailer, _ = _new()
    sku = f"S{uuid.uuid4().hex[:6]}"
    await tell_twins(log, sku_twin(sku))
    bought = [purchase(sku, cycles=9), purchase("S1")]
    await tell_profiles(log, profile(retailer, *bought, account_manager=""))

    async def listed() -> str:
        return next((each.id for each in await _listed(recommend, retailer) if each.sku == sku), "")

    found = await eventually(listed, within_s=15)
    await tell_twins(log, sku_twin(sku, revision=2, status="exit"))

    await _reaches(recommend, found, "withdrawn")


async def test_a_bulk_change_uses_only_its_share_of_a_managers_cards(
    recommend: Stub, log: Bus, phone: httpx.AsyncClient
) -> None:
    _, manager = _new()
    shops = [_shop(_new()[0], manager) for _ in range(30)]

    await tell_profiles(log, *shops)

    async def all_ranked() -> bool:
        found = await recommend.ListRecommendations(
            pb.ListRecommendationsRequest(account_manager=manager, page_size=1000)
        )
        return len({each.retailer for each in found.recommendations}) == 30

    await eventually(all_ranked, within_s=15)
    await _card(phone, manager, 2)
    live, _ = _new()
    await tell_profiles(log, _shop(live, manager))
    await _card(phone, manager, 3)

    messages = await _messages(phone, manager)
    assert len(messages) == 3
    assert f"Shop {live}" in str(messages)


async def test_a_list_is_read_best_first_without_gaps_or_repetitions(recommend: Stub, log: Bus) -> None:
    _, manager = _new()
    for _ in range(3):
        await _recommended(recommend, log, _new()[0], manager)
    whole = await recommend.ListRecommendations(pb.ListRecommendationsRequest(account_manager=manager, page_size=500))

    seen: list[types_pb2.Recommendation] = []
    cursor = ""
    while True:
        page = await recommend.ListRecommendations(
            pb.ListRecommendationsRequest(account_manager=manager, page_size=4, cursor=cursor)
        )
        seen += page.recommendations
        cursor = page.next_cursor
        if not cursor:
            break

    assert [each.id for each in seen] == [each.id for each in whole.recommendations]
    assert [(each.rank, -each.score) for each in seen] == sorted((each.rank, -each.score) for each in seen)
    with pytest.raises(Invalid):
        await recommend.ListRecommendations(pb.ListRecommendationsRequest(cursor="???"))


async def test_the_counts_cover_recommendations_and_cards(recommend: Stub, log: Bus) -> None:
    counts = await recommend.CountRecommendations(pb.CountRecommendationsRequest())

    assert counts.recommendations_by_state["open"] > 0
    assert counts.cards_by_state["sent"] > 0


async def test_migrations_go_up_and_down_and_up_to_the_tables_of_the_service(shared_servers: Any) -> None:
    async with fresh_database(shared_servers.postgres_url) as url, database(url, SCHEMA) as db:
        await db.migrate(MIGRATIONS)
        await db.revise(MIGRATIONS, "base")
        emptied = await _columns(db)
        await db.migrate(MIGRATIONS)
        made = await _columns(db)

    assert emptied == {}
    assert made == {table.name: {column.name for column in table.columns} for table in Base.metadata.tables.values()}


async def _columns(db: Database) -> dict[str, set[str]]:
    query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'recommend'"
    async with db.transaction() as session:
        rows = (await session.execute(sa.text(query))).all()
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(table, set()).add(column)
    found.pop("migration")
    return found
