"""A round of the ranking that takes the database too long."""

from __future__ import annotations

import uuid
from functools import partial

import asyncpg
import pytest
from structlog.testing import capture_logs

from chassis.bus import bus
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually, fresh_database
from deploy.servers import Servers
from marketwin.recommend.v1 import service_pb2 as pb
from marketwin.recommend.v1 import service_pb2_grpc
from services.recommend.app import app
from services.recommend.settings import RecommendSettings
from tests.recommend.builders import profile, purchase, sku_twin, tell_profiles, tell_twins
from tests.recommend.scenes import listed


async def test_a_round_that_is_too_slow_ends_no_process_and_is_done_again(
    common: CommonSettings, shared_servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.db.STATEMENT_TIMEOUT_MS", 300)
    async with fresh_database(shared_servers.postgres_url) as url:
        own = common.model_copy(update={"postgres_url": url})
        async with (
            app(RecommendSettings(common=own, quiet_s=0.1)) as running,
            connect(running.address, service_pb2_grpc.RecommendServiceStub) as stub,
            bus(common.nats_url, "test") as log,
        ):
            blocker = await asyncpg.connect(url)
            with capture_logs() as told:
                async with blocker.transaction():
                    # A round that has made its lists chooses cards: here it has to wait.
                    await blocker.execute("LOCK TABLE recommend.card IN ACCESS EXCLUSIVE MODE")
                    for owner in ("twin", "profile"):
                        await log.ensure_stream(owner)
                    await tell_twins(log, sku_twin("S0"), sku_twin("S1"))
                    shops = [profile(f"R{n}", purchase("S0"), purchase("S1")) for n in range(3)]
                    await tell_profiles(log, *shops)

                    async def waits() -> bool:
                        return "ranking" in {each.get("work") for each in told if each["event"] == "work.waits"}

                    await eventually(waits)
                await blocker.close()

                async def done() -> bool:
                    counts = await stub.CountRecommendations(pb.CountRecommendationsRequest())
                    return counts.waiting == 0 and counts.cards_by_state["queued"] > 0

                await eventually(done, within_s=20)
            found = await listed(stub, "R2")

    assert {each.sku for each in found} == {"S0", "S1"}
    assert [each for each in told if each["event"] == "background.died"] == []


async def test_what_a_round_that_broke_off_had_learnt_reaches_the_lists_with_the_next_change(
    common: CommonSettings, shared_servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.db.STATEMENT_TIMEOUT_MS", 300)
    monkeypatch.setattr("services.recommend.app.REFRESH_S", 3600.0)
    codes, new = [f"R{uuid.uuid4().hex}" for _ in range(10)], f"S{uuid.uuid4().hex}"
    shop = partial(profile, account_manager="")
    async with fresh_database(shared_servers.postgres_url) as url:
        own = common.model_copy(update={"postgres_url": url})
        async with (
            app(RecommendSettings(common=own, quiet_s=0.1)) as running,
            connect(running.address, service_pb2_grpc.RecommendServiceStub) as stub,
            bus(common.nats_url, "test") as log,
        ):

            async def lists(retailer: str, sku: str) -> bool:
                return sku in {each.sku for each in await listed(stub, retailer, mode="next_order")}

            for owner in ("twin", "profile"):
                await log.ensure_stream(owner)
            await tell_twins(log, sku_twin("S0"), sku_twin("S1"), sku_twin(new))
            await tell_profiles(log, *[shop(code, purchase("S0"), purchase("S1")) for code in codes[1:]])
            await eventually(lambda: lists(codes[-1], "S0"))
            # The model does not know yet what nobody has bought: that has to wait until it is learnt anew.
            await tell_profiles(log, shop(codes[0], purchase("S1"), purchase(new, cycles=9)))
            await eventually(lambda: lists(codes[0], "S1"))
            blocker = await asyncpg.connect(url)
            with capture_logs() as told:
                async with blocker.transaction():
                    await blocker.execute("LOCK TABLE recommend.demand IN ACCESS EXCLUSIVE MODE")
                    monkeypatch.setattr("services.recommend.app.REFRESH_S", 0.0)

                    async def waits() -> bool:
                        return "models" in {each.get("work") for each in told if each["event"] == "work.waits"}

                    await eventually(waits)
            await blocker.close()
            before = await lists(codes[0], new)
            await tell_profiles(log, shop(codes[1], purchase("S0"), revision=2))

            await eventually(lambda: lists(codes[0], new))

    assert not before
