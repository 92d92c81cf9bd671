"""The running recommend service with a small market and the WeCom stand-in."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from pydantic import SecretStr

from chassis.bus import Bus, bus
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.telemetry import telemetry
from chassis.testing import eventually
from marketwin.recommend.v1 import service_pb2_grpc
from services.recommend.app import app
from services.recommend.settings import RecommendSettings
from tests.recommend.builders import profile, purchase, sku_twin, tell_profiles, tell_twins
from tests.recommend.scenes import listed

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
            return len(await listed(recommend, "R-base-5")) > 0

        await eventually(ranked)
        yield connected
