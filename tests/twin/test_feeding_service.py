"""Records of the whole chain reach twins over real PostgreSQL, NATS and gRPC, and their relations can be asked."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import pytest_asyncio
import structlog

from chassis.bus import Bus, bus, subject_of
from chassis.errors import NotFound
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually
from marketwin.ingest.v1 import events_pb2 as ingest_events
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import service_pb2_grpc
from services.twin.app import app
from services.twin.domain.feeding.reader import FeedFault
from services.twin.settings import TwinSettings
from tests.twin.fed_records import NOW, SAID, records

Stub = Any


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def twin(common: CommonSettings) -> AsyncIterator[Stub]:
    async with (
        app(TwinSettings(common=common)) as running,
        connect(running.address, service_pb2_grpc.TwinServiceStub) as stub,
    ):
        yield stub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        yield connected


async def _publish(log: Bus, kind: str, frame: pl.DataFrame) -> None:
    sink = io.BytesIO()
    frame.write_ipc_stream(sink)
    event = ingest_events.RecordsAccepted(kind=kind, count=frame.height, arrow_ipc=sink.getvalue())
    await log.publish(subject_of(event, kind), event.SerializeToString(), message_id=uuid.uuid4().hex)


async def _get(twin: Stub, twin_id: str) -> Any:
    try:
        return (await twin.GetTwin(pb.GetTwinRequest(id=twin_id))).twin
    except NotFound:
        return None


async def _has(twin: Stub, twin_id: str, **properties: Any) -> bool:
    found = await _get(twin, twin_id)
    known = json.loads(found.properties_json) if found else {}
    return found is not None and all(known.get(name) == value for name, value in properties.items())


async def _found(twin: Stub, query: str) -> list[str]:
    return [each.id for each in (await twin.ListTwins(pb.ListTwinsRequest(filter=query))).twins]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def everything(twin: Stub, log: Bus) -> Stub:
    """The twins after one record of every kind."""
    for kind, (row, _) in SAID.items():
        await _publish(log, kind, records(kind, row))
    twins = {twin_id for _, said in SAID.values() for twin_id in said}
    for twin_id in sorted(twins):
        await eventually(lambda each=twin_id: _get(twin, each))
    await eventually(lambda: _has(twin, "slot:W1:B2", last_move="shift"))
    return twin


async def test_one_record_of_every_kind_makes_twins_of_every_model(everything: Stub):
    models = (await everything.ListModels(pb.ListModelsRequest())).models
    counted = (await everything.CountTwins(pb.CountTwinsRequest())).count_by_model

    assert {model.name for model in models} <= set(counted)


FOLLOWED = {
    "retailer:R1": 'eq(relations/located_in,"region:340104")',
    "sku:S1": "related(of_brand,eq(properties/is_own,true))",
    "batch:B1": 'and(related(made_on,eq(id,"line:L1")),related(made_for,related(runs_on,eq(id,"line:L1"))))',
    "machine:M1": 'related(part_of,related(part_of,eq(relations/owned_by,"company:I1")))',
    "shipment:T1": 'related(to_company,eq(properties/kind,"city_commercial"))',
    "shipment_line:T1:1": 'related(part_of,related(from_warehouse,eq(properties/wh_kind,"plant")))',
    "slot:W1:A1": 'and(related(part_of,eq(properties/wh_kind,"plant")),related(holds,eq(id,"sku:S1")))',
    "pallet:W1:P7": 'and(related(stored_in,eq(id,"slot:W1:B2")),related(of_batch,eq(id,"batch:B1")))',
    "stock:W1:S1:B1": 'and(related(held_in,eq(id,"warehouse:W1")),gt(properties/on_hand_base,0))',
    "order_line:X1:2": 'related(part_of,related(bought_by,eq(properties/kind,"city_commercial")))',
    "ticket:K1": 'related(raised_by,related(supplied_by,eq(id,"company:C1")))',
    "supply:V1:paper": 'related(comes_from,eq(properties/name,"纸厂"))',
    "market:C1": 'related(in_region,eq(properties/price_unit,"pack"))',
}


@pytest.mark.parametrize("twin_id", FOLLOWED)
async def test_relations_of_records_can_be_followed(everything: Stub, twin_id: str):
    model = twin_id.split(":", maxsplit=1)[0]

    assert await _found(everything, f'and(eq(model,"{model}"),{FOLLOWED[twin_id]})') == [twin_id]


async def test_the_line_of_a_running_order_shows_it(everything: Stub):
    line = await _get(everything, "line:L1")

    assert json.loads(line.properties_json)["work_order"] == "WO1"
    assert {(each.name, each.target) for each in line.relations} == {
        ("part_of", "plant:P1"),
        ("runs", "work_order:P1:WO1"),
        ("makes", "sku:S1"),
        ("makes_batch", "batch:B1"),
    }


async def test_a_state_that_the_model_does_not_know_is_left_out_and_logged_and_the_rest_goes_on(twin: Stub, log: Bus):
    good, bad = uuid.uuid4().hex, uuid.uuid4().hex
    rows = [{"machine": bad, "from_at": NOW, "state": "asleep"}, {"machine": good, "from_at": NOW, "state": "run"}]

    with structlog.testing.capture_logs() as logged:
        await _publish(log, "equipment_state", records("equipment_state", *rows))
        await eventually(lambda: _has(twin, f"machine:{good}", state="run"))
        told = [each for each in logged if each["event"] == "twin.left_out"]

    assert await _get(twin, f"machine:{bad}") is None
    assert [(each["model"], each["count"], each["kinds"]) for each in told] == [("machine", 1, ["equipment_state"])]
    assert bad not in str(told)


async def test_a_chain_of_states_is_kept_in_the_past(twin: Stub, log: Bus):
    number = uuid.uuid4().hex
    chain = ["planned", "contracted", "permitted", "shipped", "received"]
    rows = [
        {
            "transfer_no": number,
            "line_no": 1,
            "to_org": "C1",
            "status": status,
            "occurred_at": NOW + timedelta(days=day),
        }
        for day, status in enumerate(chain)
    ]

    await _publish(log, "transfer", records("transfer", *reversed(rows)))
    await eventually(lambda: _has(twin, f"shipment:{number}", status="received"))

    history = await twin.ListHistory(pb.ListHistoryRequest(id=f"shipment:{number}"))
    told = [json.loads(change.patch_json)["properties"]["status"] for change in history.changes]
    assert told == chain


async def test_many_messages_at_once_change_each_twin_as_one_by_one(twin: Stub, log: Bus):
    code = uuid.uuid4().hex
    frames = [
        records(
            "commercial_order", {"retailer_code": code, "order_no": f"O{n}", "occurred_at": NOW + timedelta(hours=n)}
        )
        for n in range(40)
    ]

    await asyncio.gather(*(_publish(log, "commercial_order", frame) for frame in frames))

    await eventually(lambda: _has(twin, f"retailer:{code}", last_order_no="O39"))


async def test_a_wrong_mapping_keeps_the_service_from_starting(common: CommonSettings, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("kind: sku\nsays:\n  - twin: product\n    id: sku_code\n", encoding="utf-8")

    with pytest.raises(FeedFault, match=r"mine.yaml:3: twin must be one of"):
        async with app(TwinSettings(common=common, feeds=tmp_path)):
            pass
