"""A table of a real source database: by watermark, and change by change from a logical slot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from chassis.bus import Bus
from chassis.errors import NotFound
from chassis.testing import eventually, fresh_database
from deploy import postgres as server
from deploy.servers import Servers
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.domain.decode import Limits, decode
from services.ingest.settings import IngestSettings
from services.ingest.sources import ConnectionFault
from services.ingest.sources.connection import SourceAway
from services.ingest.sources.connectors import postgres
from services.ingest.sources.pgoutput import Decoder, Unreadable
from services.ingest.usecases import Body
from tests.ingest.connecting import Killed, ScriptedDoor, configured, connected, until
from tests.ingest.running import balances, booked, is_balanced, load_master

TABLE = """
CREATE TABLE orders (
    order_no text PRIMARY KEY, line_no int NOT NULL DEFAULT 1, retailer_code text NOT NULL DEFAULT 'R340100000001',
    sku_code text NOT NULL DEFAULT '34010021', qty_order_base bigint NOT NULL DEFAULT 1000,
    price_wholesale numeric(14, 2) NOT NULL DEFAULT 230, ordered_at timestamptz NOT NULL
    DEFAULT now() - interval '1 hour',
    changed_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE TABLE others (id int PRIMARY KEY);
CREATE PUBLICATION marketwin FOR TABLE orders, others;
"""


class Erp(asyncpg.Connection):
    """The source database, as its own system uses it."""

    url = ""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def erp_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A PostgreSQL whose log can be decoded."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(server.SETTINGS, "wal_level", "logical")
        patched.setitem(server.SETTINGS, "fsync", "off")
        nowhere = {"MARKETWIN_NATS_URL": "nats://unused", "MARKETWIN_REDIS_URL": "redis://unused"}
        own = Servers(tmp_path_factory.mktemp("erp"), environ=nowhere)
        await own.start()
    yield own.postgres_url
    await own.stop()


@pytest_asyncio.fixture
async def erp(erp_server: str) -> AsyncIterator[Erp]:
    async with fresh_database(erp_server) as url:
        database = await asyncpg.connect(url, connection_class=Erp)
        await database.execute(TABLE)
        database.url = url
        yield database
        for (slot,) in await database.fetch(
            "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
        ):
            await eventually(lambda slot=slot: _dropped(database, slot))
        await database.close()


async def _dropped(database: asyncpg.Connection, slot: str) -> bool:
    try:
        await database.execute("SELECT pg_drop_replication_slot($1)", slot)
    except asyncpg.ObjectInUseError:
        return False
    return True


def table(**changes: Any) -> str:
    options = {"url": "ERP_URL", "table": "orders", "every_s": 0.05, "watermark_column": "changed_at", **changes}
    lines = "".join(f"  {name}: {value}\n" for name, value in options.items())
    return f"connection: erp_db\ntype: postgres\nsource: erp_db\nkind: commercial_order\noptions:\n{lines}"


def slot_of(name: str, **changes: Any) -> str:
    return table(mode="slot", slot=name, publication="marketwin", **changes)


async def insert(erp: Erp, first: int, count: int) -> None:
    await erp.execute(
        "INSERT INTO orders (order_no) SELECT 'P' || lpad(n::text, 5, '0') FROM generate_series($1::int, $2::int) n",
        first,
        first + count - 1,
    )


def door() -> ScriptedDoor:
    return ScriptedDoor(count=lambda body: len(decode(body.content, body.content_type, Limits()).lines))


def numbers(bodies: list[Body], op: str = "upsert") -> list[str]:
    found: list[str] = []
    for body in bodies:
        if body.op == op:
            found += decode(body.content, body.content_type, Limits()).columns["order_no"].to_list()
    return found


def expected(count: int, first: int = 0) -> list[str]:
    return [f"P{number:05d}" for number in range(first, first + count)]


@asynccontextmanager
async def reading(erp: Erp, taken: ScriptedDoor, text: str) -> AsyncIterator[asyncio.Task[None]]:
    connection = configured(text, {"ERP_URL": erp.url})
    work: asyncio.Task[None] = asyncio.ensure_future(postgres.run(connection, taken.intake))
    try:
        yield work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def read_until(erp: Erp, taken: ScriptedDoor, text: str, count: int) -> None:
    async with reading(erp, taken, text) as work:

        async def enough() -> bool:
            if work.done():
                work.result()
            return taken.records >= count

        await eventually(enough)


async def test_rows_come_in_the_order_of_their_watermark_and_a_restart_goes_on_from_it(erp: Erp):
    taken = door()
    await insert(erp, 0, 230)
    await erp.execute(
        "UPDATE orders SET changed_at = now() - interval '1 day' + substr(order_no, 2)::int * interval '1 s'"
    )

    await read_until(erp, taken, table(batch_records=50, overlap=0), 230)
    first = len(taken.taken)
    await insert(erp, 230, 20)
    await read_until(erp, taken, table(batch_records=50, overlap=0), 250)

    assert numbers(taken.taken) == expected(250)
    assert first == 5
    assert taken.checkpoint is not None
    assert taken.checkpoint["watermark"].startswith("20")


async def test_rows_of_one_moment_come_together_though_they_are_more_than_a_batch(erp: Erp):
    taken = door()
    await insert(erp, 0, 300)

    await read_until(erp, taken, table(batch_records=100), 300)

    assert sorted(numbers(taken.taken)) == expected(300)
    assert len(taken.taken) == 1


async def test_a_row_that_was_committed_late_is_found_by_the_overlap(erp: Erp):
    taken = door()
    late = await asyncpg.connect(erp.url)
    slow = late.transaction()
    await slow.start()
    await late.execute("INSERT INTO orders (order_no) VALUES ('P00001')")
    await insert(erp, 2, 1)
    async with reading(erp, taken, table(overlap=60)):

        async def first() -> bool:
            return numbers(taken.taken) == ["P00002"]

        await eventually(first)
        await slow.commit()
        await late.close()

        async def both() -> bool:
            return "P00001" in numbers(taken.taken)

        await eventually(both)


@pytest.mark.parametrize("column", ["bigint", "date", "timestamp"])
async def test_watermarks_may_be_numbers_and_days(erp: Erp, column: str):
    taken = door()
    value = (
        "substr(order_no, 2)::bigint"
        if column == "bigint"
        else f"('2025-01-01'::date + substr(order_no, 2)::int)::{column}"
    )
    await erp.execute(f"ALTER TABLE orders ADD COLUMN seq {column}")
    await insert(erp, 0, 30)
    await erp.execute(f"UPDATE orders SET seq = {value}")
    text = table(watermark_column="seq", batch_records=10, overlap=1)

    await read_until(erp, taken, text, 30)
    await insert(erp, 30, 5)
    await erp.execute(f"UPDATE orders SET seq = {value}")
    await read_until(erp, taken, text, 35)

    assert sorted(set(numbers(taken.taken))) == expected(35)


async def test_every_change_of_a_slot_comes_in_order_and_deletions_are_deletions(erp: Erp):
    taken = door()
    await erp.execute("SELECT pg_create_logical_replication_slot('s_order', 'pgoutput')")
    await insert(erp, 0, 3)
    await erp.execute("INSERT INTO others VALUES (1)")
    await erp.execute("UPDATE orders SET qty_order_base = 2000 WHERE order_no = 'P00001'")
    await erp.execute("DELETE FROM orders WHERE order_no = 'P00000'")
    await insert(erp, 7, 1)

    await read_until(erp, taken, slot_of("s_order"), 6)

    ops = [
        (body.op, row["order_no"], row["qty_order_base"]) for body in taken.taken for row in json.loads(body.content)
    ]
    assert ops == [
        ("upsert", "P00000", "1000"),
        ("upsert", "P00001", "1000"),
        ("upsert", "P00002", "1000"),
        ("upsert", "P00001", "2000"),
        ("delete", "P00000", "1000"),
        ("upsert", "P00007", "1000"),
    ]


async def test_a_slot_moves_on_also_when_only_other_tables_change(erp: Erp):
    taken = door()
    await erp.execute("SELECT pg_create_logical_replication_slot('s_idle', 'pgoutput')")
    await erp.execute("CREATE TABLE noise AS SELECT n FROM generate_series(1, 1000) n")
    written = await erp.fetchval("SELECT pg_current_wal_lsn()::text")
    async with reading(erp, taken, slot_of("s_idle")):

        async def confirmed() -> bool:
            statement = (
                "SELECT confirmed_flush_lsn >= $1::text::pg_lsn FROM pg_replication_slots WHERE slot_name = 's_idle'"
            )
            return bool(await erp.fetchval(statement, written))

        await eventually(confirmed)

    assert taken.taken == []


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("mode", ["watermark", "slot"])
async def test_a_reader_killed_at_any_step_loses_nothing(erp: Erp, mode: str, steps: int):
    taken = door()
    text = table(batch_records=20)
    if mode == "slot":
        await erp.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", f"s_killed_{steps}")
        text = slot_of(f"s_killed_{steps}", batch_records=20)
    for first in range(0, 60, 20):
        await insert(erp, first, 20)
    taken.dies_after = steps
    with pytest.raises((Killed, TimeoutError)):
        async with asyncio.timeout(0.6):
            await postgres.run(configured(text, {"ERP_URL": erp.url}), taken.intake)
    taken.dies_after = None

    async with reading(erp, taken, text):

        async def all_there() -> bool:
            return sorted(set(numbers(taken.distinct))) == expected(60)

        await eventually(all_there)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"table": "nothing"}, "no table nothing"),
        ({"watermark_column": "nothing"}, "no table orders with these columns"),
        ({"mode": "slot", "slot": "nothing", "publication": "marketwin"}, "no slot nothing"),
    ],
)
async def test_what_is_not_there_is_said_so(erp: Erp, changes: dict[str, str], said: str):
    with pytest.raises(SourceAway, match=said):
        await postgres.run(configured(table(**changes), {"ERP_URL": erp.url}), door().intake)


@pytest.mark.parametrize("address", ["{right}", "postgresql://me:a-password@127.0.0.1:9/db", "no address"])
async def test_a_database_that_cannot_be_reached_is_told_without_its_password(erp: Erp, address: str):
    before, _, rest = erp.url.partition("://")[2].partition("@")
    address = address.replace("{right}", f"postgresql://{before.split(':')[0]}:a-password@{rest}")

    with pytest.raises(SourceAway) as away:
        await postgres.run(configured(table(), {"ERP_URL": address}), door().intake)

    assert "a-password" not in away.value.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (table(table="orders; DROP TABLE orders"), r"connection\.yaml:7: table must be the name"),
        (table().replace("  watermark_column: changed_at\n", ""), "watermark_column is missing"),
        (table(mode="slot"), "slot goes with publication"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(text: str, said: str):
    with pytest.raises(ConnectionFault, match=said):
        configured(text, {"ERP_URL": "postgresql://x"})


def test_messages_that_are_no_pgoutput_are_refused():
    for junk in (b"I\0", b"R\0\0\0\1abc", b"U" + b"\xff" * 8, b"D\0\0\0\7K"):
        with pytest.raises(Unreadable):
            Decoder().read(junk)
    assert Decoder().read(b"B" + b"\0" * 20) == []


async def test_what_was_deleted_in_the_source_leaves_the_book(
    erp: Erp, settings: IngestSettings, log: Bus, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ERP_URL", erp.url)
    await erp.execute("SELECT pg_create_logical_replication_slot('s_book', 'pgoutput')")
    async with connected(settings, tmp_path / "c", erp=slot_of("s_book")) as stub:
        await load_master(stub)
        await insert(erp, 0, 3)
        await booked(stub, "commercial_order", "P00001~1")
        await erp.execute("DELETE FROM orders WHERE order_no = 'P00001'")

        async def gone() -> bool:
            try:
                await stub.GetRecord(pb.GetRecordRequest(kind="commercial_order", key="P00001~1"))
            except NotFound:
                return True
            return False

        await eventually(gone)
        await insert(erp, 1, 1)
        await booked(stub, "commercial_order", "P00001~1")
        shown = await until(stub, "erp_db", lambda found: found.records >= 5)
        balance = (await balances(stub, log))["erp_db", "commercial_order"]

    assert shown.checkpoint.startswith("lsn=")
    assert erp.url not in str(shown)
    assert is_balanced(balance)
    assert balance.received == balance.stored == 5
