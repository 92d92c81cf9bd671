"""Searching twins over REST: RQL, order, selection, groups, and writes under a condition."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import Any

import fastexcel
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


async def test_all_twins_of_a_query_come_as_lines(api: httpx.AsyncClient):
    brand = await _shelf(api)
    asked = {"filter": _of(brand), "sort": "-properties/price_class", "limit": 1, "format": "ndjson"}

    whole = await api.get(TWINS, params=asked)
    parts = await api.get(TWINS, params={**asked, "select": "properties/price_class"})

    assert whole.headers["content-type"] == "application/x-ndjson"
    twins = [json.loads(line) for line in whole.text.splitlines()]
    assert twins == await _items(api, filter=_of(brand), sort="-properties/price_class")
    assert [json.loads(line)["properties"] for line in parts.text.splitlines()] == [
        {"price_class": n} for n in (3, 2, 1)
    ]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_all_twins_of_a_type_come_as_a_table_with_a_column_for_all_they_may_have(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, format: str
):
    monkeypatch.setattr("gateway.twin_files.PAGE_TWINS", 2)
    brand = await _shelf(api)
    patch = {"properties": {"name_en": "=1+1"}, "relations": [{"name": "of_brand", "target": f"brand:{brand}"}]}
    headers = {"content-type": PATCH, "if-match": "*"}
    assert (await api.patch(f"{TWINS}/sku:{brand}-0", json=patch, headers=headers)).status_code == 200

    answer = await api.get(TWINS, params={"model": "sku", "filter": _of(brand), "sort": "id", "format": format})

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="sku.{format}"'
    if format == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert rows[0]["name_en"] == "'=1+1"
    else:
        rows = fastexcel.read_excel(answer.content).load_sheet("sku").to_polars().to_dicts()
        notes = fastexcel.read_excel(answer.content).load_sheet("说明").to_polars()
        meanings = dict(zip(notes["字段 field"], notes["说明 meaning"], strict=True))
        assert rows[0]["name_en"] == "=1+1"
        assert meanings.keys() >= rows[0].keys()
        assert meanings["price_class"].startswith("价类：")
    assert [row["id"] for row in rows] == [f"sku:{brand}-{n}" for n in range(3)]
    assert [int(row["price_class"]) for row in rows] == [1, 2, 3]
    assert [row["relations/of_brand"] or "" for row in rows] == [f"brand:{brand}", "", ""]
    assert [int(row["revision"]) for row in rows] == [2, 1, 1]


@pytest.mark.parametrize(
    ("asked", "status", "pointer"),
    [
        ({"format": "csv"}, 400, "/query/model"),
        ({"format": "xlsx", "model": "sku", "select": "id"}, 400, "/query/select"),
        ({"format": "ndjson", "filter": "eq("}, 400, "/query/filter"),
        ({"format": "csv", "model": "sku", "filter": "eq("}, 400, "/query/filter"),
        ({"format": "csv", "model": "nothing"}, 404, ""),
        ({"format": "pdf"}, 422, "/query/format"),
    ],
)
async def test_what_is_wrong_with_a_question_for_a_file_is_said_before_the_file_begins(
    api: httpx.AsyncClient, asked: dict[str, str], status: int, pointer: str
):
    answer = await api.get(TWINS, params=asked)

    assert answer.status_code == status, answer.text
    assert "".join(each["pointer"][: len(pointer)] for each in answer.json().get("errors", [])) == pointer


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
