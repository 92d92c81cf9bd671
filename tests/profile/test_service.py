"""The running profile service over real PostgreSQL, NATS and gRPC."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import polars as pl
import pytest
import pytest_asyncio

from chassis.bus import Bus, Message, bus
from chassis.errors import Invalid, NotFound
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.telemetry import span, telemetry, trace_id
from chassis.testing import eventually
from marketwin.profile.v1 import events_pb2, service_pb2_grpc, types_pb2
from marketwin.profile.v1 import service_pb2 as pb
from services.profile.app import app
from services.profile.settings import ProfileSettings
from tests.profile.builders import order, orders, publish, record_id, retailer

Stub = Any


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def profile(common: CommonSettings) -> AsyncIterator[Stub]:
    with telemetry("profile", common):
        async with (
            app(ProfileSettings(common=common, quiet_s=0.3)) as running,
            connect(running.address, service_pb2_grpc.ProfileServiceStub) as stub,
        ):
            yield stub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        await connected.ensure_stream("ingest")
        yield connected


@asynccontextmanager
async def _heard(log: Bus) -> AsyncIterator[list[types_pb2.Profile]]:
    """Profiles told of while the block runs."""
    profiles: list[types_pb2.Profile] = []

    async def handle(message: Message) -> None:
        profiles.extend(events_pb2.ProfileChanged.FromString(message.data).profiles)

    subjects = ["marketwin.profile.v1.ProfileChanged"]
    listening = asyncio.create_task(log.consume(durable=f"test-{uuid.uuid4().hex}", subjects=subjects, handle=handle))
    try:
        yield profiles
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def _shop() -> str:
    return f"R{uuid.uuid4().hex[:10]}"


async def _profile(stub: Stub, code: str) -> types_pb2.Profile | None:
    try:
        found = await stub.GetProfile(pb.GetProfileRequest(retailer=code))
    except NotFound:
        return None
    return found.profile


def _feature(profile: types_pb2.Profile, name: str) -> float | None:
    feature = next(each for each in profile.features if each.name == name)
    return feature.value if feature.HasField("value") else None


async def _with_amount(stub: Stub, code: str, amount: float) -> types_pb2.Profile:
    async def fact() -> types_pb2.Profile | None:
        profile = await _profile(stub, code)
        return profile if profile and _feature(profile, "amount_total") == amount else None

    return await eventually(fact)


async def test_an_order_becomes_a_profile_with_features_and_purchases(profile: Stub, log: Bus) -> None:
    code = _shop()
    lines = [order(code, week, sku=sku) for week in (1, 3, 5) for sku in ("S1", "S2")]

    await publish(log, "retailer", pl.DataFrame([retailer(code, tier=24, tier_scheme="30 tiers")]))
    await publish(log, "commercial_order", orders(*lines))
    made = await _with_amount(profile, code, 600)

    assert made.name == f"Shop {code}"
    assert made.tier_rank == pytest.approx(0.8)
    assert made.tier_basis == "recorded"
    assert made.currency == "CNY"
    assert made.license_status == "valid"
    assert _feature(made, "interval_mean") == pytest.approx(2.0)
    assert {(p.sku, p.cycles, p.last_cycle) for p in made.purchases} == {("S1", 3, "2024-W06"), ("S2", 3, "2024-W06")}


async def test_a_message_delivered_twice_changes_nothing(profile: Stub, log: Bus) -> None:
    code = _shop()
    batch = orders(order(code, 2), order(code, 3))

    first = await publish(log, "commercial_order", batch)
    await _with_amount(profile, code, 200)
    await publish(log, "commercial_order", batch, message_id=f"again-{first}")
    marker = _shop()
    await publish(log, "commercial_order", orders(order(marker, 3)))
    await _with_amount(profile, marker, 100)

    kept = await _profile(profile, code)
    assert kept is not None
    assert _feature(kept, "amount_total") == 200


async def test_a_corrected_line_replaces_the_earlier_content(profile: Stub, log: Bus) -> None:
    code, line = _shop(), f"O{uuid.uuid4().hex[:8]}"
    await publish(log, "commercial_order", orders(order(code, 4, quantity=10, order_no=line)))
    await _with_amount(profile, code, 100)

    await publish(log, "commercial_order", orders(order(code, 4, quantity=7, order_no=line)))
    corrected = await _with_amount(profile, code, 70)

    assert _feature(corrected, "orders_13w") == 1


async def test_an_older_content_that_arrives_late_does_not_come_back(profile: Stub, log: Bus) -> None:
    code, line, earlier = _shop(), f"O{uuid.uuid4().hex[:8]}", record_id()
    await publish(log, "commercial_order", orders(order(code, 4, quantity=7, order_no=line)))
    await _with_amount(profile, code, 70)

    late = order(code, 4, quantity=10, order_no=line, record_id=earlier)
    await publish(log, "commercial_order", orders(late, order(code, 5, quantity=1)))
    kept = await _with_amount(profile, code, 80)

    assert _feature(kept, "orders_13w") == 2


async def test_a_cancelled_line_leaves_the_profile(profile: Stub, log: Bus) -> None:
    code, line = _shop(), f"O{uuid.uuid4().hex[:8]}"
    await publish(log, "commercial_order", orders(order(code, 4, order_no=line), order(code, 5)))
    await _with_amount(profile, code, 200)

    await publish(log, "commercial_order", orders(order(code, 4, order_no=line, state="cancelled")))

    await _with_amount(profile, code, 100)


@pytest.mark.parametrize("kept", [(), ("retailer_code",), ("sku_code",), ("retailer_code", "sku_code", "cycle")])
async def test_a_line_that_is_deleted_leaves_the_profile_whatever_the_record_says_beside_its_key(
    profile: Stub, log: Bus, kept: tuple[str, ...]
) -> None:
    code, line = _shop(), f"O{uuid.uuid4().hex[:8]}"
    await publish(log, "commercial_order", orders(order(code, 4, order_no=line), order(code, 5)))
    await _with_amount(profile, code, 200)
    said = ("retailer_code", "sku_code", "cycle", "state", "amount", "qty_order_base")
    nothing = dict.fromkeys(each for each in said if each not in kept)

    deletion = {**order(code, 4, order_no=line, op="delete"), **nothing}
    await publish(log, "commercial_order", orders(deletion, order(code, 6, quantity=1)))

    await _with_amount(profile, code, 110)


async def test_a_line_corrected_to_another_shop_leaves_the_first(profile: Stub, log: Bus) -> None:
    first, second, line = _shop(), _shop(), f"O{uuid.uuid4().hex[:8]}"
    await publish(log, "commercial_order", orders(order(first, 4, order_no=line), order(first, 5)))
    await _with_amount(profile, first, 200)

    await publish(log, "commercial_order", orders(order(second, 4, order_no=line)))

    await _with_amount(profile, first, 100)
    await _with_amount(profile, second, 100)


async def test_the_change_is_told_at_once_in_the_trace_of_its_record(profile: Stub, log: Bus) -> None:
    code = _shop()

    async with _heard(log) as told:
        with span("test"):
            mine = trace_id()
            await publish(log, "commercial_order", orders(order(code, 5, trace_id=mine)))

        async def fact() -> types_pb2.Profile | None:
            return next((each for each in told if each.retailer == code), None)

        heard = await eventually(fact, within_s=2.0)

    assert heard.trace_id == mine
    assert heard.revision == 1
    assert [each.sku for each in heard.purchases] == ["S1"]


async def test_records_of_two_requests_in_one_message_keep_their_own_traces(profile: Stub, log: Bus) -> None:
    shops, traces = [_shop(), _shop()], [uuid.uuid4().hex, uuid.uuid4().hex]
    rows = [order(code, 5, trace_id=trace) for code, trace in zip(shops, traces, strict=True)]

    await publish(log, "commercial_order", orders(*rows))
    made = [await _with_amount(profile, code, 100) for code in shops]

    assert [each.trace_id for each in made] == traces


async def test_a_key_flag_set_by_hand_is_kept_and_shown_until_it_is_taken_back(profile: Stub, log: Bus) -> None:
    code = _shop()
    await publish(log, "commercial_order", orders(order(code, 5)))
    before = await _with_amount(profile, code, 100)

    wanted = not before.is_key
    set_by_hand = pb.SetKeyFlagRequest(retailer=code, is_key=wanted, reason="flagship shop", set_by="ann")
    answer = await profile.SetKeyFlag(set_by_hand)
    await publish(log, "commercial_order", orders(order(code, 6)))
    kept = await _with_amount(profile, code, 200)
    explained = await profile.ExplainProfile(pb.ExplainProfileRequest(retailer=code))
    back = await profile.SetKeyFlag(pb.SetKeyFlagRequest(retailer=code))

    assert answer.profile.is_key is wanted
    assert (kept.is_key, kept.key_overridden, kept.key_override_reason) == (wanted, True, "flagship shop")
    reason = next(each for each in explained.explanations if each.subject == "is_key")
    assert "flagship shop" in reason.text_en
    assert "flagship shop" in reason.text_zh
    assert not back.profile.key_overridden


async def test_a_flag_without_a_reason_is_refused(profile: Stub, log: Bus) -> None:
    code = _shop()
    await publish(log, "commercial_order", orders(order(code, 5)))
    await _with_amount(profile, code, 100)

    with pytest.raises(Invalid) as refused:
        await profile.SetKeyFlag(pb.SetKeyFlagRequest(retailer=code, is_key=True, set_by="ann"))

    assert refused.value.errors[0].pointer == "/reason"


async def test_an_explanation_gives_parts_limits_and_both_languages(profile: Stub, log: Bus) -> None:
    code = _shop()
    await publish(log, "commercial_order", orders(*[order(code, week) for week in range(3)]))
    await _with_amount(profile, code, 300)

    explained = await profile.ExplainProfile(pb.ExplainProfileRequest(retailer=code))

    subjects = {each.subject for each in explained.explanations}
    assert subjects == {"growth_type", "is_key", "quantity", "cycle", "structure", "amount", "competitor"}
    assert all(each.text_zh and each.text_en for each in explained.explanations)
    growth = json.loads(explained.explanations[0].evidence_json)
    assert growth["mature_rank"] == 0.7
    assert explained.model_version.startswith("rules-")
    assert explained.labels[0].growth_type != types_pb2.GROWTH_TYPE_UNSPECIFIED


async def test_a_list_is_paged_and_filtered_without_gaps(profile: Stub, log: Bus) -> None:
    manager = f"m{uuid.uuid4().hex[:6]}"
    shops = sorted(_shop() for _ in range(5))
    await publish(log, "retailer", pl.DataFrame([retailer(code, account_manager_user_id=manager) for code in shops]))

    async def listed() -> bool:
        page = await profile.ListProfiles(pb.ListProfilesRequest(account_manager=manager, with_total=True))
        return bool(page.total == 5)

    await eventually(listed)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await profile.ListProfiles(pb.ListProfilesRequest(account_manager=manager, page_size=2, cursor=cursor))
        seen += [each.retailer for each in page.profiles]
        cursor = page.next_cursor
        if not cursor:
            break

    assert seen == shops


async def test_an_unknown_retailer_is_not_found(profile: Stub) -> None:
    with pytest.raises(NotFound):
        await profile.GetProfile(pb.GetProfileRequest(retailer="R-nobody"))


async def test_the_market_clock_makes_a_shop_that_stopped_look_lapsed_but_not_in_another_market(
    profile: Stub, log: Bus
) -> None:
    here, there, busy = _shop(), _shop(), _shop()
    await publish(
        log,
        "commercial_order",
        orders(order(here, 2, city_org="C-A"), order(there, 2, city_org="C-B"), order(busy, 2, city_org="C-A")),
    )
    await _with_amount(profile, here, 100)

    await publish(log, "commercial_order", orders(order(busy, 30, city_org="C-A")))

    async def lapsed() -> bool:
        profile_here = await _profile(profile, here)
        return bool(profile_here and _feature(profile_here, "recency") == 28)

    await eventually(lapsed)
    profile_there = await _profile(profile, there)
    assert profile_there is not None
    assert _feature(profile_there, "recency") == 0
