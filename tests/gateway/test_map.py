"""The map: shapes of the file, values of the forecasts, and an empty state for what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from chassis.errors import Invalid
from chassis.testing import eventually
from gateway.map import RegionMap
from marketwin.forecast.v1 import service_pb2 as pb
from marketwin.forecast.v1 import types_pb2
from tests.gateway.house import MAP, House, door
from tests.gateway.market import TODAY, Market
from tests.gateway.problem import pointers_of, problem_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def feed(api: httpx.AsyncClient, market: Market) -> dict[str, Any]:
    """The map once both regions have their forecast."""

    async def complete() -> dict[str, Any] | None:
        found: dict[str, Any] = (await api.get("/api/v1/map/regions")).json()
        return found if len(found["features"]) + len(found["unmapped"]) >= 2 else None

    return await eventually(complete, within_s=60, every_s=0.2)


async def test_a_region_with_a_shape_is_drawn_with_its_value_band_and_names(feed: dict[str, Any]):
    [nevada] = feed["features"]

    properties = nevada["properties"]
    band = next(each for each in feed["bands"] if each["band"] == properties["band"])
    assert feed["type"] == "FeatureCollection"
    assert nevada["geometry"] == MAP["features"][0]["geometry"]
    assert (properties["region"], properties["name_en"], properties["name"]) == ("US-NV", "Nevada", "内华达州")
    assert properties["year"] == feed["year"] == TODAY.year
    assert (band["from"] or 0) <= properties["value"] < (band["to"] or float("inf"))
    assert properties["color_key"] == band["color_key"]
    assert properties["unit"] == feed["unit"]
    assert properties["model_version"]
    assert feed["attribution"] == "drawn by hand"
    assert feed["year"] in feed["years"]
    assert feed["level"] in feed["levels"]


async def test_a_region_without_a_shape_is_not_lost(feed: dict[str, Any]):
    assert feed["unmapped"] == ["US-CA"]


async def test_without_a_file_the_map_is_empty_and_names_what_it_cannot_draw(whole: House, feed: dict[str, Any]):
    async with door(whole.common, **whole.addresses) as without:
        client = await without.client("analyst")

        response = await client.get("/api/v1/map/regions")

    empty = response.json()
    assert response.headers["content-type"] == "application/geo+json"
    assert empty["features"] == []
    assert sorted(empty["unmapped"]) == ["US-CA", "US-NV"]
    assert empty["bands"] == feed["bands"]


async def test_a_year_nobody_forecast_is_pointed_at(api: httpx.AsyncClient, feed: dict[str, Any]):
    response = await api.get("/api/v1/map/regions", params={"year": 1900})

    assert pointers_of(problem_of(response, 400, "invalid")) == ["/query/year"]


async def test_the_annual_forecast_behind_the_map_says_how_it_was_made(api: httpx.AsyncClient, feed: dict[str, Any]):
    async def from_all_years() -> dict[str, Any] | None:
        found = (await api.get("/api/v1/forecasts/annual", params={"region": "US-NV"})).json()["items"]
        total = next(each for each in found if not each["sku"])
        return total if total["inputs"]["last_year"] else None

    total = await eventually(from_all_years, within_s=30, every_s=0.2)
    drawn = (await api.get("/api/v1/map/regions")).json()["features"][0]["properties"]

    inputs = total["inputs"]
    assert total["method"] == "patent_v1"
    assert len(inputs["weights"]) == 3
    assert inputs["last_year"] == pytest.approx(4_100_000_000 / 500_000_000, rel=1e-6)
    assert total["value"] == pytest.approx(drawn["value"])


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"features": [{}]}', '{"features": [{"properties": {}}]}', '{"features": 1}', "\ufffe"]
)
def test_a_file_that_is_no_map_is_named_at_the_start(tmp_path: Path, text: str):
    path = tmp_path / "map.geojson"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(Invalid, match="GATEWAY_MAP"):
        RegionMap(path)


def test_a_file_that_is_missing_is_named_at_the_start(tmp_path: Path):
    with pytest.raises(Invalid, match="GATEWAY_MAP"):
        RegionMap(tmp_path / "none.geojson")


def test_a_value_that_is_no_number_is_drawn_as_none(tmp_path: Path):
    path = tmp_path / "map.geojson"
    path.write_text(json.dumps(MAP), encoding="utf-8")
    feed = pb.GetMapFeedResponse(regions=[types_pb2.RegionValue(region="US-NV", value=float("nan"))])

    drawn = json.loads(RegionMap(path).with_values(feed), parse_constant=pytest.fail)

    assert drawn["features"][0]["properties"]["value"] is None
