"""Several sources of one property over the running service: rules are set, twins follow, the past stays."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
import pytest_asyncio

from chassis.bus import Bus, bus, subject_of
from chassis.errors import Conflict, Invalid, NotFound
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually
from marketwin.ingest.v1 import events_pb2 as ingest_events
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import service_pb2_grpc
from services.twin.app import app
from services.twin.settings import TwinSettings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
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


async def _tell(log: Bus, twin: Stub, source: str, code: str, at: datetime = NOON, **said: object) -> None:
    """A source says something of a shop; returns when the twin has heard it."""
    row = {"retailer_code": code, "name": "店", "source": source, "trace_id": "ab" * 16, "occurred_at": at, **said}
    sink = io.BytesIO()
    pl.DataFrame([row]).write_ipc_stream(sink)
    event = ingest_events.RecordsAccepted(
        batch_id=uuid.uuid4().hex, kind="retailer", source=source, count=1, arrow_ipc=sink.getvalue()
    )
    await log.publish(subject_of(event, "retailer"), event.SerializeToString(), message_id=uuid.uuid4().hex)

    async def heard() -> bool:
        fusion = await _fusion(twin, code)
        return fusion is not None and any(each.source == source for each in fusion.inputs)

    await eventually(heard)


async def _fusion(twin: Stub, code: str, name: str = "tier", **when: Any) -> Any:
    try:
        found = await twin.GetFusion(pb.GetFusionRequest(id=f"retailer:{code}", property=name, **when))
    except NotFound:
        return None
    return found.fusions[0]


async def _get(twin: Stub, code: str, **when: Any) -> Any:
    return (await twin.GetTwin(pb.GetTwinRequest(id=f"retailer:{code}", **when))).twin


async def _tier(twin: Stub, code: str, **when: Any) -> Any:
    return json.loads((await _get(twin, code, **when)).properties_json).get("tier")


@pytest_asyncio.fixture(loop_scope="session")
async def no_rule(twin: Stub) -> AsyncIterator[None]:
    yield
    try:
        await twin.DeleteFusionRule(pb.DeleteFusionRuleRequest(model="retailer", property="tier", written_by="ann"))
    except NotFound:
        return


async def _set(twin: Stub, rule: object, name: str = "tier", version: int | None = None) -> Any:
    asked = pb.PutFusionRuleRequest(
        model="retailer", property=name, rule_json=json.dumps(rule), version=version, written_by="ann"
    )
    return (await twin.PutFusionRule(asked)).rule


async def test_without_a_rule_the_newest_value_is_shown_and_the_others_are_told(twin: Stub, log: Bus):
    code = uuid.uuid4().hex
    await _tell(log, twin, "crm", code, tier=10)
    await _tell(log, twin, "wecom", code, NOON - timedelta(days=1), tier=20)

    fusion = await _fusion(twin, code)

    assert json.loads(fusion.value_json) == await _tier(twin, code) == 10
    assert [(each.source, each.weight, each.unused) for each in fusion.inputs] == [
        ("crm", 1.0, ""),
        ("wecom", 0.0, "older"),
    ]
    assert fusion.rule.version == 0
    assert json.loads(fusion.rule.rule_json)["method"] == "latest"
    assert not fusion.HasField("conflict")


async def test_a_rule_holds_for_what_comes_and_for_what_is_there(twin: Stub, log: Bus, no_rule: None):
    there, coming = uuid.uuid4().hex, uuid.uuid4().hex
    await _tell(log, twin, "crm", there, tier=10)
    await _tell(log, twin, "wecom", there, NOON - timedelta(hours=1), tier=20)
    before = await _get(twin, there)

    made = await _set(twin, {"method": "weighted", "half_life_s": 3600, "variance": {"*": 4}}, version=0)
    await _tell(log, twin, "crm", coming, tier=4)
    await _tell(log, twin, "wecom", coming, tier=6)

    assert (made.version, made.set_by) == (1, "user:ann")
    assert await _tier(twin, coming) == 5
    # Weights 1 and 1/2: (10 + 20 / 2) / 1.5 = 13.33, a whole number by the model.
    await eventually(lambda: _is(_tier(twin, there), 13))
    fusion = await _fusion(twin, there)
    assert [round(each.weight, 3) for each in fusion.inputs] == [0.667, 0.333]
    assert (fusion.spread.least, fusion.spread.most) == (10.0, 20.0)
    assert fusion.conflict
    assert fusion.chi_square == pytest.approx(12.5)
    after = await _get(twin, there)
    assert after.revision == before.revision + 1
    assert after.source == "fusion:retailer/tier;1"
    assert await _tier(twin, there, revision=before.revision) == 10
    await eventually(lambda: _is(_applied(twin), True))


async def _is(answer: Any, wanted: object) -> bool:
    return bool(await answer == wanted)


async def _applied(twin: Stub) -> bool:
    found = await twin.ListFusionRules(pb.ListFusionRulesRequest(model="retailer"))
    return any(each.property == "tier" and each.HasField("applied_at") for each in found.rules)


async def test_a_rule_that_is_taken_back_leaves_the_newest_value(twin: Stub, log: Bus, no_rule: None):
    code = uuid.uuid4().hex
    made = await _set(twin, {"method": "mean"})
    await _tell(log, twin, "crm", code, tier=10)
    await _tell(log, twin, "wecom", code, NOON - timedelta(days=1), tier=20)
    assert await _tier(twin, code) == 15

    taken_back = pb.DeleteFusionRuleRequest(model="retailer", property="tier", version=made.version, written_by="ann")
    await twin.DeleteFusionRule(taken_back)

    await eventually(lambda: _is(_tier(twin, code), 10))
    found = await twin.ListFusionRules(pb.ListFusionRulesRequest(model="retailer"))
    assert "tier" not in [each.property for each in found.rules]
    with pytest.raises(NotFound):
        await twin.DeleteFusionRule(taken_back.__class__(model="retailer", property="tier"))


async def test_the_past_is_fused_by_the_rule_that_was_known(twin: Stub, log: Bus, no_rule: None):
    code = uuid.uuid4().hex
    await _tell(log, twin, "crm", code, tier=10)
    await _tell(log, twin, "wecom", code, NOON - timedelta(days=1), tier=20)
    then = pb.GetTwinRequest(id=f"retailer:{code}")
    then.known_at.FromDatetime(datetime.now(UTC))
    asked = pb.GetFusionRequest(id=then.id, property="tier", known_at=then.known_at)

    await _set(twin, {"method": "mean"})
    await eventually(lambda: _is(_tier(twin, code), 15))

    assert json.loads((await twin.GetTwin(then)).twin.properties_json)["tier"] == 10
    known = (await twin.GetFusion(asked)).fusions[0]
    assert json.loads(known.value_json) == 10
    assert json.loads(known.rule.rule_json)["method"] == "latest"
    assert json.loads((await _fusion(twin, code)).rule.rule_json)["method"] == "mean"


async def test_a_person_who_sets_a_value_right_outweighs_what_was_seen_before(twin: Stub, log: Bus, no_rule: None):
    code = uuid.uuid4().hex
    await _set(twin, {"method": "mean"})
    await _tell(log, twin, "crm", code, tier=10)
    patch = json.dumps({"properties": {"tier": 30}})

    await twin.PatchTwin(pb.PatchTwinRequest(id=f"retailer:{code}", patch_json=patch, written_by="ann"))

    assert await _tier(twin, code) == 30
    assert [each.source for each in (await _fusion(twin, code)).inputs] == ["user:ann"]


async def test_a_rule_of_another_version_is_not_replaced(twin: Stub, no_rule: None):
    made = await _set(twin, {"method": "mean"})

    with pytest.raises(Conflict) as refused:
        await _set(twin, {"method": "median"}, version=made.version + 1)

    assert refused.value.code == "precondition_failed"
    assert (await _set(twin, {"method": "median"}, version=made.version)).version == made.version + 1


async def test_two_who_set_a_rule_at_once_are_told_apart(twin: Stub, no_rule: None):
    made = await _set(twin, {"method": "mean"})

    outcomes = await asyncio.gather(
        *[_set(twin, {"method": "median"}, version=made.version) for _ in range(5)], return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict"] * 4 + ["FusionRule"]


@pytest.mark.parametrize(
    ("model", "name", "code"),
    [("ghost", "tier", "model_not_found"), ("retailer", "ghost", "property_not_found")],
)
async def test_a_rule_for_what_there_is_not_is_refused(twin: Stub, model: str, name: str, code: str):
    with pytest.raises(NotFound) as refused:
        await twin.PutFusionRule(pb.PutFusionRuleRequest(model=model, property=name, rule_json='{"method":"mean"}'))
    assert refused.value.code == code


async def test_texts_have_no_mean_unless_they_may_spell_numbers(twin: Stub):
    with pytest.raises(Invalid) as refused:
        await _set(twin, {"method": "mean"}, name="license_valid_to")
    assert [each.pointer for each in refused.value.errors] == ["/method"]


async def test_the_fusion_of_what_nobody_told_is_not_found(twin: Stub, log: Bus):
    code = uuid.uuid4().hex
    await _tell(log, twin, "crm", code, tier=10)
    for twin_id, name in ((f"retailer:{code}", "lon"), ("retailer:ghost", "")):
        with pytest.raises(NotFound):
            await twin.GetFusion(pb.GetFusionRequest(id=twin_id, property=name))


async def test_all_properties_of_a_twin_are_told_at_once(twin: Stub, log: Bus):
    code = uuid.uuid4().hex
    await _tell(log, twin, "crm", code, tier=10)

    found = await twin.GetFusion(pb.GetFusionRequest(id=f"retailer:{code}"))

    assert [each.property for each in found.fusions] == ["name", "tier"]
    assert found.revision == 1
    assert all(each.HasField("age_s") and each.age_s > 0 for each in found.fusions)
