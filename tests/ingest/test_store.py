"""The schema of the book, and what a start and a restart do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from pydantic import ValidationError

from chassis.db import Database, database
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import fresh_database
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest.app import MIGRATIONS, app
from services.ingest.settings import IngestSettings
from services.ingest.sources import MappingFault
from services.ingest.store import SCHEMA, Base
from tests.ingest.builders import JSON, sale, shop
from tests.ingest.records import good
from tests.ingest.running import at, booked, counts, push

KEY = "a secret of the tests, long enough"


@pytest_asyncio.fixture
async def empty(common: CommonSettings) -> AsyncIterator[Database]:
    async with fresh_database(common.postgres_url) as url, database(url, SCHEMA) as opened:
        yield opened


async def _tables(db: Database) -> dict[str, set[str]]:
    def look(connection: sa.Connection) -> dict[str, set[str]]:
        inspector = sa.inspect(connection)
        names = inspector.get_table_names(schema=SCHEMA)
        return {name: {column["name"] for column in inspector.get_columns(name, schema=SCHEMA)} for name in names}

    async with db.engine.connect() as connection:
        return await connection.run_sync(look)


async def test_migrations_go_up_down_and_up_again(empty: Database):
    await empty.migrate(MIGRATIONS)
    first = await _tables(empty)
    await empty.revise(MIGRATIONS, "base")
    nothing = await _tables(empty)
    await empty.migrate(MIGRATIONS)

    assert set(nothing) <= {"migration"}
    assert await _tables(empty) == first


async def test_migrations_make_the_tables_that_the_kinds_need(empty: Database):
    await empty.migrate(MIGRATIONS)

    made = await _tables(empty)

    wanted = {table.name: {column.name for column in table.c} for table in Base.metadata.sorted_tables}
    assert {name: columns for name, columns in made.items() if name != "migration"} == wanted


async def test_a_restarted_door_knows_what_it_knew(common: CommonSettings):
    settings = IngestSettings(common=common, token_key=KEY)
    sku = {"sku_code": "34010021", "name_zh": "黄山(硬)", "price_guide": "260.00"}
    body = json.dumps(sale(order_no="R1", sold_at=at(hours=1))).encode()
    request = pb.TakeInRequest(kind="pos_sale", source="till", content_type=JSON, body=body)
    async with app(settings) as running, connect(running.address, service_pb2_grpc.IngestServiceStub) as stub:
        for kind, row in (("sku", sku), ("retailer", shop(retailer_code="R340100000001"))):
            master = pb.TakeInRequest(kind=kind, source="crm", content_type=JSON, body=json.dumps(row).encode())
            await stub.TakeIn(master)
        first = (await stub.TakeIn(request)).receipt

    async with app(settings) as running, connect(running.address, service_pb2_grpc.IngestServiceStub) as stub:
        again = (await stub.TakeIn(request)).receipt
        other = json.dumps(sale(order_no="R2", sold_at=at(hours=1))).encode()
        fresh = (
            await stub.TakeIn(pb.TakeInRequest(kind="pos_sale", source="till", content_type=JSON, body=other))
        ).receipt

    assert counts(first) == (1, 0, 0, 0), first
    assert counts(again) == (0, 0, 0, 1)
    assert counts(fresh) == (1, 0, 0, 0)


def test_no_start_without_a_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("INGEST_TOKEN_KEY", raising=False)
    monkeypatch.delenv("INGEST_TOKEN_KEY_FILE", raising=False)

    with pytest.raises(ValidationError, match="INGEST_TOKEN_KEY"):
        IngestSettings()


def test_the_key_may_live_in_a_file_and_is_never_printed(tmp_path: Path):
    path = tmp_path / "token"
    path.write_text(KEY + "\n")

    from_file, given = IngestSettings(token_key_file=path), IngestSettings(token_key=KEY)

    assert from_file.tokens().token("x") == given.tokens().token("x")
    assert KEY not in repr(given)


async def test_no_start_with_a_wrong_mapping(common: CommonSettings, tmp_path: Path):
    (tmp_path / "bad.yaml").write_text("source: x\nkind: unicorn\nfields: {}\n")

    with pytest.raises(MappingFault, match=r"bad\.yaml:2: kind must be one of"):
        async with app(IngestSettings(common=common, token_key=KEY, mappings=tmp_path)):
            pass


async def test_a_restarted_door_knows_aliases_and_the_pack_sizes_of_other_days(common: CommonSettings):
    settings = IngestSettings(common=common, token_key=KEY)
    today = datetime.now(UTC).date()
    old = good("sku", sku_code="V1", valid_from=None, valid_to=(today - timedelta(days=2)).isoformat())
    new = {**old, "valid_from": (today - timedelta(days=1)).isoformat(), "valid_to": None, "sticks_per_pack": 16}
    alias = good("sku_alias", alias_source="till", alias_kind="pos", alias="7788", sku_code="V1")
    sold = sale(order_no="V1", sku_code="7788", unit_price="13.00", amount="26.00", sold_at=at(days=5))
    async with app(settings) as running, connect(running.address, service_pb2_grpc.IngestServiceStub) as stub:
        await push(stub, "retailer", shop(retailer_code="R340100000001"))
        for kind, row in (("sku", old), ("sku", new), ("sku_alias", alias)):
            await push(stub, kind, row, source="crm")

    async with app(settings) as running, connect(running.address, service_pb2_grpc.IngestServiceStub) as stub:
        receipt = await push(stub, "pos_sale", [sold, {**sold, "order_no": "V2", "sold_at": at(minutes=1)}])
        before, now = [await booked(stub, "pos_sale", f"R340100000001~{no}~1") for no in ("V1", "V2")]

    assert counts(receipt) == (2, 0, 0, 0), receipt
    assert (before["sku_code"], before["qty_base"], now["qty_base"]) == ("V1", 40, 32)
