"""Twins over REST: written under a condition, read at any revision, with a past."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.gateway.problem import pointers_of, problem_of

BODY: dict[str, Any] = {"model": "sku", "properties": {"name_zh": "红双喜", "price_class": 2}}
PATCH = "application/merge-patch+json"


def _address(code: str | None = None) -> str:
    return f"/api/v1/twins/{quote(f'sku:{code or uuid.uuid4().hex}', safe=':')}"


async def _created(api: httpx.AsyncClient, code: str | None = None) -> str:
    address = _address(code)
    response = await api.put(address, json=BODY, headers={"if-none-match": "*"})
    assert response.status_code == 201, response.text
    assert response.headers["etag"] == '"1"'
    return address


async def _patch(api: httpx.AsyncClient, address: str, patch: object, etag: str = "*") -> httpx.Response:
    headers = {"content-type": PATCH, "if-match": etag}
    return await api.patch(address, content=httpx.Request("POST", "/", json=patch).content, headers=headers)


async def test_a_twin_is_created_read_replaced_patched_and_deleted(api: httpx.AsyncClient):
    address = await _created(api)

    read = await api.get(address)
    replaced = await api.put(address, json=BODY | {"desired": {"price_class": 1}}, headers={"if-match": '"1"'})
    patched = await _patch(api, address, {"properties": {"price_class": 3, "name_zh": None}}, '"2"')
    deleted = await api.delete(address, headers={"if-match": '"3"'})
    gone = await api.get(address)

    assert read.json()["properties"] == BODY["properties"]
    assert read.json()["source"] == "user:tester"
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"2"')
    assert patched.json()["properties"] == {"price_class": 3}
    assert patched.json()["desired"] == {"price_class": 1}
    assert deleted.status_code == 204
    assert deleted.content == b""
    problem_of(gone, 404, "twin_not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_write_that_does_not_say_which_revision_it_means_is_refused(api: httpx.AsyncClient, method: str):
    address = await _created(api)

    response = await api.request(method, address, json=None if method == "DELETE" else {"properties": {}})

    assert pointers_of(problem_of(response, 428, "precondition_required")) == ["/header/if-match"]
    assert (await api.get(address)).headers["etag"] == '"1"'


@pytest.mark.parametrize("etag", ['"7"', 'W/"7"', '"0"'])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_write_that_means_another_revision_changes_nothing(api: httpx.AsyncClient, method: str, etag: str):
    address = await _created(api)
    body = None if method == "DELETE" else {**BODY, "properties": {}} if method == "PUT" else {"properties": {}}

    response = await api.request(method, address, json=body, headers={"if-match": etag})

    problem_of(response, 412, "precondition_failed")
    assert (await api.get(address)).json()["properties"] == BODY["properties"]


async def test_creating_what_is_there_is_refused(api: httpx.AsyncClient):
    address = await _created(api)

    response = await api.put(address, json=BODY, headers={"if-none-match": "*"})

    problem_of(response, 412, "precondition_failed")


@pytest.mark.parametrize("etag", ["1", '"one"', '"1", "2"', '"1', "W/1", '"' + "1" * 30 + '"'])
async def test_an_etag_that_cannot_be_read_is_pointed_at(api: httpx.AsyncClient, etag: str):
    response = await api.put(_address(), json=BODY, headers={"if-match": etag})

    assert pointers_of(problem_of(response, 400, "invalid")) == ["/header/if-match"]


async def test_patching_or_deleting_what_is_not_there_is_not_found(api: httpx.AsyncClient):
    patched = await _patch(api, _address(), {"properties": {}})
    deleted = await api.delete(_address(), headers={"if-match": "*"})

    problem_of(patched, 404, "twin_not_found")
    problem_of(deleted, 404, "twin_not_found")


@pytest.mark.parametrize(
    ("known", "status"),
    [('"1"', 304), ('W/"1"', 304), ('"7", "1"', 304), ("*", 304), ('"2"', 200), ('"11"', 200), ("1", 200), ("", 200)],
)
async def test_who_has_the_revision_is_not_sent_it_again(api: httpx.AsyncClient, known: str, status: int):
    address = await _created(api)

    response = await api.get(address, headers={"if-none-match": known})

    assert response.status_code == status
    assert response.headers["etag"] == '"1"'
    assert bool(response.content) is (status == 200)


async def test_a_twin_is_read_as_it_was_at_a_time(api: httpx.AsyncClient):
    address = await _created(api)
    first = (await api.get(address)).json()["changed_at"]
    await _patch(api, address, {"properties": {"price_class": 3}})

    then = await api.get(address, params={"at": first})
    as_known = await api.get(address, params={"known_at": first})
    before = await api.get(address, params={"at": "2000-01-01T00:00:00Z"})

    assert then.json()["properties"] == as_known.json()["properties"] == BODY["properties"]
    assert then.json()["revision"] == 1
    assert "etag" not in then.headers
    assert problem_of(before, 404, "twin_not_found")["detail"].endswith("at 2000-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("asked", "status", "code", "pointer"),
    [
        ({"at": "2026-03-01T00:00:00"}, 422, "invalid_parameter", "/query/at"),
        ({"known_at": "soon"}, 422, "invalid_parameter", "/query/known_at"),
        ({"at": "0001-01-01T00:00:00+08:00"}, 422, "invalid_parameter", "/query/at"),
        ({"at": "2026-03-01T00:00:00Z", "revision": "1"}, 400, "invalid", "/query/revision"),
    ],
)
async def test_a_time_that_cannot_be_is_refused(
    api: httpx.AsyncClient, asked: dict[str, str], status: int, code: str, pointer: str
):
    answer = await api.get(await _created(api), params=asked)

    assert pointers_of(problem_of(answer, status, code)) == [pointer]


async def test_each_revision_can_be_read_and_those_to_come_cannot(api: httpx.AsyncClient):
    address = await _created(api)
    await _patch(api, address, {"properties": {"price_class": 5}})

    first, second, third = [await api.get(address, params={"revision": n}) for n in (1, 2, 3)]

    assert first.json()["properties"]["price_class"] == 2
    assert (second.json()["properties"]["price_class"], second.headers["etag"]) == (5, '"2"')
    problem_of(third, 404, "twin_not_found")


async def test_the_history_is_read_page_by_page_and_leads_to_the_present(api: httpx.AsyncClient):
    address = await _created(api)
    for price_class in (3, 4, 5, 1):
        await _patch(api, address, {"properties": {"price_class": price_class}})

    pages: list[list[dict[str, Any]]] = []
    cursor = ""
    while True:
        page = (await api.get(f"{address}/history", params={"limit": 2, "cursor": cursor})).json()
        pages.append(page["items"])
        if (cursor := page["next_cursor"]) is None:
            break

    changes = [change for page in pages for change in page]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [change["revision"] for change in changes] == [1, 2, 3, 4, 5]
    assert changes[0]["patch"]["model"] == "sku"
    assert changes[-1]["patch"] == {"properties": {"price_class": 1}}


async def test_the_list_is_paged_by_id_and_can_be_limited_to_a_model(api: httpx.AsyncClient):
    for _ in range(3):
        await _created(api)

    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.get("/api/v1/twins", params={"model": "sku", "limit": 2, "cursor": cursor})).json()
        ids += [twin["id"] for twin in page["items"]]
        cursor = page["next_cursor"]

    whole = (await api.get("/api/v1/twins", params={"model": "sku", "limit": 1000})).json()["items"]
    assert ids == [twin["id"] for twin in whole]
    assert len(ids) == len(set(ids)) >= 3
    assert all(each.startswith("sku:") for each in ids)


@pytest.mark.parametrize("code", ["红-双.喜", "a%2", "a+b=c&d", "a;b,c", "O'Hara\"", "a<b>", "~x~", "ø:1"])
async def test_ids_may_hold_odd_characters(api: httpx.AsyncClient, code: str):
    address = await _created(api, f"{code}{uuid.uuid4().hex}")

    read = await api.get(address)

    assert read.json()["id"].startswith(f"sku:{code}")


@pytest.mark.parametrize("twin_id", ["sku", "sku:", "sku:a b", "SKU:a", "sku:a%3Fb", "retailer:R1", "sku:" + "x" * 129])
async def test_an_id_that_is_not_of_the_model_cannot_be_written(api: httpx.AsyncClient, twin_id: str):
    response = await api.put(f"/api/v1/twins/{twin_id}", json=BODY, headers={"if-none-match": "*"})

    problem_of(response, 400, "invalid")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"properties": {"price_class": "13800138000"}}, "/properties/price_class"),
        ({"colour": "13800138000"}, "/colour"),
        ({"properties": [1]}, "/properties"),
        ({"relations": [{"name": "x"}]}, "/relations/0"),
        ({"model": "spaceship"}, "/model"),
    ],
)
async def test_a_twin_that_does_not_fit_its_model_is_refused_where_it_does_not(
    api: httpx.AsyncClient, change: dict[str, Any], pointer: str
):
    response = await api.put(_address(), json=BODY | change, headers={"if-none-match": "*"})

    assert pointers_of(problem_of(response, 400, "invalid", hides="13800138000")) == [pointer]
