"""What is around a twin, over REST."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.gateway.problem import pointers_of, problem_of

Shape = dict[str, Any]


async def _put(api: httpx.AsyncClient, twin_id: str, *relations: tuple[str, str]) -> None:
    body = {
        "model": twin_id.partition(":")[0],
        "relations": [{"name": name, "target": target} for name, target in relations],
    }
    made = await api.put(f"/api/v1/twins/{twin_id}", json=body, headers={"if-none-match": "*"})
    assert made.status_code == 201, made.text


@pytest.fixture
async def town(api: httpx.AsyncClient) -> str:
    """A city, part of a province, with three shops."""
    tag = uuid.uuid4().hex
    await _put(api, f"region:{tag}P")
    await _put(api, f"region:{tag}C", ("part_of", f"region:{tag}P"))
    for shop in ("1", "2", "3"):
        await _put(api, f"retailer:{tag}{shop}", ("located_in", f"region:{tag}C"))
    return tag


async def _around(api: httpx.AsyncClient, twin_id: str, **params: object) -> Shape:
    found = await api.get(f"/api/v1/twins/{twin_id}/relations", params=params)
    assert found.status_code == 200, found.text
    answer: Shape = found.json()
    return answer


def _ids(found: Shape) -> list[tuple[str, int]]:
    return [(each["id"], each["depth"]) for each in found["twins"]]


async def test_the_relations_of_a_twin_are_told_both_ways(api: httpx.AsyncClient, town: str):
    found = await _around(api, f"region:{town}C")

    assert _ids(found) == [
        (f"region:{town}C", 0),
        (f"region:{town}P", 1),
        (f"retailer:{town}1", 1),
        (f"retailer:{town}2", 1),
        (f"retailer:{town}3", 1),
    ]
    assert {"source": f"retailer:{town}2", "name": "located_in", "target": f"region:{town}C"} in found["edges"]
    assert len(found["edges"]) == 4
    assert found["has_more"] is False
    assert found["twins"][1]["twin"]["model"] == "region"


async def test_relations_are_followed_one_way_by_name_and_far(api: httpx.AsyncClient, town: str):
    shop = f"retailer:{town}1"
    out = await _around(api, shop, direction="out", depth=3)
    back = await _around(api, f"region:{town}P", direction="in", depth=2)
    named = await _around(api, f"region:{town}C", name="part_of", select="id,properties/name_zh")
    nothing = await _around(api, shop, direction="in")

    assert _ids(out) == [(shop, 0), (f"region:{town}C", 1), (f"region:{town}P", 2)]
    assert len(_ids(back)) == 5
    assert _ids(named) == [(f"region:{town}C", 0), (f"region:{town}P", 1)]
    assert named["twins"][0]["twin"] == {"id": f"region:{town}C"}
    assert _ids(nothing) == [(shop, 0)]


async def test_twins_with_many_neighbours_are_told_in_part(api: httpx.AsyncClient, town: str):
    found = await _around(api, f"region:{town}C", limit=2)

    assert _ids(found) == [(f"region:{town}C", 0), (f"region:{town}P", 1), (f"retailer:{town}1", 1)]
    assert len(found["edges"]) == 2
    assert found["has_more"] is True


async def test_a_relation_may_name_what_is_not_there(api: httpx.AsyncClient, town: str):
    shop = f"retailer:{town}9"
    await _put(api, shop, ("located_in", f"region:{town}X"))

    found = await _around(api, shop)

    assert found["twins"][1] == {"id": f"region:{town}X", "depth": 1, "twin": None}


async def test_of_what_was_deleted_no_more_is_told_than_that_a_relation_names_it(api: httpx.AsyncClient, town: str):
    city = f"region:{town}C"
    for gone in (f"region:{town}P", f"retailer:{town}1"):
        assert (await api.delete(f"/api/v1/twins/{gone}", headers={"if-match": "*"})).status_code == 204

    found = await _around(api, city)

    known = {each["id"]: each.get("twin") for each in found["twins"]}
    assert known[f"region:{town}P"] is None
    assert f"retailer:{town}1" not in known
    assert [each for each in found["edges"] if each["source"] == f"retailer:{town}1"] == []


async def test_circles_end(api: httpx.AsyncClient):
    tag = uuid.uuid4().hex
    await _put(api, f"region:{tag}A", ("part_of", f"region:{tag}B"))
    await _put(api, f"region:{tag}B", ("part_of", f"region:{tag}A"))

    found = await _around(api, f"region:{tag}A", depth=3)

    assert _ids(found) == [(f"region:{tag}A", 0), (f"region:{tag}B", 1)]
    assert len(found["edges"]) == 2


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"depth": 4}, "/query/depth"),
        ({"limit": 0}, "/query/limit"),
        ({"direction": "up"}, "/query/direction"),
        ({"select": "properties/("}, "/query/select"),
        ({"name": "no name"}, "/query/name/0"),
    ],
)
async def test_a_walk_that_cannot_be_is_refused(api: httpx.AsyncClient, town: str, params: Any, pointer: str):
    refused = await api.get(f"/api/v1/twins/region:{town}C/relations", params=params)
    assert pointers_of(refused.json()) == [pointer], refused.text
    assert refused.status_code in (400, 422)


async def test_nothing_is_around_what_is_not_there(api: httpx.AsyncClient):
    problem_of(await api.get("/api/v1/twins/region:ghost/relations"), 404, "twin_not_found")
