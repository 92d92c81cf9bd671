"""Searching twins over REST: RQL, order, selection, groups, and writes under a condition."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.gateway.problem import pointers_of, problem_of

TWINS = "/api/v1/twins"
PATCH = "application/merge-patch+json"


async def _shelf(api: httpx.AsyncClient) -> str:
    """Three products of a brand of their own."""
    brand = uuid.uuid4().hex
    for number in range(3):
        properties = {"brand_code": brand, "price_class": number + 1, "name_zh": f"红双喜 {number}"}
        body = {"model": "sku", "properties": properties}
        response = await api.put(f"{TWINS}/sku:{brand}-{number}", json=body, headers={"if-none-match": "*"})
        assert response.status_code == 201, response.text
    return brand


def _of(brand: str, more: str = "exists(id)") -> str:
    return f'and(eq(properties/brand_code,"{brand}"),{more})'


async def _items(api: httpx.AsyncClient, path: str = TWINS, **asked: Any) -> list[dict[str, Any]]:
    response = await api.get(path, params=asked)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


async def test_twins_are_searched_sorted_and_selected(api: httpx.AsyncClient):
    brand = await _shelf(api)
    query = _of(brand, 'and(ge(properties/price_class,2),like(properties/name_zh,"红*"))')

    whole = await _items(api, filter=query)
    parts = await _items(api, filter=query, sort="-properties/price_class", select="properties/price_class")

    assert [each["id"] for each in whole] == [f"sku:{brand}-1", f"sku:{brand}-2"]
    assert whole[0]["revision"] == 1
    assert parts == [
        {"id": f"sku:{brand}-2", "properties": {"price_class": 3}},
        {"id": f"sku:{brand}-1", "properties": {"price_class": 2}},
    ]


async def test_pages_of_a_search_follow_each_other(api: httpx.AsyncClient):
    brand = await _shelf(api)
    asked = {"filter": _of(brand), "sort": "-properties/name_zh", "limit": 2, "select": "id"}

    first = (await api.get(TWINS, params=asked)).json()
    second = (await api.get(TWINS, params={**asked, "cursor": first["next_cursor"]})).json()
    other = await api.get(TWINS, params={"cursor": first["next_cursor"]})

    assert [each["id"][-1] for each in first["items"] + second["items"]] == ["2", "1", "0"]
    assert second["next_cursor"] is None
    assert pointers_of(problem_of(other, 400, "invalid")) == ["/query/cursor"]


async def test_twins_are_summed_by_group(api: httpx.AsyncClient):
    brand = await _shelf(api)

    groups = await _items(
        api, f"{TWINS}/aggregate", filter=_of(brand), group_by="model", aggregate="count,avg(properties/price_class)"
    )

    assert groups == [{"key": {"model": "sku"}, "values": {"count": 3, "avg(properties/price_class)": 2}}]


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({"filter": "equal(properties/a,1)"}, 1),
        ({"filter": "eq(colour,1)"}, 4),
        ({"filter": "eq(properties/a,red)"}, 17),
        ({"filter": "and(" * 1000 + "exists(id)" + ")" * 1000}, 129),
        ({"filter": "(" * 8192}, 1),
        ({"filter": "x" * 9000}, 8193),
        ({"sort": "-colour"}, 2),
        ({"select": "id,colour"}, 4),
    ],
)
async def test_what_cannot_be_read_is_pointed_at_with_its_place(
    api: httpx.AsyncClient, asked: dict[str, str], place: int
):
    response = await api.get(TWINS, params=asked)

    problem = problem_of(response, 400, "invalid")
    assert pointers_of(problem) == [f"/query/{next(iter(asked))}"]
    assert problem["errors"][0]["message"].startswith(f"at character {place}:")


async def test_a_group_that_cannot_be_made_is_pointed_at(api: httpx.AsyncClient):
    response = await api.get(f"{TWINS}/aggregate", params={"aggregate": "sum(model)"})

    assert pointers_of(problem_of(response, 400, "invalid")) == ["/query/aggregate"]


async def test_a_write_under_a_condition_happens_only_when_it_holds(api: httpx.AsyncClient):
    address = f"{TWINS}/sku:{await _shelf(api)}-0"
    patch = {"properties": {"price_class": 4}}
    headers = {"content-type": PATCH}

    unmet = await api.patch(address, params={"condition": "eq(properties/price_class,3)"}, json=patch, headers=headers)
    met = await api.patch(address, params={"condition": "eq(properties/price_class,1)"}, json=patch, headers=headers)
    kept = await api.delete(address, params={"condition": "eq(properties/price_class,1)"})
    stale = await api.delete(address, params={"condition": "exists(id)"}, headers={"if-match": '"1"'})
    gone = await api.delete(address, params={"condition": "eq(properties/price_class,4)"})

    problem_of(unmet, 412, "precondition_failed")
    assert met.json()["properties"]["price_class"] == 4
    problem_of(kept, 412, "precondition_failed")
    problem_of(stale, 412, "precondition_failed")
    assert gone.status_code == 204


async def test_a_condition_that_cannot_be_read_is_pointed_at(api: httpx.AsyncClient):
    address = f"{TWINS}/sku:{await _shelf(api)}-0"

    response = await api.delete(address, params={"condition": "eq(properties/price_class"})

    problem = problem_of(response, 400, "invalid")
    assert pointers_of(problem) == ["/query/condition"]
    assert "at character 26" in problem["errors"][0]["message"]
