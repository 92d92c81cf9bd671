"""A round of the renewal that breaks off after it took a yardstick."""

from __future__ import annotations

import asyncpg
import polars as pl
import pytest
from structlog.testing import capture_logs

from chassis.bus import bus
from chassis.errors import NotFound
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually, fresh_database
from deploy.servers import Servers
from marketwin.profile.v1 import service_pb2 as pb
from marketwin.profile.v1 import service_pb2_grpc
from services.profile.app import app
from services.profile.settings import ProfileSettings
from tests.profile.builders import order, orders, publish, record_id


async def test_a_yardstick_of_a_round_that_broke_off_is_taken_again(
    common: CommonSettings, shared_servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.db.STATEMENT_TIMEOUT_MS", 300)
    async with fresh_database(shared_servers.postgres_url) as url:
        own = common.model_copy(update={"postgres_url": url})
        async with (
            app(ProfileSettings(common=own, quiet_s=0.3, gather_s=0.1)) as running,
            connect(running.address, service_pb2_grpc.ProfileServiceStub) as stub,
            bus(common.nats_url, "test") as log,
        ):

            async def share(code: str) -> float | None:
                """What of its purchases are of the second price class."""
                try:
                    found = (await stub.GetProfile(pb.GetProfileRequest(retailer=code))).profile
                except NotFound:
                    return None
                return next(each.value for each in found.features if each.name == "share_class_2_13w")

            async def of_class(*codes: str) -> bool:
                return [await share(code) for code in codes] == [1.0] * len(codes)

            await log.ensure_stream("ingest")
            await publish(log, "sku", _of_class(3))
            lines = [order(f"R-{market}", 2, sku="S-broken", city_org=f"C-{market}") for market in ("first", "second")]
            await publish(log, "commercial_order", orders(*lines))

            async def profiled() -> bool:
                return [await share("R-first"), await share("R-second")] == [0.0, 0.0]

            await eventually(profiled)
            blocker = await asyncpg.connect(url)
            with capture_logs() as told:
                async with blocker.transaction():
                    # A round that has profiled the first market has to wait with the second.
                    await blocker.execute("SELECT 1 FROM profile.profile WHERE retailer_code = 'R-second' FOR UPDATE")
                    await publish(log, "sku", _of_class(2))

                    async def waits() -> bool:
                        return "yardsticks" in {each.get("work") for each in told if each["event"] == "work.waits"}

                    await eventually(waits)
            await blocker.close()

            await eventually(lambda: of_class("R-first", "R-second"))


def _of_class(price_class: int) -> pl.DataFrame:
    return pl.DataFrame({"record_id": [record_id()], "sku_code": ["S-broken"], "price_class": [price_class]})
