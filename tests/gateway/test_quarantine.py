"""What was set aside, over REST: mended with its ETag, sent again, given up; by whom it may be."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.gateway.house import Door
from tests.gateway.market import Market
from tests.gateway.problem import pointers_of, problem_of

PATH = "/api/v1/quarantine"


async def test_a_record_is_mended_with_its_etag_and_sent_again_once(api: httpx.AsyncClient, market: Market):
    item = await market.set_aside("SET-1")
    path = f"{PATH}/{item['id']}"
    read = await api.get(path)
    tag = {"if-match": read.headers["etag"]}

    mended = await api.patch(path, json={"sku_code": "G-1"}, headers=tag)
    late = await api.patch(path, json={"sku_code": "G-2"}, headers=tag)
    blind = await api.patch(path, json={"sku_code": "G-2"})
    known = await api.get(path, headers={"if-none-match": mended.headers["etag"]})
    sent = await api.post(f"{path}/replay")
    again = await api.post(f"{PATH}/replay", json={"ids": [item["id"]]})
    after = (await api.get(path)).json()

    assert read.json() == item
    assert (mended.status_code, mended.json()["state"], mended.json()["record"]["sku_code"]) == (200, "mended", "G-1")
    assert mended.json()["original"]["sku_code"] == "NOBODY-SET-1"
    problem_of(late, 412, "precondition_failed")
    problem_of(blind, 428, "precondition_required")
    assert known.status_code == 304
    assert (sent.json()["sent"], sent.json()["accepted"]) == (1, 1)
    assert (again.json()["sent"], again.json()["duplicates"]) == (1, 1)
    assert after["state"] == "replayed"
    checks = (
        await api.get("/api/v1/records/store_check", params={"equal": f"record_id:{after['replayed_as']}"})
    ).json()
    assert [check["sku_code"] for check in checks["items"]] == ["G-1"]


async def test_a_list_is_searched_and_counted(api: httpx.AsyncClient, market: Market):
    item = await market.set_aside("SET-2")

    found = (await api.get(PATH, params={"search": "set-2", "rule": "DQ-10"})).json()
    other = (await api.get(PATH, params={"search": "set-2", "rule": "DQ-22"})).json()

    assert ([each["id"] for each in found["items"]], found["total"]) == ([item["id"]], 1)
    assert (other["items"], other["total"], other["next_cursor"]) == ([], 0, None)


async def test_a_record_is_given_up_and_taken_back(api: httpx.AsyncClient, market: Market):
    item = await market.set_aside("SET-3")
    named = {"ids": [item["id"]]}

    dropped = await api.post(f"{PATH}/drop", json={**named, "reason": "sent by mistake"})
    refused = await api.post(f"{PATH}/{item['id']}/replay")
    now = (await api.get(f"{PATH}/{item['id']}")).json()
    reopened = await api.post(f"{PATH}/reopen", json=named)

    assert (dropped.json(), reopened.json()) == ({"changed": 1}, {"changed": 1})
    assert (now["state"], now["drop_reason"], now["changed_by"]) == ("dropped", "sent by mistake", "tester")
    assert pointers_of(problem_of(refused, 409, "not_waiting")) == ["/ids/0"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/ids"), ({"ids": ["x"], "filter": {}}, "/ids"), ({"ids": []}, "/ids"), ({"filter": {"x": 1}}, "/filter/x")],
)
async def test_a_replay_says_which_records_it_means(api: httpx.AsyncClient, body: dict[str, Any], pointer: str):
    response = await api.post(f"{PATH}/replay", json=body)

    assert response.status_code in (400, 422)
    assert pointers_of(response.json()) == [pointer]


async def test_what_is_not_there_cannot_be_mended_or_sent(api: httpx.AsyncClient):
    problem_of(await api.get(f"{PATH}/none"), 404, "unknown_item")
    problem_of(await api.patch(f"{PATH}/none", json={}, headers={"if-match": "*"}), 404, "unknown_item")
    problem_of(await api.post(f"{PATH}/none/replay"), 404, "unknown_item")


@pytest.mark.parametrize(
    ("role", "may_read", "may_write"),
    [("admin", True, True), ("analyst", True, True), ("account_manager", False, False), ("partner", False, False)],
)
async def test_only_who_looks_after_the_data_may_change_them(door: Door, role: str, *, may_read: bool, may_write: bool):
    client = await door.client(role)
    writes = [
        await client.patch(f"{PATH}/none", json={}, headers={"if-match": "*"}),
        await client.post(f"{PATH}/none/replay"),
        await client.post(f"{PATH}/replay", json={"ids": ["none"]}),
        await client.post(f"{PATH}/drop", json={"ids": ["none"], "reason": "x"}),
        await client.post(f"{PATH}/reopen", json={"ids": ["none"]}),
    ]

    assert ((await client.get(PATH)).status_code == 200) is may_read
    assert [response.status_code != 403 for response in writes] == [may_write] * 5
