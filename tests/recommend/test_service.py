"""The running recommend service: lists, answers, migrations."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from chassis.bus import Bus
from chassis.errors import Conflict, Invalid, NotFound
from chassis.settings import CommonSettings
from chassis.testing import eventually
from marketwin.recommend.v1 import service_pb2 as pb
from marketwin.recommend.v1 import types_pb2
from tests.recommend.builders import profile, purchase, sku_twin, tell_demand, tell_profiles, tell_twins
from tests.recommend.scenes import (
    listed,
    new_codes,
    reaches,
    recommended,
    shop_of,
)

Stub = Any


async def test_a_profile_becomes_ranked_lists_with_reasons_in_both_languages(recommend: Stub, log: Bus) -> None:
    retailer, manager = new_codes()

    made = await recommended(recommend, log, retailer, manager)

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
    retailer, manager = new_codes()
    first = await recommended(recommend, log, retailer, manager)

    await tell_profiles(log, shop_of(retailer, manager, revision=2))
    other, other_manager = new_codes()
    await recommended(recommend, log, other, other_manager)

    again = await listed(recommend, retailer)
    assert {each.id for each in again} == {each.id for each in first}


async def test_feedback_with_the_same_key_counts_once_and_a_rejected_product_stays_away(
    recommend: Stub, log: Bus
) -> None:
    retailer, manager = new_codes()
    made = await recommended(recommend, log, retailer, "")
    rejected = next(each for each in made if each.sku == "S0")
    request = pb.GiveFeedbackRequest(
        id=rejected.id, event="rejected", reason="no room", user_id=manager, idempotency_key="k1", origin="console"
    )

    first = await recommend.GiveFeedback(request)
    again = await recommend.GiveFeedback(request)
    later = profile(retailer, purchase("S0"), purchase("S1", cycles=5, last="2024-W20"), revision=2, account_manager="")
    await tell_profiles(log, later)

    async def next_list() -> list[str]:
        return [each.sku for each in await listed(recommend, retailer, mode="next_order") if each.cycle == "2024-W21"]

    skus = await eventually(next_list)
    assert first.recommendation.state == "rejected"
    assert again.recommendation.revision == first.recommendation.revision
    assert skus == ["S1"]


async def test_an_accepted_recommendation_is_done_when_the_product_was_bought(recommend: Stub, log: Bus) -> None:
    retailer, manager = new_codes()
    made = await recommended(recommend, log, retailer, "")
    wanted = next(each for each in made if each.sku == "S1")
    await recommend.GiveFeedback(pb.GiveFeedbackRequest(id=wanted.id, event="accepted", user_id=manager))

    await tell_profiles(
        log,
        profile(retailer, purchase("S0"), purchase("S1", last="2024-W20"), revision=2, account_manager=""),
    )

    await reaches(recommend, wanted.id, "done")


async def test_an_answer_does_not_wait_for_the_end_of_a_round_of_the_ranking(
    recommend: Stub, log: Bus, common: CommonSettings
) -> None:
    retailer, manager = new_codes()
    made = await recommended(recommend, log, retailer, "")
    wanted = next(each for each in made if each.sku == "S1")

    async def changed() -> bool:
        now = await recommend.GetRecommendation(pb.GetRecommendationRequest(id=wanted.id))
        return bool(now.recommendation.revision > wanted.revision)

    async def no_round_is_open() -> bool:
        counts = await recommend.CountRecommendations(pb.CountRecommendationsRequest())
        return int(counts.waiting) == 0

    # The one that made these lists has its cards still to choose: stopped there, it would never see what follows.
    await eventually(no_round_is_open)
    blocker = await asyncpg.connect(common.postgres_url)
    try:
        async with blocker.transaction():
            # A round chooses cards after it has kept its lists: here it has to stop.
            await blocker.execute("LOCK TABLE recommend.card IN ACCESS EXCLUSIVE MODE")
            more = profile(retailer, purchase("S0"), purchase("S1", cycles=9), revision=2, account_manager="")
            await tell_profiles(log, more)
            await eventually(changed)
            shown = pb.GiveFeedbackRequest(id=wanted.id, event="shown", user_id=manager)
            answered = await asyncio.wait_for(recommend.GiveFeedback(shown), 10)
    finally:
        await blocker.close()

    assert answered.recommendation.state == "shown"


async def test_answers_that_are_unknown_or_too_late_are_refused(recommend: Stub, log: Bus) -> None:
    retailer, _ = new_codes()
    made = await recommended(recommend, log, retailer, "")

    with pytest.raises(Invalid):
        await recommend.GiveFeedback(pb.GiveFeedbackRequest(id=made[0].id, event="maybe"))
    with pytest.raises(NotFound):
        await recommend.GiveFeedback(pb.GiveFeedbackRequest(id="nothing", event="accepted"))
    await recommend.GiveFeedback(pb.GiveFeedbackRequest(id=made[0].id, event="done"))
    with pytest.raises(Conflict):
        await recommend.GiveFeedback(pb.GiveFeedbackRequest(id=made[0].id, event="accepted"))


async def test_a_school_zone_gets_no_nurturing_recommendation(recommend: Stub, log: Bus) -> None:
    retailer, manager = new_codes()

    made = await recommended(recommend, log, retailer, manager, school_zone=True)

    assert {each.mode for each in made} == {"next_order"}
    assert {limit.code for each in made for limit in each.limits} == {"school_zone"}


async def test_a_product_nobody_bought_before_is_learnt_and_withdrawn_when_it_leaves_the_market(
    recommend: Stub, log: Bus
) -> None:
    retailer, _ = new_codes()
    sku = f"S{uuid.uuid4().hex[:6]}"
    await tell_twins(log, sku_twin(sku))
    bought = [purchase(sku, cycles=9), purchase("S1")]
    await tell_profiles(log, profile(retailer, *bought, account_manager=""))

    async def learnt() -> str:
        return next((each.id for each in await listed(recommend, retailer) if each.sku == sku), "")

    found = await eventually(learnt, within_s=15)
    await tell_twins(log, sku_twin(sku, revision=2, status="exit"))

    await reaches(recommend, found, "withdrawn")


async def test_a_product_of_which_only_the_code_is_told_is_not_called_new(recommend: Stub, log: Bus) -> None:
    retailer, manager = new_codes()

    made = await recommended(recommend, log, retailer, manager, other_skus=["S2", "S3"])

    assert {"S2", "S3"}.isdisjoint({each.sku for each in made})
    assert "new" in {each.mode for each in made}


async def test_limits_follow_when_a_product_is_described_after_it_was_recommended(recommend: Stub, log: Bus) -> None:
    retailer, _ = new_codes()
    sku = f"S{uuid.uuid4().hex[:6]}"
    bought = purchase(sku, cycles=9)
    await tell_profiles(log, profile(retailer, bought, account_manager="", license_status="", license_valid_to=""))

    async def limits() -> list[list[str]]:
        made = await listed(recommend, retailer)
        return [[limit.code for limit in each.limits] for each in made if each.sku == sku]

    before = await eventually(limits, within_s=15)
    await tell_twins(log, sku_twin(sku, licence_required=False))

    async def freed() -> bool:
        return await limits() == [[]]

    assert before == [["licence_unknown"]]
    assert await eventually(freed)


async def test_a_forecast_that_comes_after_the_lists_becomes_a_reason_in_them_and_ceases_to_be_one(
    recommend: Stub, log: Bus
) -> None:
    (here, _), (elsewhere, _) = new_codes(), new_codes()
    sku = f"S{uuid.uuid4().hex[:6]}"
    await tell_twins(log, sku_twin(sku))
    bought = [purchase(sku, cycles=9), purchase("S1")]
    far = profile(elsewhere, *bought, account_manager="", adcode="350100")
    await tell_profiles(log, profile(here, *bought, account_manager=""), far)

    async def is_told(retailer: str, *, trend: bool) -> bool:
        found = [each for each in await listed(recommend, retailer) if each.sku == sku]
        return bool(found) and ("region_trend" in {reason.code for reason in found[0].reasons}) is trend

    await eventually(lambda: is_told(here, trend=False), within_s=15)
    await eventually(lambda: is_told(elsewhere, trend=False), within_s=15)
    await tell_demand(log, sku, growth=0.25)
    await eventually(lambda: is_told(here, trend=True), within_s=15)
    remains = await is_told(elsewhere, trend=False)
    await tell_demand(log, sku, growth=0.05, revision=2)
    await eventually(lambda: is_told(here, trend=False), within_s=15)

    assert remains


async def test_a_forecast_of_the_province_counts_where_the_region_has_none(recommend: Stub, log: Bus) -> None:
    retailer, _ = new_codes()
    sku = f"S{uuid.uuid4().hex[:6]}"
    await tell_twins(log, sku_twin(sku))
    await tell_demand(log, sku, growth=0.25, region="340000")
    await tell_demand(log, sku, growth=0.25, region="350000")
    await tell_profiles(log, profile(retailer, purchase(sku, cycles=9), purchase("S1"), account_manager=""))

    async def reasons() -> list[str]:
        found = [each for each in await listed(recommend, retailer) if each.sku == sku]
        return [reason.text_en for each in found for reason in each.reasons if reason.code == "region_trend"]

    assert await eventually(reasons, within_s=15) == ["Forecast demand in this region is 25% above the recent weeks"]


async def test_a_market_without_orders_does_not_stop_the_ranking_of_others(recommend: Stub, log: Bus) -> None:
    (idle, _), (busy, manager) = new_codes(), new_codes()
    await tell_profiles(log, profile(idle, market="C-EMPTY", cycle=""))

    made = await recommended(recommend, log, busy, manager)

    assert made
    assert await listed(recommend, idle) == []


async def test_an_older_revision_that_comes_late_changes_nothing(recommend: Stub, log: Bus) -> None:
    retailer, _ = new_codes()
    made = await recommended(recommend, log, retailer, "", revision=5)

    await tell_profiles(log, profile(retailer, purchase("S3"), account_manager="", revision=4))
    marker, _ = new_codes()
    await recommended(recommend, log, marker, "")

    assert {each.id for each in await listed(recommend, retailer)} == {each.id for each in made}


async def test_a_list_is_read_best_first_without_gaps_or_repetitions(recommend: Stub, log: Bus) -> None:
    _, manager = new_codes()
    for _ in range(3):
        await recommended(recommend, log, new_codes()[0], manager)
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
