"""The running twin service over real PostgreSQL, NATS and gRPC."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import pytest_asyncio
from google.protobuf.message import Message as ProtoMessage

from chassis.bus import Bus, Handler, Message, bus, subject_of
from chassis.errors import Conflict, Invalid, NotFound
from chassis.rpc import connect, is_serving
from chassis.settings import CommonSettings
from chassis.testing import eventually
from marketwin.ingest.v1 import events_pb2 as ingest_events
from marketwin.twin.v1 import events_pb2, service_pb2_grpc
from marketwin.twin.v1 import service_pb2 as pb
from services.twin.app import app
from services.twin.settings import TwinSettings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Stub = Any


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def twin(common: CommonSettings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stub]:
    regions = tmp_path_factory.mktemp("regions") / "regions.csv"
    regions.write_text(
        "adcode,parent,level,name_zh,name_en,lon,lat\n"
        "US,,country,美国,United States,-98.5,39.8\n"
        "US-CA,US,province,加利福尼亚州,California,-119.4,36.8\n",
        encoding="utf-8",
    )
    async with app(TwinSettings(common=common, regions=regions)) as running:
        assert await is_serving(running.address)
        async with connect(running.address, service_pb2_grpc.TwinServiceStub) as stub:
            yield stub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(common: CommonSettings) -> AsyncIterator[Bus]:
    async with bus(common.nats_url, "test") as connected:
        yield connected


def _put(twin_id: str, body: object, revision: int | None = None) -> pb.PutTwinRequest:
    precondition = pb.Precondition(revision=revision) if revision is not None else None
    return pb.PutTwinRequest(id=twin_id, body_json=json.dumps(body), precondition=precondition, written_by="ann")


def _sku(code: str | None = None) -> tuple[str, dict[str, object]]:
    return f"sku:{code or uuid.uuid4().hex}", {"model": "sku", "properties": {"name_zh": "红双喜", "price_class": 2}}


async def _publish(log: Bus, kind: str, records: pl.DataFrame, message_id: str | None = None) -> None:
    sink = io.BytesIO()
    records.write_ipc_stream(sink)
    event = ingest_events.RecordsAccepted(
        batch_id=uuid.uuid4().hex, kind=kind, source="test", count=records.height, arrow_ipc=sink.getvalue()
    )
    await log.publish(subject_of(event, kind), event.SerializeToString(), message_id=message_id or uuid.uuid4().hex)


def _retailer(code: str, name: str, at: datetime = NOW, **more: object) -> pl.DataFrame:
    row = {"retailer_code": code, "name": name, "adcode": "US-CA", "license_valid_to": date(2030, 1, 31)}
    return pl.DataFrame([{**row, "source": "crm", "trace_id": "ab" * 16, "occurred_at": at, **more}])


async def _get(twin: Stub, twin_id: str, revision: int | None = None):
    try:
        return (await twin.GetTwin(pb.GetTwinRequest(id=twin_id, revision=revision))).twin
    except NotFound:
        return None


async def test_a_twin_is_put_read_patched_and_read_at_each_revision(twin: Stub):
    twin_id, body = _sku()
    put = await twin.PutTwin(_put(twin_id, body))
    patch = json.dumps({"properties": {"price_class": 1, "name_zh": None}})

    patched = await twin.PatchTwin(
        pb.PatchTwinRequest(id=twin_id, patch_json=patch, precondition=pb.Precondition(revision=1))
    )

    assert put.created
    assert patched.twin.revision == 2
    assert json.loads(patched.twin.properties_json) == {"price_class": 1}
    assert json.loads((await _get(twin, twin_id, 1)).properties_json) == body["properties"]
    assert json.loads((await _get(twin, twin_id, 2)).properties_json) == {"price_class": 1}
    assert await _get(twin, twin_id, 3) is None


async def test_a_patch_may_name_the_model_but_not_change_it(twin: Stub):
    twin_id, body = _sku()
    await twin.PutTwin(_put(twin_id, body))
    same = json.dumps({"model": "sku", "properties": {"price_class": 3}})
    other = json.dumps({"model": "region", "properties": {}})

    patched = await twin.PatchTwin(pb.PatchTwinRequest(id=twin_id, patch_json=same))
    with pytest.raises(Invalid) as refused:
        await twin.PatchTwin(pb.PatchTwinRequest(id=twin_id, patch_json=other))

    assert json.loads(patched.twin.properties_json)["price_class"] == 3
    assert refused.value.errors[0].pointer == "/model"


async def test_a_patch_of_nothing_changes_nothing(twin: Stub):
    twin_id, body = _sku()
    await twin.PutTwin(_put(twin_id, {**body, "desired": {"price_class": 1}}))

    for patch in ({}, {"desired": {}}, {"properties": {}}, {"properties": {"never_known": None}}):
        written = await twin.PatchTwin(pb.PatchTwinRequest(id=twin_id, patch_json=json.dumps(patch)))
        assert (written.twin.revision, json.loads(written.twin.desired_json)) == (1, {"price_class": 1})


async def test_a_patch_takes_away_by_null(twin: Stub):
    twin_id, body = _sku()
    relations = [{"name": "of_brand", "target": "brand:1"}]
    await twin.PutTwin(_put(twin_id, {**body, "desired": {"price_class": 1}, "relations": relations}))

    patch = json.dumps({"properties": None, "desired": None, "relations": None})
    written = await twin.PatchTwin(pb.PatchTwinRequest(id=twin_id, patch_json=patch))

    assert (written.twin.properties_json, written.twin.desired_json, list(written.twin.relations)) == ("{}", "{}", [])
    assert (await _get(twin, twin_id)).revision == 2


async def test_what_a_body_does_not_name_is_gone_from_the_twin_that_it_replaces(twin: Stub):
    twin_id, body = _sku()
    relations = [{"name": "of_brand", "target": "brand:1"}]
    await twin.PutTwin(_put(twin_id, {**body, "desired": {"price_class": 1}, "relations": relations}))

    replaced = await twin.PutTwin(_put(twin_id, {"model": "sku", "properties": {"price_class": 4}}))

    assert not replaced.created
    assert json.loads(replaced.twin.properties_json) == {"price_class": 4}
    assert json.loads(replaced.twin.desired_json) == {}
    assert list(replaced.twin.relations) == []
    assert json.loads((await _get(twin, twin_id, 1)).desired_json) == {"price_class": 1}


async def test_a_write_sets_right_what_a_source_whose_clock_is_ahead_has_said(twin: Stub, log: Bus):
    code, tomorrow = uuid.uuid4().hex, datetime.now(UTC) + timedelta(days=1)
    await _publish(log, "retailer", _retailer(code, "Of tomorrow", tomorrow))
    await eventually(lambda: _get(twin, f"retailer:{code}"))

    patch = json.dumps({"properties": {"name": "By hand"}})
    patched = await twin.PatchTwin(pb.PatchTwinRequest(id=f"retailer:{code}", patch_json=patch))
    await twin.DeleteTwin(pb.DeleteTwinRequest(id=f"retailer:{code}"))

    assert json.loads(patched.twin.properties_json)["name"] == "By hand"
    assert await _get(twin, f"retailer:{code}") is None


async def test_a_write_that_expects_another_revision_is_refused_and_changes_nothing(twin: Stub):
    twin_id, body = _sku()
    await twin.PutTwin(_put(twin_id, body))

    with pytest.raises(Conflict) as refused:
        await twin.PutTwin(_put(twin_id, {"model": "sku", "properties": {}}, revision=7))

    assert refused.value.code == "precondition_failed"
    assert (await _get(twin, twin_id)).revision == 1


async def test_creating_what_exists_is_refused_when_it_must_not_exist(twin: Stub):
    twin_id, body = _sku()
    await twin.PutTwin(_put(twin_id, body, revision=0))

    with pytest.raises(Conflict):
        await twin.PutTwin(_put(twin_id, body, revision=0))


async def test_a_property_of_the_wrong_type_is_refused_with_its_pointer(twin: Stub):
    with pytest.raises(Invalid) as refused:
        await twin.PutTwin(_put("sku:bad", {"model": "sku", "properties": {"price_class": "first"}}))

    assert refused.value.errors[0].pointer == "/properties/price_class"
    assert await _get(twin, "sku:bad") is None


@pytest.mark.parametrize("body", ["[1]", "{", '{"model": "ship"}', '{"model": "sku", "extra": 1}'])
async def test_a_body_that_is_no_twin_is_refused(twin: Stub, body: str):
    with pytest.raises(Invalid):
        await twin.PutTwin(pb.PutTwinRequest(id="sku:x", body_json=body))


async def test_a_deleted_twin_is_gone_and_keeps_its_past(twin: Stub):
    twin_id, body = _sku()
    await twin.PutTwin(_put(twin_id, body))

    deleted = await twin.DeleteTwin(pb.DeleteTwinRequest(id=twin_id))

    assert deleted.revision == 2
    assert await _get(twin, twin_id) is None
    assert (await _get(twin, twin_id, 1)).revision == 1
    history = await twin.ListHistory(pb.ListHistoryRequest(id=twin_id))
    assert [change.revision for change in history.changes] == [1, 2]
    recreated = await twin.PutTwin(_put(twin_id, body))
    assert recreated.twin.revision == 3


async def test_regions_of_the_file_are_twins_with_their_parents(twin: Stub):
    region = await _get(twin, "region:US-CA")

    assert json.loads(region.properties_json)["name_en"] == "California"
    assert [(r.name, r.target) for r in region.relations] == [("part_of", "region:US")]


async def test_twins_are_listed_by_model_a_page_at_a_time(twin: Stub):
    first = await twin.ListTwins(pb.ListTwinsRequest(model="region", page_size=1))
    second = await twin.ListTwins(pb.ListTwinsRequest(model="region", page_size=1, cursor=first.next_cursor))

    assert [each.id for each in first.twins] == ["region:US"]
    assert [each.id for each in second.twins] == ["region:US-CA"]
    assert second.next_cursor == ""


async def test_an_accepted_record_changes_its_twin_once_however_often_it_is_delivered(twin: Stub, log: Bus):
    code = uuid.uuid4().hex
    message_id = uuid.uuid4().hex
    await _publish(log, "retailer", _retailer(code, "Corner Shop"), message_id)

    seen = await eventually(lambda: _get(twin, f"retailer:{code}"))

    assert json.loads(seen.properties_json) == {"name": "Corner Shop", "license_valid_to": "2030-01-31"}
    assert [(r.name, r.target) for r in seen.relations] == [("located_in", "region:US-CA")]
    assert seen.trace_id == "ab" * 16
    again = uuid.uuid4().hex
    await _publish(log, "retailer", _retailer(code, "Corner Shop"), again)
    await _publish(log, "retailer", _retailer(code + "x", "Next"))
    await eventually(lambda: _get(twin, f"retailer:{code}x"))
    assert (await _get(twin, f"retailer:{code}")).revision == 1


async def test_a_late_record_does_not_overwrite_a_newer_one(twin: Stub, log: Bus):
    code = uuid.uuid4().hex
    await _publish(log, "retailer", _retailer(code, "New name"))
    await _publish(log, "retailer", _retailer(code, "Old name", NOW - timedelta(days=3)))
    await _publish(log, "retailer", _retailer(code + "x", "Next"))

    await eventually(lambda: _get(twin, f"retailer:{code}x"))

    assert json.loads((await _get(twin, f"retailer:{code}")).properties_json)["name"] == "New name"


async def _at(twin: Stub, code: str, at: datetime | None = None, known_at: datetime | None = None) -> Any:
    found = await twin.GetTwin(pb.GetTwinRequest(id=f"retailer:{code}", at=at, known_at=known_at))
    properties = json.loads(found.twin.properties_json)
    return {name: value for name, value in properties.items() if name in {"name", "trade_area"}}


async def test_a_twin_is_read_as_it_was_and_as_it_was_known(twin: Stub, log: Bus):
    code, monday, friday = uuid.uuid4().hex, NOW - timedelta(days=6), NOW - timedelta(days=2)
    await _publish(log, "retailer", _retailer(code, "New name", friday))
    known_first = (await eventually(lambda: _get(twin, f"retailer:{code}"))).known_at.ToDatetime(UTC)
    await _publish(log, "retailer", _retailer(code, "Old name", monday, trade_area="school"))
    await eventually(lambda: _get(twin, f"retailer:{code}", 2))

    assert await _at(twin, code, at=NOW) == {"name": "New name", "trade_area": "school"}
    assert await _at(twin, code, at=monday) == {"name": "Old name", "trade_area": "school"}
    assert await _at(twin, code, known_at=known_first) == {"name": "New name"}
    assert await _at(twin, code, at=friday, known_at=known_first) == {"name": "New name"}
    for at, known_at in ((monday - timedelta(days=1), None), (monday, known_first), (NOW, friday)):
        with pytest.raises(NotFound):
            await _at(twin, code, at, known_at)


async def test_a_revision_and_a_time_are_not_asked_for_together(twin: Stub):
    with pytest.raises(Invalid) as refused:
        await twin.GetTwin(pb.GetTwinRequest(id="region:US", revision=1, at=NOW))

    assert refused.value.errors[0].pointer == "/query/revision"


async def test_a_record_from_before_does_not_overwrite_what_a_person_wrote(twin: Stub, log: Bus):
    code = uuid.uuid4().hex
    body = {"model": "retailer", "properties": {"name": "By hand"}}
    await twin.PutTwin(_put(f"retailer:{code}", body))

    await _publish(log, "retailer", pl.concat([_retailer(code, "From last week"), _retailer(code + "x", "Next")]))
    await eventually(lambda: _get(twin, f"retailer:{code}x"))

    assert json.loads((await _get(twin, f"retailer:{code}")).properties_json)["name"] == "By hand"


async def test_what_was_said_before_is_no_news_however_late_it_comes_again(twin: Stub, log: Bus):
    code, monday, friday = uuid.uuid4().hex, NOW - timedelta(days=6), NOW - timedelta(days=2)
    said = [_retailer(code, "New name", friday), _retailer(code, "Old name", monday)]
    await _publish(log, "retailer", said[0])
    # What is heard together is taken in by its times, and nothing of it is late.
    await eventually(lambda: _get(twin, f"retailer:{code}"))
    for each in (said[1], *said):
        await _publish(log, "retailer", each)
    await _publish(log, "retailer", _retailer(code + "x", "Next"))
    await eventually(lambda: _get(twin, f"retailer:{code}x"))

    history = await twin.ListHistory(pb.ListHistoryRequest(id=f"retailer:{code}"))

    assert [(change.revision, change.patch_json) for change in history.changes][1:] == [(2, "{}")]


async def test_a_record_that_is_taken_back_changes_no_twin(twin: Stub, log: Bus):
    code, other = uuid.uuid4().hex, uuid.uuid4().hex
    await _publish(log, "retailer", _retailer(code, "First", op="upsert"))
    later = NOW + timedelta(hours=1)

    await _publish(log, "retailer", _retailer(code, "", at=later, op="delete", license_valid_to=None))
    await _publish(log, "retailer", _retailer(other, "Next", op="upsert"))
    await eventually(lambda: _get(twin, f"retailer:{other}"))

    found = await _get(twin, f"retailer:{code}")
    assert json.loads(found.properties_json)["name"] == "First"
    assert found.revision == 1


def _sale(org: str, sku: str, on: date, qty: int) -> dict[str, object]:
    return {
        "org_code": org,
        "sku_code": sku,
        "period": "week",
        "biz_date": on,
        "qty_base": qty,
        "amount": Decimal("10.50"),
        "currency": "USD",
        "adcode": "US-CA",
        "source": "wholesaler",
        "trace_id": "",
        "occurred_at": datetime(on.year, on.month, on.day, tzinfo=UTC),
    }


async def test_a_region_shows_the_sum_of_its_newest_sales_period_even_after_a_correction(twin: Stub, log: Bus):
    old, new = date(2026, 2, 16), date(2026, 2, 23)
    rows = [_sale("O1", "A", old, 5), _sale("O1", "A", new, 100), _sale("O1", "B", new, 20)]
    await _publish(log, "commercial_sale", pl.DataFrame(rows))
    await _publish(log, "commercial_sale", pl.DataFrame([_sale("O1", "A", new, 70)]))

    async def corrected():
        region = await _get(twin, "region:US-CA")
        properties = json.loads(region.properties_json)
        return properties if properties.get("sales_qty_base") == 90 else None

    properties = await eventually(corrected)

    assert properties["sales_on"] == "2026-02-23"
    assert properties["sales_amount"] == "21.00"
    assert properties["sales_period"] == "week"


async def test_every_change_is_told_with_the_whole_state_and_the_trace(twin: Stub, log: Bus):
    told: list[events_pb2.TwinChanged] = []
    twin_id, body = _sku()

    async def hear(message: Message) -> None:
        told.append(events_pb2.TwinChanged.FromString(message.data))

    async with _listening(log, hear, events_pb2.TwinChanged):
        await twin.PutTwin(_put(twin_id, body))

        async def heard():
            return [each for event in told for each in event.twins if each.id == twin_id]

        (changed,) = await eventually(heard)

    assert json.loads(changed.properties_json) == body["properties"]
    assert changed.revision == 1
    assert changed.source == "user:ann"


@asynccontextmanager
async def _listening(log: Bus, hear: Handler, event: type[ProtoMessage]) -> AsyncIterator[None]:
    """Listens to all events of a type while the block runs."""
    subjects = [subject_of(event, ">")]
    task = asyncio.create_task(log.consume(durable=f"test-{uuid.uuid4().hex}", subjects=subjects, handle=hear))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
