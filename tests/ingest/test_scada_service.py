"""Samples through the whole service: door, log, minutes, report."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import pytest_asyncio

from chassis.bus import Bus, bus
from chassis.db import Database, database, read_frame
from chassis.errors import Invalid
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest.app import app
from services.ingest.consumers import SCADA_DURABLE, STREAM
from services.ingest.settings import IngestSettings
from services.ingest.store import SCHEMA
from services.ingest.store.scada import Minutes
from tests.ingest.conftest import KEY
from tests.ingest.peers import PASSWORD, USER, Broker, broker, plant
from tests.ingest.peers.opcua_server import FOLDER
from tests.ingest.running import Stub, balances, is_balanced, push

START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=3)
LOADED = """
connection: hall_opcua
type: opcua
source: hall2
kind: scada_sample
options: {{address: "{address}", journal: {folder}, browse: [{{folder: "{root}", tag: hall2}}]}}
"""
PUBLISHED = """
connection: hall_mqtt
type: mqtt
source: hall1
kind: scada_sample
options:
  host: 127.0.0.1
  port: {port}
  username: {user}
  password: HALL_PASSWORD
  journal: {folder}
  topics: [{{topic: "hall1/{{machine}}/{{signal}}", tag: "hall1.{{machine}}.{{signal}}"}}]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    async with broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ingest(common: CommonSettings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stub]:
    async with (
        app(IngestSettings(common=common, token_key=KEY)) as running,
        connect(running.address, service_pb2_grpc.IngestServiceStub) as stub,
    ):
        yield stub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        yield connected


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def db(common: CommonSettings) -> AsyncIterator[Database]:
    async with database(common.postgres_url, SCHEMA) as opened:
        yield opened


def sample(tag: str, seconds: float, value: float | None = 8000.0, **more: Any) -> dict[str, Any]:
    return {"tag": tag, "sampled_at": (START + timedelta(seconds=seconds)).isoformat(), "value": value, **more}


async def settled(log: Bus) -> None:
    async def nothing_waits() -> bool:
        return await log.pending(STREAM, SCADA_DURABLE) == 0

    await eventually(nothing_waits, within_s=60)


async def minutes(stub: Stub, tag: str, **more: Any) -> pl.DataFrame:
    asked = {"from_time": START.isoformat(), "to_time": (START + timedelta(minutes=10)).isoformat(), **more}
    return frame((await stub.ListMinutes(pb.ListMinutesRequest(tag=tag, **asked))).arrow_ipc)


async def gaps(stub: Stub, **more: Any) -> pl.DataFrame:
    asked = {"from_time": START.isoformat(), "to_time": (START + timedelta(minutes=10)).isoformat(), **more}
    return frame((await stub.ListGaps(pb.ListGapsRequest(**asked))).arrow_ipc)


def frame(body: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(body))


async def test_minutes_are_exact_although_samples_come_late_twice_and_in_pieces(ingest: Stub, log: Bus) -> None:
    tag = "p1.m1.speed"
    await push(ingest, "scada_tag", [{"tag": tag, "machine": "p1.m1", "unit": "rpm", "period_ms": 1000}], source="plc")
    every = [sample(tag, second, float(second)) for second in range(120)]

    await push(ingest, "scada_sample", every[60:], source="plc")
    await settled(log)
    await push(ingest, "scada_sample", every[:50] + every[70:80], source="plc", key="again")
    await push(ingest, "scada_sample", every[40:60], source="plc")
    await settled(log)

    found = await minutes(ingest, tag)
    assert found.select("n", "min", "max", "mean", "last", "expected", "gap_s", "unit").rows()[:2] == [
        (60, 0.0, 59.0, 29.5, 59.0, 60, 0.0, "rpm"),
        # Nothing comes any more: the gap begins with the last sample.
        (60, 60.0, 119.0, 89.5, 119.0, 60, 1.0, "rpm"),
    ]
    row = (await balances(ingest, log))["plc", "scada_sample"]
    assert is_balanced(row)
    assert row.received == 140


async def test_a_gap_and_bad_samples_are_reported_and_never_filled(ingest: Stub, log: Bus) -> None:
    tag = "p1.m2.temp"
    await push(ingest, "scada_tag", [{"tag": tag, "machine": "p1.m2", "period_ms": 1000}], source="plc")
    good = [sample(tag, second) for second in (*range(30), *range(150, 300))]
    bad = [sample(tag, second, None, quality="bad") for second in range(300, 330)]

    await push(
        ingest, "scada_sample", [*good, *bad, *(sample(tag, second) for second in range(330, 600))], source="plc"
    )
    await settled(log)

    found = await gaps(ingest, machine="p1.m2")
    assert found.filter(pl.col("to_at").is_null()).select("reason", "from_at").rows() == [
        ("no_samples", START + timedelta(seconds=599))
    ]
    found = found.filter(pl.col("to_at").is_not_null())
    assert found.select("tag", "reason", "seconds", "missing").rows() == [
        (tag, "bad_quality", 31.0, 30),
        (tag, "no_samples", 121.0, 120),
    ]
    shown = await minutes(ingest, tag)
    assert shown.select("n", "mean", "gap_s", "bad", "marks").rows()[:6] == [
        (30, 8000.0, 31.0, 0, ["gap"]),
        (0, None, 60.0, 0, ["gap"]),
        (30, 8000.0, 30.0, 0, ["gap"]),
        (60, 8000.0, 0.0, 0, []),
        (60, 8000.0, 1.0, 0, ["gap"]),
        (30, 8000.0, 30.0, 30, ["bad", "gap"]),
    ]


async def test_a_value_that_rests_while_its_machine_runs_is_reported(ingest: Stub, log: Bus) -> None:
    tags = [{"tag": f"p1.m{place}.draw", "machine": f"p1.m{place}", "period_ms": 10_000} for place in (3, 4)]
    await push(ingest, "scada_tag", tags, source="plc")
    state = {"machine": "p1.m3", "from_at": START.isoformat(), "state": "run"}
    await push(ingest, "equipment_state", [state], source="mes")
    rows = [sample(tag["tag"], second, 1100.0) for tag in tags for second in range(0, 2400, 10)]

    await push(ingest, "scada_sample", rows, source="plc")
    await settled(log)

    until = (START + timedelta(minutes=40)).isoformat()
    found = await gaps(ingest, to_time=until)
    assert [row["tag"] for row in found.iter_rows(named=True) if row["reason"] == "stuck"] == ["p1.m3.draw"]
    marks = (await minutes(ingest, "p1.m3.draw", to_time=until))["marks"].to_list()
    assert "stuck" in marks[20]


async def test_minutes_come_page_by_page_and_a_wrong_span_is_refused(ingest: Stub, log: Bus) -> None:
    tag = "p1.m5.speed"
    await push(ingest, "scada_sample", [sample(tag, second) for second in range(0, 300, 2)], source="plc")
    await settled(log)
    span = {"from_time": START.isoformat(), "to_time": (START + timedelta(minutes=5)).isoformat()}

    first = await ingest.ListMinutes(pb.ListMinutesRequest(tag=tag, page_size=3, **span))
    second = await ingest.ListMinutes(pb.ListMinutesRequest(tag=tag, page_size=3, cursor=first.next_cursor, **span))

    assert (frame(first.arrow_ipc).height, frame(second.arrow_ipc).height, second.next_cursor) == (3, 2, "")
    for wrong in ({"from_time": "yesterday"}, {"from_time": "2025-03-16T04:00:00"}, {"to_time": START.isoformat()}):
        with pytest.raises(Invalid):
            await ingest.ListMinutes(pb.ListMinutesRequest(tag=tag, **{"from_time": START.isoformat(), **wrong}))


async def test_old_minutes_let_their_samples_go_and_then_themselves(ingest: Stub, log: Bus, db: Database) -> None:
    tag = "p1.m6.speed"
    await push(ingest, "scada_sample", [sample(tag, second) for second in range(30)], source="plc")
    await settled(log)
    store = Minutes(db)
    later = datetime.now(UTC) + timedelta(days=3)

    await store.prune(later, merged_for=timedelta(days=2), kept_for=timedelta(days=365))
    await push(ingest, "scada_sample", [sample(tag, second) for second in range(30, 40)], source="plc")
    await settled(log)

    found = await minutes(ingest, tag)
    assert (found["n"][0], "late" in found["marks"][0]) == (30, True)
    await store.prune(later, merged_for=timedelta(days=2), kept_for=timedelta(days=2))
    async with db.transaction() as session:
        left = await read_frame(session, "SELECT count(*) AS n FROM ingest.scada_minute WHERE minute < now()")
    assert left["n"].to_list() == [0]


async def test_1600_tags_each_second_are_held_over_opcua_and_mqtt(
    common: CommonSettings, db: Database, mosquitto: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference load for ten seconds over each road: every sample is in its minute, and no gap is made up."""
    monkeypatch.setenv("HALL_PASSWORD", PASSWORD)
    seconds, tags = 10, 1600
    async with plant(tags) as server:
        folder = tmp_path / "connections"
        folder.mkdir()
        (folder / "opcua.yaml").write_text(LOADED.format(address=server.address, folder=tmp_path, root=FOLDER))
        (folder / "mqtt.yaml").write_text(PUBLISHED.format(port=mosquitto.port, user=USER, folder=tmp_path))
        async with (
            app(IngestSettings(common=common, token_key=KEY, connections=folder)) as running,
            connect(running.address, service_pb2_grpc.IngestServiceStub) as stub,
        ):
            await _counted(db, "hall2", tags)
            await server.ask(f"write {seconds} 1000")
            await _counted(db, "hall2", tags * (seconds + 1))
            begin = datetime.now(UTC).timestamp()
            async with mosquitto.client() as client:
                for second in range(seconds):
                    for place in range(tags):
                        topic = f"hall1/m{place // 40}/s{place % 40}"
                        await client.publish(topic, json.dumps({"ts": begin + second, "value": place}), qos=0)
            await _counted(db, "hall1", tags * seconds)
            span = {"from_time": (START + timedelta(hours=2)).isoformat()}
            assert frame((await stub.ListGaps(pb.ListGapsRequest(machine="hall1.m1", **span))).arrow_ipc).is_empty()


async def _counted(db: Database, hall: str, samples: int) -> None:
    async def counted() -> bool:
        async with db.transaction() as session:
            found = await read_frame(
                session,
                "SELECT coalesce(sum(n), 0)::bigint AS n FROM ingest.scada_minute WHERE tag LIKE :hall",
                {"hall": f"{hall}.%"},
            )
        return found["n"].to_list() == [samples]

    await eventually(counted, within_s=90, every_s=0.2)
