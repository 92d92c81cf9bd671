"""An ingest process that is killed while it pulls pages and reads a file: both go on where they were."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chassis.bus import Bus
from chassis.db import Database
from chassis.rpc import connect, is_serving
from chassis.settings import CommonSettings
from chassis.testing import eventually
from deploy.embedded import free_port
from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest.consumers import DURABLE, STREAM
from tests.ingest.builders import order
from tests.ingest.connecting import until
from tests.ingest.erp import Erp, pull
from tests.ingest.parts import balance, rows
from tests.ingest.running import Stub, at, load_master
from tests.ingest.test_file_drop import drop, orders, put
from tests.wecom.world import served

PULLED, DROPPED = 3000, 12_000


@asynccontextmanager
async def _ingest(common: CommonSettings, connections: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Stub]]:
    port = free_port()
    environment = {
        **os.environ,
        "MARKETWIN_POSTGRES_URL": common.postgres_url,
        "MARKETWIN_NATS_URL": common.nats_url,
        "MARKETWIN_REDIS_URL": common.redis_url,
        "MARKETWIN_DATA": str(common.data),
        "INGEST_TOKEN_KEY": "a secret of the tests, long enough",
        "INGEST_CONNECTIONS": str(connections),
        "INGEST_PORT": str(port),
        "INGEST_CATCH_UP_S": "0",
    }
    log = (common.data / "ingest.log").open("ab")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.ingest", env=environment, stdout=log, stderr=log
    )
    log.close()
    address = f"127.0.0.1:{port}"
    try:
        await eventually(lambda: is_serving(address), within_s=60, every_s=0.1)
        async with connect(address, service_pb2_grpc.IngestServiceStub) as stub:
            yield process, stub
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 60)


async def test_a_killed_process_goes_on_and_nothing_is_lost_or_there_twice(
    common: CommonSettings, log: Bus, db: Database, tmp_path: Path
):
    erp = Erp([], page_size=30)
    folder, connections = tmp_path / "drop", tmp_path / "connections"
    folder.mkdir()
    connections.mkdir()
    async with served(erp.app) as url:
        (connections / "erp.yaml").write_text(pull(f"{url}/open"))
        (connections / "drop.yaml").write_text(drop(folder, part_records=200))
        async with _ingest(common, connections) as (process, stub):
            await load_master(stub)
            erp.rows = [order(order_no=f"K{number:06d}", ordered_at=at(hours=1)) for number in range(PULLED)]
            put(folder, "a.csv", orders(DROPPED).write_csv().encode())
            await until(stub, "drop", lambda found: found.records >= 1000)
            half = await until(stub, "erp", lambda found: found.records >= 100)
            process.send_signal(signal.SIGKILL)
        pulled_before = half.records
        async with _ingest(common, connections) as (_, stub):
            await until(stub, "drop", lambda found: "done/a.csv" in found.checkpoint, within_s=90)
            pulled = await until(stub, "erp", lambda found: found.records >= PULLED, within_s=90)

            async def booked() -> bool:
                return await log.pending(STREAM, DURABLE) == 0

            await eventually(booked, within_s=90)

    total, keys = (await rows(db, "SELECT count(*), count(DISTINCT record_key) FROM ingest.commercial_order"))[0]
    counted = await balance(db)
    assert 0 < pulled_before < PULLED <= pulled.records
    assert total == keys == PULLED + DROPPED
    assert counted["received"] == counted["stored"] + counted.get("duplicate", 0)
