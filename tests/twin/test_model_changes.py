"""Types that are added and changed while the service runs: over real PostgreSQL, NATS and gRPC."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import Conflict, Invalid, NotFound
from chassis.rpc import connect
from chassis.settings import CommonSettings
from chassis.testing import eventually, fresh_database
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import service_pb2_grpc
from services.twin.app import app
from services.twin.domain.model_documents import ModelFaults
from services.twin.settings import TwinSettings
from tests.twin.made_models import component, made, prop, relationship, written

Stub = Any


@asynccontextmanager
async def running(common: CommonSettings, models: Path | None = None) -> AsyncIterator[Stub]:
    async with (
        app(TwinSettings(common=common, models=models)) as started,
        connect(started.address, service_pb2_grpc.TwinServiceStub) as stub,
    ):
        yield stub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def twin(common: CommonSettings) -> AsyncIterator[Stub]:
    async with (
        fresh_database(common.postgres_url) as url,
        running(common.model_copy(update={"postgres_url": url})) as stub,
    ):
        yield stub


def _name() -> str:
    """A name that no other test uses."""
    return "k" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:12])


def _kiosk(name: str, version: int, *contents: Any, **more: Any) -> dict[str, Any]:
    return made(f"dtmi:acme:{name};{version}", *contents, **more)


async def _post(twin: Stub, body: object, *, dry_run: bool = False) -> Any:
    return await twin.PostModels(
        pb.PostModelsRequest(body_json=json.dumps(body).encode(), dry_run=dry_run, written_by="ann")
    )


async def _put(twin: Stub, twin_id: str, properties: Any, **more: Any) -> Any:
    body = {"model": twin_id.partition(":")[0], "properties": properties, **more}
    return (await twin.PutTwin(pb.PutTwinRequest(id=twin_id, body_json=json.dumps(body), written_by="ann"))).twin


async def _read(twin: Stub, twin_id: str, **then: Any) -> Any:
    return json.loads((await twin.GetTwin(pb.GetTwinRequest(id=twin_id, **then))).twin.properties_json)


async def _ended(twin: Stub, name: str) -> Any:
    async def look() -> Any:
        jobs = (await twin.ListMigrations(pb.ListMigrationsRequest(name=name))).migrations
        return jobs[-1] if jobs and jobs[-1].state != "running" else None

    return await eventually(look)


def _faults(error: pytest.ExceptionInfo[Any]) -> list[tuple[str, str]]:
    return [(each.pointer, each.rule) for each in error.value.errors]


async def test_a_posted_type_takes_twins_at_once(twin: Stub):
    name = _name()

    added = await _post(twin, _kiosk(name, 1, prop("wheels", "integer"), extends="dtmi:marketwin:retailer;1"))

    assert added.created
    assert [(each.name, each.version, each.state, each.created_by) for each in added.models] == [
        (name, "1", "current", "user:ann")
    ]
    assert (await _put(twin, f"{name}:1", {"wheels": 2, "tier": 4})).revision == 1


async def test_what_is_posted_again_is_there_already_and_a_version_never_changes(twin: Stub):
    name = _name()
    await _post(twin, _kiosk(name, 1, prop("wheels", "integer")))

    again = await _post(twin, [_kiosk(name, 1, prop("wheels", "integer"))])
    with pytest.raises(Conflict) as refused:
        await _post(twin, [_kiosk(name, 1, prop("wheels", "long"))])

    assert not again.created
    assert refused.value.code == "version_changed"
    assert _faults(refused) == [("/0/@id", "version_changed")]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", ("", "json-syntax")),
        (b"[" * 1000 + b"]" * 1000, ("", "json-depth")),
        (b'"x"', ("", "root-shape")),
        (json.dumps(made("dtmi:a:b;1", prop("x", "colour"))).encode(), ("/contents/0/schema", "reference-syntax")),
        (json.dumps({"models": [made("dtmi:a:b;1")], "other": 1}).encode(), ("/other", "unknown_member")),
        (json.dumps({"models": [made("dtmi:a:b;1", extends="dtmi:a:b;1")]}).encode(), ("/models/0/extends", "cycle")),
        (json.dumps([made(f"dtmi:a:b{n};1") for n in range(501)]).encode(), ("", "too-many-interfaces")),
        (json.dumps(made("dtmi:a:b;1", comment="\0")).encode(), ("", "nul")),
        (json.dumps(made("dtmi:a:b;x")).encode(), ("/@id", "id-syntax")),
        (b" " * 1024 * 1025, ("", "json-size")),
    ],
)
async def test_what_is_no_model_is_refused_with_place_and_rule(twin: Stub, body: bytes, fault: tuple[str, str]):
    with pytest.raises(Invalid) as refused:
        await twin.PostModels(pb.PostModelsRequest(body_json=body, written_by="ann"))

    assert refused.value.code == "invalid_model"
    assert fault in _faults(refused)


async def test_hundreds_of_faults_are_told_at_once(twin: Stub):
    with pytest.raises(Invalid) as refused:
        await _post(twin, made("dtmi:a:b;1", *(prop(f"property_number_{n}", "colour") for n in range(600))))

    assert len(refused.value.errors) == 600


async def test_an_array_is_added_whole_or_not_at_all(twin: Stub):
    name = _name()

    with pytest.raises(Invalid):
        await _post(twin, [_kiosk(name, 1), made("dtmi:a:wrong;1", prop("x", "colour"))])

    with pytest.raises(NotFound):
        await twin.GetModel(pb.GetModelRequest(name=name))


async def test_a_type_is_told_with_what_it_inherits_in_the_language_asked_for(twin: Stub):
    name = _name()
    awning = made(f"dtmi:acme:Awning{name};1", prop("colour"))
    kiosk = _kiosk(
        name,
        1,
        prop("wheels", "integer", description={"en": "Number of wheels", "zh": "轮子数"}, writable=True),
        {"@type": ["Property", "Length"], "name": "width", "schema": "double", "unit": "metre"},
        component("awning", awning["@id"]),
        relationship("beside", "dtmi:marketwin:retailer;1", maxMultiplicity=2),
        extends="dtmi:marketwin:retailer;1",
        displayName={"en": "Kiosk", "zh": "售货亭"},
    )
    await _post(twin, [awning, kiosk])

    found = await twin.GetModel(pb.GetModelRequest(name=name, language="zh-CN"))

    contents = {each["name"]: each for each in json.loads(found.contents_json)}
    assert (found.display_name, found.takes_twins, list(found.ancestors)) == (
        "售货亭",
        True,
        ["dtmi:marketwin:retailer;1"],
    )
    assert contents["wheels"]["description"] == "轮子数"
    assert (contents["wheels"]["writable"], contents["wheels"]["is_inherited"]) == (True, False)
    assert contents["width"]["unit"] == "metre"
    assert (contents["tier"]["defined_in"], contents["tier"]["is_inherited"]) == ("dtmi:marketwin:retailer;1", True)
    assert (contents["beside"]["target"], contents["beside"]["max_multiplicity"]) == ("dtmi:marketwin:retailer;1", 2)
    assert [each["name"] for each in contents["awning"]["contents"]] == ["colour"]
    schema = json.loads(found.schema_json)["properties"]
    assert schema["wheels"]["type"] == "integer"
    assert schema["awning"]["properties"]["colour"] == {"type": "string"}
    assert not (await twin.GetModel(pb.GetModelRequest(name=f"Awning{name}"))).takes_twins


async def test_a_version_that_only_adds_counts_at_once(twin: Stub):
    name = _name()
    await _post(twin, _kiosk(name, 1, prop("wheels", "integer")))
    await _put(twin, f"{name}:1", {"wheels": 2})

    added = await _post(twin, _kiosk(name, 2, prop("wheels", "integer"), prop("roof", "boolean")))

    assert added.models[0].state == "current"
    assert (await _put(twin, f"{name}:1", {"wheels": 2, "roof": True})).revision == 2
    listed = {each.dtmi: each for each in (await twin.ListModels(pb.ListModelsRequest(version="all"))).models}
    assert (listed[f"dtmi:acme:{name};1"].state, listed[f"dtmi:acme:{name};2"].twins) == ("former", 1)
    newest = {each.dtmi for each in (await twin.ListModels(pb.ListModelsRequest())).models}
    assert f"dtmi:acme:{name};2" in newest
    assert f"dtmi:acme:{name};1" not in newest


async def test_a_version_comes_after_those_there_are(twin: Stub):
    name = _name()
    await _post(twin, _kiosk(name, 2))

    with pytest.raises(Invalid) as refused:
        await _post(twin, _kiosk(name, 1))

    assert _faults(refused) == [("/@id", "version-order")]


async def test_several_versions_come_together_only_where_the_type_is_new(twin: Stub):
    name = _name()

    await _post(twin, [_kiosk(name, 2, prop("b")), _kiosk(name, 1, prop("a"))])
    with pytest.raises(Invalid) as refused:
        await _post(twin, [_kiosk(name, 4), _kiosk(name, 3)])

    assert (await _put(twin, f"{name}:1", {"b": "x"})).revision == 1
    assert _faults(refused) == [("/0/@id", "several-versions"), ("/1/@id", "several-versions")]


async def test_a_version_that_a_living_twin_does_not_fit_needs_a_migration(twin: Stub):
    name = _name()
    await _post(twin, _kiosk(name, 1, prop("wheels", "integer")))
    await _put(twin, f"{name}:1", {"wheels": 2})
    await _put(twin, f"{name}:2", {})

    trial = await _post(twin, [_kiosk(name, 2, prop("wheels", "string"))], dry_run=True)
    with pytest.raises(Invalid) as refused:
        await _post(twin, [_kiosk(name, 2, prop("wheels", "string"))])

    (plan,) = trial.plans
    assert (plan.twins, plan.changed, plan.misfits) == (2, 0, 1)
    assert [(each.id, each.pointer, each.rule) for each in plan.first_misfits] == [
        (f"{name}:1", "/properties/wheels", "wrong_type")
    ]
    assert refused.value.code == "migration_needed"
    assert _faults(refused) == [("/0", "twins_do_not_fit")]
    assert (await _put(twin, f"{name}:1", {"wheels": 3})).revision == 2


async def test_a_version_that_every_twin_happens_to_fit_needs_none(twin: Stub):
    name = _name()
    await _post(twin, _kiosk(name, 1, prop("wheels", "integer"), prop("note")))
    await _put(twin, f"{name}:1", {"wheels": 2})

    added = await _post(twin, [_kiosk(name, 2, prop("wheels", "long"))])

    assert added.models[0].state == "current"


async def test_a_migration_brings_living_twins_to_the_new_version_and_keeps_their_past(twin: Stub):
    name = _name()
    before = _kiosk(
        name,
        1,
        prop("colour"),
        prop("weight", "double", writable=True),
        prop("note"),
        prop("size"),
        relationship("near", "dtmi:marketwin:region;1"),
    )
    await _post(twin, before)
    first = await _put(
        twin,
        f"{name}:1",
        {"colour": "red", "weight": 1500, "note": "x", "size": "7"},
        desired={"weight": 2000},
        relations=[{"name": "near", "target": "region:US"}],
    )
    await _put(twin, f"{name}:2", {})
    after = _kiosk(
        name,
        2,
        prop("paint"),
        prop("weight", "double", writable=True),
        prop("size", "integer"),
        prop("state"),
        relationship("located_in", "dtmi:marketwin:region;1"),
    )
    steps = [
        {"op": "rename", "property": "colour", "to": "paint"},
        {"op": "remove", "property": "note"},
        {"op": "convert", "property": "weight", "by": "unit", "from": "gram", "to": "kilogram"},
        {"op": "convert", "property": "size", "by": "to_integer"},
        {"op": "default", "property": "state", "value": "new"},
        {"op": "rename", "relation": "near", "to": "located_in"},
    ]

    trial = await _post(twin, {"models": [after], "migration": {name: steps}}, dry_run=True)
    added = await _post(twin, {"models": [after], "migration": {name: steps}})
    job = await _ended(twin, name)

    assert (trial.plans[0].twins, trial.plans[0].changed, trial.plans[0].misfits) == (2, 2, 0)
    assert (added.models[0].state, added.migrations[0].state) == ("migrating", "running")
    assert (job.state, job.twins, job.moved, job.changed, job.misfits) == ("done", 2, 2, 2, 0)
    moved = (await twin.GetTwin(pb.GetTwinRequest(id=f"{name}:1"))).twin
    assert json.loads(moved.properties_json) == {"paint": "red", "weight": 1.5, "size": 7, "state": "new"}
    assert json.loads(moved.desired_json) == {"weight": 2}
    assert [(each.name, each.target) for each in moved.relations] == [("located_in", "region:US")]
    assert (moved.revision, moved.source) == (2, f"model:{name};2")
    assert await _read(twin, f"{name}:1", revision=1) == {"colour": "red", "weight": 1500, "note": "x", "size": "7"}
    assert (await _read(twin, f"{name}:1", at=first.changed_at))["colour"] == "red"
    now = datetime.now(UTC) + timedelta(minutes=1)
    assert await _read(twin, f"{name}:1", at=now) == json.loads(moved.properties_json)
    history = (await twin.ListHistory(pb.ListHistoryRequest(id=f"{name}:1"))).changes
    assert [each.source for each in history] == ["user:ann", f"model:{name};2"]
    with pytest.raises(Invalid):
        await _put(twin, f"{name}:1", {"colour": "red"})


async def test_steps_that_mean_nothing_are_refused_with_their_places(twin: Stub):
    name = _name()
    await _post(twin, _kiosk(name, 1, prop("a"), prop("b")))
    steps = [
        {"op": "rename", "property": "c", "to": "d"},
        {"op": "rename", "property": "a", "to": "b"},
        {"op": "turn", "property": "a"},
        {"op": "convert", "property": "a", "by": "unit", "from": "gram", "to": "metre"},
        {"op": "default", "property": "d", "value": 7},
        "rename",
    ]

    with pytest.raises(Invalid) as refused:
        await _post(twin, {"models": [_kiosk(name, 2, prop("d"))], "migration": {name: steps, "other": []}})
    with pytest.raises(Invalid) as second:
        await _post(twin, {"models": [_kiosk(name, 2, prop("d"))], "migration": {name: steps}})

    assert _faults(refused) == [("/migration/other", "unknown_model")]
    places = ["0/property", "1/to", "2/op", "3/by", "4/value", "5"]
    assert _faults(second) == [(f"/migration/{name}/{place}", "bad_step") for place in places]


async def test_a_type_that_nobody_uses_can_be_taken_away_and_no_other(twin: Stub):
    name, other = _name(), _name()
    await _post(twin, [_kiosk(name, 1), _kiosk(other, 1, relationship("to", f"dtmi:acme:{name};1"))])
    await _put(twin, f"{other}:1", {})

    refused = []
    for wanted in (name, other, "retailer"):
        with pytest.raises(Conflict) as conflict:
            await twin.DeleteModel(pb.DeleteModelRequest(name=wanted))
        refused.append(conflict.value.code)
    await twin.DeleteTwin(pb.DeleteTwinRequest(id=f"{other}:1", written_by="ann"))
    await twin.DeleteModel(pb.DeleteModelRequest(name=other))
    await twin.DeleteModel(pb.DeleteModelRequest(name=name))

    assert refused == ["model_used", "model_used", "model_shipped"]
    with pytest.raises(Invalid):
        await _put(twin, f"{name}:1", {})
    with pytest.raises(NotFound):
        await twin.GetModel(pb.GetModelRequest(name=name))
    assert (await twin.GetTwin(pb.GetTwinRequest(id=f"{other}:1", revision=1))).twin.model == other


async def test_every_process_knows_a_new_type_at_once(common: CommonSettings):
    async with fresh_database(common.postgres_url) as url:
        settings = common.model_copy(update={"postgres_url": url})
        async with running(settings) as one, running(settings) as other:
            await _post(one, _kiosk("kiosk", 1, prop("wheels", "integer")))
            written = await _put(other, "kiosk:1", {"wheels": 2})
            await _post(one, _kiosk("kiosk", 2, prop("wheels", "integer"), prop("roof", "boolean")))
            patch = pb.PatchTwinRequest(id="kiosk:1", patch_json='{"properties": {"roof": true}}', written_by="ann")
            patched = (await other.PatchTwin(patch)).twin

    assert (written.revision, patched.revision) == (1, 2)


async def test_a_folder_is_added_at_start_and_stays_where_it_cannot_be(common: CommonSettings, tmp_path: Path):
    async with fresh_database(common.postgres_url) as url:
        settings = common.model_copy(update={"postgres_url": url})
        folder = written(tmp_path, kiosk=json.dumps(_kiosk("kiosk", 1, prop("wheels", "integer"))))
        async with running(settings, folder) as stub:
            await _put(stub, "kiosk:1", {"wheels": 2})
            listed = (await stub.ListModels(pb.ListModelsRequest(version="all"))).models
        changed = written(tmp_path, kiosk=json.dumps(_kiosk("kiosk", 1, prop("wheels", "long"))))
        with pytest.raises(ModelFaults) as refused:
            async with running(settings, changed):
                raise AssertionError("it started")
        unfit = written(tmp_path, kiosk=json.dumps(_kiosk("kiosk", 2, prop("wheels", "string"))))
        with pytest.raises(ModelFaults) as second:
            async with running(settings, unfit):
                raise AssertionError("it started")

    assert {each.created_by for each in listed} == {"", "file:kiosk.json"}
    assert _faults(refused) == [("kiosk.json#/@id", "version_changed")]
    assert _faults(second) == [("kiosk.json#", "twins_do_not_fit")]
