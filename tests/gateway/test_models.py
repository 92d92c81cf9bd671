"""Twin types over REST: added, told, migrated, taken away."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from chassis.testing import eventually
from tests.gateway.house import Door
from tests.gateway.problem import pointers_of, problem_of
from tests.twin.made_models import made, prop

MODELS = "/api/v1/models"


def _name() -> str:
    return "g" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:12])


def _interface(name: str, version: int, *contents: Any) -> dict[str, Any]:
    return made(f"dtmi:acme:{name};{version}", *contents)


async def _add(api: httpx.AsyncClient, body: Any, **query: str) -> httpx.Response:
    return await api.post(MODELS, json=body, params=query)


async def test_a_type_is_added_told_and_taken_away(api: httpx.AsyncClient):
    name = _name()
    interface = _interface(name, 1, prop("wheels", "integer", description={"en": "Wheels", "zh": "轮子"}))

    added = await _add(api, interface)
    again = await _add(api, [interface])
    told = await api.get(f"{MODELS}/{name}", params={"lang": "zh"})
    same = await api.get(f"{MODELS}/{name}", params={"lang": "zh"}, headers={"if-none-match": told.headers["etag"]})
    listed = await api.get(MODELS)
    deleted = await api.delete(f"{MODELS}/{name}")
    gone = await api.get(f"{MODELS}/{name}")

    assert (added.status_code, again.status_code) == (201, 200)
    assert added.json()["items"][0]["dtdl"] == interface
    assert told.json()["contents"][0]["description"] == "轮子"
    assert told.json()["json_schema"]["properties"]["wheels"]["type"] == "integer"
    assert [each["state"] for each in told.json()["versions"]] == ["current"]
    assert same.status_code == 304
    assert {name, "retailer"} <= {each["name"] for each in listed.json()["items"]}
    assert deleted.status_code == 204
    problem_of(gone, 404, "model_not_found")


async def test_what_is_no_model_is_told_with_pointers_into_what_was_sent(api: httpx.AsyncClient):
    name = _name()

    wrong = await _add(api, [_interface(name, 1), _interface(f"{name}b", 1, prop("x", "colour"))])
    deep = await api.post(MODELS, content="[" * 1000 + "]" * 1000, headers={"content-type": "application/json"})
    large = await api.post(MODELS, content=b" " * 2**21, headers={"content-type": "application/json"})
    text = await api.post(MODELS, content=b"{}", headers={"content-type": "text/plain"})

    assert pointers_of(problem_of(wrong, 422, "invalid_model")) == ["/1/contents/0/schema"]
    problem_of(deep, 422, "invalid_model")
    problem_of(large, 413, "too_large")
    problem_of(text, 415, "unsupported_type")


async def test_a_version_never_changes(api: httpx.AsyncClient):
    name = _name()
    await _add(api, _interface(name, 1, prop("wheels", "integer")))

    changed = await _add(api, _interface(name, 1, prop("wheels", "string")))

    assert pointers_of(problem_of(changed, 409, "version_changed")) == ["/@id"]


async def test_twins_are_migrated_and_say_by_what(api: httpx.AsyncClient):
    name = _name()
    await _add(api, _interface(name, 1, prop("colour")))
    twin = f"/api/v1/twins/{name}:1"
    body = {"model": name, "properties": {"colour": "red"}}
    assert (await api.put(twin, json=body, headers={"if-none-match": "*"})).status_code == 201
    after = _interface(name, 2, prop("paint"))
    steps = {name: [{"op": "rename", "property": "colour", "to": "paint"}]}

    needed = await _add(api, after)
    trial = await _add(api, {"models": [after], "migration": steps}, dry_run="true")
    begun = await _add(api, {"models": [after], "migration": steps})
    job_id = begun.json()["migrations"][0]["id"]

    async def look() -> Any:
        job = (await api.get(f"{MODELS}/{name}/migrations/{job_id}")).json()
        return job if job["state"] != "running" else None

    job = await eventually(look)

    problem_of(needed, 422, "migration_needed")
    assert (trial.status_code, trial.json()["plans"][0]["changed"]) == (200, 1)
    assert begun.status_code == 201
    assert (job["state"], job["moved"], job["steps"]) == ("done", 1, steps[name])
    assert (await api.get(twin)).json()["properties"] == {"paint": "red"}
    assert (await api.get(twin, params={"revision": 1})).json()["properties"] == {"colour": "red"}
    history = (await api.get(f"{twin}/history")).json()["items"]
    assert history[-1]["source"] == f"model:{name};2"
    listed = (await api.get(f"{MODELS}/{name}/migrations")).json()["items"]
    assert [each["id"] for each in listed] == [job_id]
    problem_of(await api.post(f"{MODELS}/{name}/migrations/{job_id}/cancel"), 409, "migration_ended")
    problem_of(await api.get(f"{MODELS}/{name}/migrations/{'0' * 32}"), 404, "migration_not_found")


@pytest.mark.parametrize("role", ["analyst", "partner", "account_manager"])
async def test_only_administrators_change_types(door: Door, role: str):
    headers = {"content-type": "application/json"}

    caller = await door.client(role)
    posted = await caller.post(MODELS, content=json.dumps(_interface(_name(), 1)), headers=headers)
    deleted = await caller.delete(f"{MODELS}/retailer")

    problem_of(posted, 403, "missing_scope")
    problem_of(deleted, 403, "missing_scope")


async def test_a_shipped_type_stays(api: httpx.AsyncClient):
    problem_of(await api.delete(f"{MODELS}/retailer"), 409, "model_shipped")
