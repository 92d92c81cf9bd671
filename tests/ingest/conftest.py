"""A running front door with a product, a company and a shop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chassis.bus import Bus, bus
from chassis.db import Database, database
from chassis.rpc import connect, is_serving
from chassis.settings import CommonSettings
from chassis.testing import fresh_database
from deploy.servers import Servers
from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest.app import MIGRATIONS, app
from services.ingest.settings import IngestSettings
from services.ingest.store import SCHEMA
from tests.ingest.running import Stub, load_master

KEY = "a secret of the tests, long enough"
MAPPING = """
source: city_orders
kind: commercial_order
schema_version: 1
timezone: Asia/Shanghai
fields:
  order_no: {from: 单号}
  line_no: {from: 行号}
  retailer_code: {from: 客户, format: "R{}"}
  sku_code: {from: 品规}
  qty_order_base: {from: 数量, unit: carton}
  price_wholesale: {from: 批发价}
  ordered_at: {from: 日期, time: "%Y-%m-%d"}
constants: {currency: CNY}
"""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(shared_servers: Servers) -> AsyncIterator[str]:
    """A book without entries: the migrations are run once, those from nothing have their own tests."""
    async with fresh_database(shared_servers.postgres_url) as url:
        async with database(url, SCHEMA) as opened:
            await opened.migrate(MIGRATIONS)
        yield url.rsplit("/", 1)[1]


@pytest.fixture(scope="module")
def settings(common: CommonSettings, tmp_path_factory: pytest.TempPathFactory) -> IngestSettings:
    folder = tmp_path_factory.mktemp("mappings")
    (folder / "city_orders.commercial_order.yaml").write_text(MAPPING, encoding="utf-8")
    regions = tmp_path_factory.mktemp("regions") / "regions.csv"
    regions.write_text("adcode,parent,level\n340000,,province\n340100,340000,prefecture\n", encoding="utf-8")
    return IngestSettings(common=common, token_key=KEY, mappings=folder, regions=regions)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ingest(settings: IngestSettings) -> AsyncIterator[Stub]:
    async with app(settings) as running:
        assert await is_serving(running.address)
        async with connect(running.address, service_pb2_grpc.IngestServiceStub) as stub:
            await load_master(stub)
            yield stub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        yield connected


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def db(common: CommonSettings) -> AsyncIterator[Database]:
    async with database(common.postgres_url, SCHEMA) as opened:
        yield opened
