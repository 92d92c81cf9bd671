"""An ingest process that is killed while it writes: nothing is lost and nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import polars as pl
from sqlalchemy.exc import DBAPIError

from chassis.bus import Bus, subject_of
from chassis.db import Database
from chassis.settings import CommonSettings
from chassis.testing import eventually
from services.ingest.consumers import DURABLE, STREAM
from services.ingest.wire import accepted_event, refused_event
from tests.ingest.builders import sale
from tests.ingest.parts import balance, days_differ, message, refusal, rows

MESSAGES, RECORDS, REFUSED = 150, 300, 10


@asynccontextmanager
async def _ingest(common: CommonSettings) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {
        **os.environ,
        "MARKETWIN_POSTGRES_URL": common.postgres_url,
        "MARKETWIN_NATS_URL": common.nats_url,
        "MARKETWIN_REDIS_URL": common.redis_url,
        "MARKETWIN_DATA": str(common.data),
        "INGEST_TOKEN_KEY": "a secret of the tests, long enough",
        "INGEST_CATCH_UP_S": "0",
    }
    log = (common.data / "ingest.log").open("ab")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.ingest", env=environment, stdout=log, stderr=log
    )
    log.close()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def _fill(log: Bus) -> None:
    model = message("model", *(sale(order_no=f"N{n}") for n in range(RECORDS)))
    for number in range(MESSAGES):
        id = f"part{number}"
        records = model.records.with_columns(
            pl.format("{}-{}", pl.lit(id), "line").alias("record_id"),
            pl.format("{}~{}", pl.lit(id), "record_key").alias("record_key"),
        )
        event = accepted_event(replace(model, part_id=id, records=records))
        await log.publish(subject_of(event, "pos_sale"), event.SerializeToString(), message_id=id)
    for number in range(REFUSED):
        part = refusal(f"refused{number}", ("quarantine", '{"qty": 0}'), ("reject", ""))
        refused = refused_event(part)
        await log.publish(subject_of(refused, "pos_sale"), refused.SerializeToString(), message_id=part.message_id)


async def _booked(db: Database) -> int:
    try:
        return int((await rows(db, "SELECT count(*) FROM ingest.inbox"))[0][0])
    except DBAPIError:
        return 0


async def test_a_process_killed_while_it_writes_loses_nothing_and_books_nothing_twice(
    common: CommonSettings, log: Bus, db: Database
):
    await log.ensure_stream("ingest")
    await _fill(log)
    async with _ingest(common) as process:
        await eventually(lambda: _booked(db), within_s=90, every_s=0.002)
        process.send_signal(signal.SIGKILL)
    half = await _booked(db)
    async with _ingest(common):

        async def done() -> bool:
            return await log.pending(STREAM, DURABLE) == 0

        await eventually(done, within_s=120)

    total, keys = (await rows(db, "SELECT count(*), count(DISTINCT record_id) FROM ingest.pos_sale"))[0]
    assert 0 < half < MESSAGES + REFUSED
    assert total == keys == MESSAGES * RECORDS
    assert await balance(db) == {
        "received": MESSAGES * RECORDS + 2 * REFUSED,
        "stored": MESSAGES * RECORDS,
        "quarantined": REFUSED,
        "rejected": REFUSED,
    }
    assert await days_differ(db) == []
