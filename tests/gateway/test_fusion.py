"""Fusion over REST."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.gateway.problem import pointers_of, problem_of

RULES = "/api/v1/models/retailer/fusion-rules"


async def _shop(api: httpx.AsyncClient) -> str:
    address = f"/api/v1/twins/retailer:{uuid.uuid4().hex}"
    body = {"model": "retailer", "properties": {"tier": 12, "name": "红星店"}}
    assert (await api.put(address, json=body, headers={"if-none-match": "*"})).status_code == 201
    return address


async def test_the_inputs_of_a_value_are_told_with_weight_and_age(api: httpx.AsyncClient):
    address = await _shop(api)

    one = (await api.get(f"{address}/fusion/tier")).json()
    all_of_it = (await api.get(f"{address}/fusion")).json()

    assert (one["property"], one["value"], one["conflict"]) == ("tier", 12, False)
    assert one["rule"] | {"rule": None} == {
        "model": "retailer",
        "property": "tier",
        "version": 0,
        "rule": None,
        "known_at": None,
        "set_by": "",
        "applied_at": None,
    }
    assert [(each["source"], each["value"], each["weight"]) for each in one["inputs"]] == [("user:tester", 12, 1.0)]
    assert 0 <= one["age_s"] < 60
    assert [each["property"] for each in all_of_it["items"]] == ["name", "tier"]
    assert all_of_it["revision"] == 1


async def test_a_rule_is_set_read_and_taken_back(api: httpx.AsyncClient):
    path, rule = f"{RULES}/lat", {"method": "weighted", "reliability": {"gps": 0.9}, "variance": {"*": 0.01}}

    made = await api.put(path, json=rule, headers={"if-none-match": "*"})
    listed = (await api.get(RULES)).json()["items"]
    stale = await api.put(path, json=rule, headers={"if-none-match": "*"})
    unsaid = await api.put(path, json=rule)
    gone = await api.delete(path, headers={"if-match": made.headers["etag"]})
    after = (await api.get(RULES)).json()["items"]

    assert made.status_code == 200
    assert made.json()["rule"]["reliability"] == {"gps": 0.9}
    assert made.json()["set_by"] == "user:tester"
    assert "lat" in [each["property"] for each in listed]
    problem_of(stale, 412, "precondition_failed")
    problem_of(unsaid, 428, "precondition_required")
    assert gone.status_code == 204
    assert "lat" not in [each["property"] for each in after]


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"method": "guess"}, "/method"),
        ({}, "/method"),
        ({"method": "weighted", "half_life_s": -1}, "/half_life_s"),
        ({"method": "weighted", "reliability": {"a/b": 7}}, "/reliability/a~1b"),
        ({"method": "priority"}, "/priority"),
        ({"method": "mean", "magic": 1}, "/magic"),
        ([], ""),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_with_its_place(api: httpx.AsyncClient, rule: Any, pointer: str):
    refused = await api.put(f"{RULES}/lon", json=rule, headers={"if-none-match": "*"})

    assert 400 <= refused.status_code < 500
    assert pointers_of(problem_of(refused, refused.status_code, refused.json()["type"].rpartition(":")[2])) == [pointer]


async def test_what_there_is_not_has_no_fusion(api: httpx.AsyncClient):
    address = await _shop(api)
    problem_of(await api.get(f"{address}/fusion/ghost"), 404, "property_not_found")
    problem_of(await api.get("/api/v1/twins/retailer:ghost/fusion"), 404, "twin_not_found")
    problem_of(await api.get("/api/v1/models/ghost/fusion-rules"), 404, "model_not_found")
