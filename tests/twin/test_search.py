"""Searches, groups and conditional writes over the running twin service and a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import Conflict, Invalid, NotFound
from chassis.rpc import connect
from chassis.settings import CommonSettings
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import service_pb2_grpc
from services.twin.app import app
from services.twin.settings import TwinSettings
from services.twin.store import searching

Stub = Any

REGIONS: dict[str, tuple[dict[str, Any], str]] = {
    "CN": ({"level": "country", "name_zh": "中国"}, ""),
    "34": ({"level": "province", "name_zh": "安徽", "lon": 117}, "CN"),
    "3401": ({"level": "prefecture", "name_zh": "合肥", "lon": 117.25}, "34"),
    "3402": ({"level": "prefecture", "name_zh": "芜湖", "lon": 118.5}, "34"),
    "340102": ({"level": "county", "name_zh": "瑶海"}, "3401"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def twin(common: CommonSettings) -> AsyncIterator[Stub]:
    async with (
        app(TwinSettings(common=common)) as running,
        connect(running.address, service_pb2_grpc.TwinServiceStub) as stub,
    ):
        for code, (properties, parent) in REGIONS.items():
            relations = [{"name": "part_of", "target": f"region:{parent}"}] if parent else []
            await _put(stub, f"region:{code}", {"model": "region", "properties": properties, "relations": relations})
        for number in range(5):
            properties = {
                "name_zh": f"品规{number}",
                "price_class": number % 2 + 1,
                "price_wholesale": f"{number * 3}.50",
            }
            await _put(stub, f"sku:{number}", {"model": "sku", "properties": properties})
        yield stub


async def _put(twin: Stub, twin_id: str, body: object, **precondition: Any) -> Any:
    wanted = pb.Precondition(**precondition)
    request = pb.PutTwinRequest(id=twin_id, body_json=json.dumps(body), precondition=wanted, written_by="ann")
    return await twin.PutTwin(request)


async def _found(twin: Stub, **asked: Any) -> list[str]:
    return [each.id for each in (await twin.ListTwins(pb.ListTwinsRequest(**asked))).twins]


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ('eq(properties/level,"prefecture")', ["3401", "3402"]),
        ("gt(properties/lon,117)", ["3401", "3402"]),
        ('like(properties/name_zh,"*海")', ["340102"]),
        ('eq(relations/part_of,"region:34")', ["3401", "3402"]),
        ('and(eq(model,"region"),empty(relations/part_of))', ["CN"]),
        ('related(part_of,eq(properties/name_zh,"安徽"))', ["3401", "3402"]),
        ('related(part_of,related(part_of,related(part_of,eq(id,"region:CN"))))', ["340102"]),
        ('and(eq(model,"region"),not(related(part_of,exists(properties/lon))))', ["34", "CN"]),
    ],
)
async def test_a_search_finds_what_its_filter_says(twin: Stub, query: str, codes: list[str]):
    assert await _found(twin, filter=query) == [f"region:{code}" for code in codes]


FOLLOWED = {
    "related(part_of,exists(properties/lon))": ["3401", "3402", "340102"],
    'related(part_of,related(part_of,like(properties/name_zh,"*")))': ["3401", "3402", "340102"],
    "and(exists(relations/part_of),not(related(part_of,exists(id))))": ["lost"],
}


@pytest.mark.parametrize("named", [0, 1, 2_000])
@pytest.mark.parametrize("query", FOLLOWED)
async def test_however_many_twins_a_relation_leads_to_all_are_found_and_none_that_is_gone(
    twin: Stub, monkeypatch: pytest.MonkeyPatch, query: str, named: int
):
    gone = {"model": "region", "properties": {"name_zh": "没了", "lon": 1}}
    await _put(twin, "region:gone", gone)
    relations = [{"name": "part_of", "target": "region:gone"}]
    await _put(twin, "region:lost", {"model": "region", "properties": {}, "relations": relations})
    await twin.DeleteTwin(pb.DeleteTwinRequest(id="region:gone"))
    monkeypatch.setattr(searching, "NAMED", named)

    found = await _found(twin, model="region", filter=query)
    await twin.DeleteTwin(pb.DeleteTwinRequest(id="region:lost"))

    assert sorted(found) == sorted(f"region:{code}" for code in FOLLOWED[query])


async def test_a_search_can_be_narrowed_by_model_and_ids(twin: Stub):
    ids = ["sku:1", "region:34", "region:3401"]

    assert await _found(twin, model="region", ids=ids, filter="gt(properties/lon,117)") == ["region:3401"]


async def test_pages_of_an_order_follow_each_other_and_what_is_absent_stands_last(twin: Stub):
    asked = {"model": "region", "sort": "-properties/lon", "page_size": 2}
    pages, cursor, more = [], "", True

    while more:
        page = await twin.ListTwins(pb.ListTwinsRequest(**asked, cursor=cursor))
        pages.append([each.id.removeprefix("region:") for each in page.twins])
        cursor = page.next_cursor
        more = bool(cursor)

    assert pages == [["3402", "3401"], ["34", "340102"], ["CN"]]


async def test_spelt_numbers_are_sorted_as_numbers_where_that_is_asked_for(twin: Stub):
    as_numbers = await _found(twin, model="sku", sort="-number(properties/price_wholesale)", page_size=2)
    as_texts = await _found(twin, model="sku", sort="-properties/price_wholesale", page_size=2)

    assert as_numbers == ["sku:4", "sku:3"]
    assert as_texts == ["sku:3", "sku:2"]


@pytest.mark.parametrize(
    "other", [{"filter": "exists(id)"}, {"sort": "model"}, {"model": "sku"}, {"ids": ["region:34"]}]
)
async def test_a_cursor_of_another_query_is_refused(twin: Stub, other: dict[str, Any]):
    page = await twin.ListTwins(pb.ListTwinsRequest(model="region", page_size=1))

    with pytest.raises(Invalid) as refused:
        await twin.ListTwins(
            pb.ListTwinsRequest(**{"model": "region", "page_size": 1, **other}, cursor=page.next_cursor)
        )

    assert refused.value.errors[0].pointer == "/query/cursor"


async def test_a_selection_brings_only_what_it_names(twin: Stub):
    request = pb.ListTwinsRequest(filter='eq(id,"region:3401")', select="properties/lon,relations/part_of")

    answer = await twin.ListTwins(request)

    assert [json.loads(text) for text in answer.selected_json] == [
        {
            "id": "region:3401",
            "properties": {"lon": 117.25},
            "relations": [{"name": "part_of", "target": "region:34"}],
        }
    ]
    assert not answer.twins


async def test_a_selection_writes_times_as_whole_twins_do(twin: Stub):
    whole = (await twin.ListTwins(pb.ListTwinsRequest(ids=["region:34"]))).twins[0]

    part = await twin.ListTwins(pb.ListTwinsRequest(ids=["region:34"], select="changed_at,revision"))

    expected = {"id": "region:34", "changed_at": whole.changed_at.ToJsonString(), "revision": 1}
    assert json.loads(part.selected_json[0]) == expected


async def _groups(twin: Stub, **asked: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    answer = await twin.AggregateTwins(pb.AggregateTwinsRequest(**asked))
    assert not answer.has_more
    return [(group["key"], group["values"]) for group in map(json.loads, answer.groups_json)]


async def test_twins_are_counted_by_group(twin: Stub):
    groups = await _groups(twin, group_by="model,properties/level")

    counts = {(key["model"], key["properties/level"]): values["count"] for key, values in groups}
    assert counts == {
        ("region", "country"): 1,
        ("region", "county"): 1,
        ("region", "prefecture"): 2,
        ("region", "province"): 1,
        ("sku", None): 5,
    }


async def test_numbers_are_summed_exactly_and_other_values_are_left_out(twin: Stub):
    price = "number(properties/price_wholesale)"
    names = [f"{name}({price})" for name in ("sum", "avg", "min", "max")]

    [(key, values)] = await _groups(
        twin,
        model="sku",
        aggregate=",".join(["count", *names, "sum(properties/price_wholesale)", "count(properties/lon)"]),
    )

    assert key == {}
    assert [values[name] for name in names] == [32.5, 6.5, 0.5, 12.5]
    assert values["count"] == 5
    assert values["sum(properties/price_wholesale)"] is None
    assert values["count(properties/lon)"] == 0


async def test_the_first_and_the_last_time_are_told_in_utc(twin: Stub):
    whole = (await twin.ListTwins(pb.ListTwinsRequest(ids=["region:CN"]))).twins[0]

    [(key, values)] = await _groups(
        twin, filter='eq(id,"region:CN")', group_by="known_at", aggregate="min(changed_at),max(known_at)"
    )

    moments = [key["known_at"], values["min(changed_at)"], values["max(known_at)"]]
    assert [datetime.fromisoformat(each) for each in moments] == [whole.changed_at.ToDatetime(tzinfo=UTC)] * 3
    assert all(each.endswith("Z") for each in moments)


async def test_no_twins_are_one_group_of_nothing_or_no_group(twin: Stub):
    nobody = 'eq(id,"sku:none")'

    assert await _groups(twin, filter=nobody, aggregate="count,max(revision)") == [
        ({}, {"count": 0, "max(revision)": None})
    ]
    assert await _groups(twin, filter=nobody, group_by="model") == []


async def test_a_search_sees_what_was_written_and_no_longer_what_was_deleted(twin: Stub):
    body = {
        "model": "region",
        "properties": {"level": "new"},
        "relations": [{"name": "part_of", "target": "region:34"}],
    }
    await _put(twin, "region:new", body)
    here = await _found(twin, filter='and(eq(properties/level,"new"),related(part_of,exists(id)))')
    await twin.DeleteTwin(pb.DeleteTwinRequest(id="region:new", written_by="ann"))

    assert here == ["region:new"]
    assert await _found(twin, filter='eq(properties/level,"new")') == []
    assert "region:new" not in await _found(twin, filter="exists(relations/part_of)")


async def test_a_relation_that_moves_is_found_where_it_is(twin: Stub):
    body: dict[str, Any] = {"model": "region", "properties": {"level": "moving"}}
    for parent in ("region:3401", "region:3402"):
        await _put(twin, "region:moving", body | {"relations": [{"name": "part_of", "target": parent}]})

    assert await _found(twin, filter='and(eq(id,"region:moving"),eq(relations/part_of,"region:3402"))') == [
        "region:moving"
    ]
    assert await _found(twin, filter='and(eq(id,"region:moving"),eq(relations/part_of,"region:3401"))') == []
    await twin.DeleteTwin(pb.DeleteTwinRequest(id="region:moving", written_by="ann"))


async def test_a_write_whose_condition_does_not_hold_changes_nothing(twin: Stub):
    body = {"model": "sku", "properties": {"price_class": 1}}
    await _put(twin, "sku:cond", body)
    unmet = pb.Precondition(condition="eq(properties/price_class,2)")
    patch = json.dumps({"properties": {"price_class": 3}})

    for write in (
        twin.PatchTwin(pb.PatchTwinRequest(id="sku:cond", patch_json=patch, precondition=unmet)),
        twin.DeleteTwin(pb.DeleteTwinRequest(id="sku:cond", precondition=unmet)),
        _put(twin, "sku:cond", {"model": "sku", "properties": {}}, condition=unmet.condition),
    ):
        with pytest.raises(Conflict) as refused:
            await write
        assert refused.value.code == "precondition_failed"

    kept = (await twin.GetTwin(pb.GetTwinRequest(id="sku:cond"))).twin
    assert (kept.revision, json.loads(kept.properties_json)) == (1, {"price_class": 1})
    met = pb.Precondition(condition="eq(properties/price_class,1)")
    patched = await twin.PatchTwin(pb.PatchTwinRequest(id="sku:cond", patch_json=patch, precondition=met))
    assert json.loads(patched.twin.properties_json) == {"price_class": 3}
    await twin.DeleteTwin(pb.DeleteTwinRequest(id="sku:cond", written_by="ann"))


async def test_a_condition_about_nobody_does_not_hold(twin: Stub):
    with pytest.raises(Conflict):
        await _put(twin, "sku:nobody", {"model": "sku", "properties": {}}, condition="not(exists(properties/a))")
    precondition = pb.Precondition(condition="exists(id)")
    with pytest.raises(NotFound):
        await twin.DeleteTwin(pb.DeleteTwinRequest(id="sku:nobody", precondition=precondition))


@pytest.mark.parametrize(
    "query",
    [
        "and(" * 1000 + "exists(id)" + ")" * 1000,
        "(" * 8192,
        "eq(properties/a,'\x00')",
        "'; DROP TABLE twin.twin; --",
        "eq(properties/a,1e999999)",
    ],
)
async def test_a_hostile_query_is_refused_with_its_place(twin: Stub, query: str):
    for call, request in (
        (twin.ListTwins, pb.ListTwinsRequest(filter=query)),
        (twin.AggregateTwins, pb.AggregateTwinsRequest(filter=query)),
    ):
        with pytest.raises(Invalid) as refused:
            await call(request)
        assert refused.value.errors[0].pointer == "/query/filter"
        assert "at character" in refused.value.errors[0].message


@pytest.mark.parametrize(
    "value",
    [
        "'); DROP TABLE twin.twin; --",
        "\"}' OR true --",
        ":p0 %(p0)s $1 {}",
        "\\",
        "%",
        "_",
        "é\u0301",
        "😀" * 500,
        "{}",
        "[]",
    ],
)
async def test_a_hostile_value_is_only_a_value(twin: Stub, value: str):
    await _put(twin, "sku:hostile", {"model": "sku", "properties": {"name_en": value}})
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    found = await _found(twin, filter=f"eq(properties/name_en,{quoted})")
    in_order = await _found(twin, filter=f"and(ge(properties/name_en,{quoted}),le(properties/name_en,{quoted}))")

    assert found == in_order == ["sku:hostile"]


async def test_the_largest_query_is_answered(twin: Stub):
    many = ",".join(f"eq(properties/p{number},{number})" for number in range(300))

    assert await _found(twin, filter=f'or({many},eq(id,"region:CN"))') == ["region:CN"]
