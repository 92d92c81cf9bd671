from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from structlog.testing import capture_logs

from chassis.db import Database, Upserted, database, patiently, pull_frame, read_frame, upsert_frame
from chassis.settings import CommonSettings
from chassis.testing import eventually

METADATA = sa.MetaData(schema="goods")
THING = sa.Table(
    "thing",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger),
    sa.Column("money", sa.Numeric(14, 2)),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("on_day", sa.Date),
    sa.Column("claim", sa.Boolean),
    sa.Column("body", JSONB),
)
SCHEMA = {
    "key": pl.String,
    "number": pl.Int64,
    "money": pl.Decimal(14, 2),
    "at": pl.Datetime("us", "UTC"),
    "on_day": pl.Date,
    "claim": pl.Boolean,
    "body": pl.String,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def db(common: CommonSettings) -> AsyncIterator[Database]:
    async with database(common.postgres_url, "goods") as opened:
        async with opened.engine.begin() as connection:
            await connection.execute(sa.schema.CreateSchema("goods"))
            await connection.run_sync(METADATA.create_all)
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def empty(db: Database) -> Database:
    async with db.transaction() as session:
        await session.execute(sa.delete(THING))
    return db


def _frame(rows: int = 1, **columns: object) -> pl.DataFrame:
    row = {
        "key": "键\"1',\n",
        "number": None,
        "money": Decimal("-0.10"),
        "at": datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC),
        "on_day": date(2026, 2, 28),
        "claim": False,
        "body": '{"文字": "a,\\"b\\""}',
    }
    frame = pl.DataFrame([{**row, **columns}] * rows, schema=SCHEMA)
    return frame if rows == 1 else frame.with_columns(key=pl.int_range(rows).cast(pl.String))


async def _all(db: Database) -> pl.DataFrame:
    async with db.transaction() as session:
        return await pull_frame(session, f"SELECT {', '.join(SCHEMA)} FROM goods.thing ORDER BY key", SCHEMA)


async def test_what_was_copied_in_is_what_is_pulled_out(empty: Database):
    frame = _frame()

    async with empty.transaction() as session:
        written = await upsert_frame(session, THING, frame, key=["key"])

    assert written == Upserted(1, 0)
    assert (await _all(empty)).equals(frame)


async def test_empty_text_and_null_stay_apart(empty: Database):
    frame = pl.concat([_frame(key=""), _frame(key="x", body=None, at=None, claim=None, on_day=None)])

    async with empty.transaction() as session:
        await upsert_frame(session, THING, frame, key=["key"])

    assert (await _all(empty)).equals(frame)


async def test_an_upsert_counts_new_and_changed_rows_and_leaves_out_what_the_condition_refuses(empty: Database):
    async with empty.transaction() as session:
        await upsert_frame(session, THING, _frame(3, number=5), key=["key"])

    mixed = _frame(4).with_columns(number=pl.Series([9, 1, None, 7], dtype=pl.Int64))
    async with empty.transaction() as session:
        written = await upsert_frame(session, THING, mixed, key=["key"], where="excluded.number > thing.number")

    assert written == Upserted(inserted=1, updated=1)
    assert (await _all(empty))["number"].to_list() == [9, 5, 5, 7]


async def test_a_transaction_that_fails_leaves_nothing_of_a_copy(empty: Database):
    async def fail() -> None:
        async with empty.transaction() as session:
            await upsert_frame(session, THING, _frame(10), key=["key"])
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await fail()

    assert (await _all(empty)).is_empty()


async def test_nothing_pulled_still_has_its_columns(empty: Database):
    assert dict((await _all(empty)).schema) == SCHEMA


async def test_a_small_select_comes_as_a_frame(empty: Database):
    async with empty.transaction() as session:
        found = await read_frame(session, "SELECT 1 AS one, :text AS text", {"text": "二"})

    assert found.to_dicts() == [{"one": 1, "text": "二"}]


async def test_connections_that_a_busy_hour_needed_are_ended_and_nobody_notices(db: Database, common: CommonSettings):
    together = asyncio.Barrier(4)

    async with database(common.postgres_url, "idle", pool_size=4, idle_ms=300) as busy:

        async def one() -> None:
            async with busy.transaction() as session:
                await session.execute(sa.text("SELECT 1"))
                await together.wait()

        async def connections() -> int:
            named = sa.text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'marketwin-idle'")
            async with db.transaction() as session:
                return int(await session.scalar(named) or 0)

        async def none() -> bool:
            return await connections() == 0

        await asyncio.gather(*(one() for _ in range(4)))
        most = await connections()
        await eventually(none)
        async with busy.transaction() as session:
            again = await session.scalar(sa.text("SELECT 2"))

    assert most == 4
    assert again == 2


async def test_work_that_is_too_slow_for_the_database_ends_no_process_and_may_begin_anew(db: Database):
    times = iter([30, 0])

    async def work() -> int:
        async with db.transaction() as session:
            await session.execute(sa.text("SET LOCAL statement_timeout = '20ms'"))
            await session.execute(sa.text("SELECT pg_sleep(:seconds)"), {"seconds": next(times)})
        return 1

    with capture_logs() as told:
        found = [await patiently("sleep", work), await patiently("sleep", work)]

    assert found == [None, 1]
    assert [(each["event"], each["work"]) for each in told] == [("work.waits", "sleep")]


async def test_work_whose_connection_the_server_ends_ends_no_process(db: Database):
    async def work() -> None:
        async with db.transaction() as session:
            await session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(30)"))

    assert await patiently("sleep", work) is None


async def test_work_that_needs_another_server_waits_for_that_too():
    async def work() -> None:
        raise LookupError

    assert await patiently("look", work, also=(LookupError,)) is None
    with pytest.raises(LookupError):
        await patiently("look", work)


async def test_work_that_is_wrong_is_not_tried_anew(db: Database):
    async def work() -> None:
        async with db.transaction() as session:
            await session.execute(sa.text("SELECT nothing"))

    with pytest.raises(sa.exc.ProgrammingError):
        await patiently("mistake", work)
