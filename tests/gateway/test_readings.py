"""What machines measure between two changes of their twins."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from chassis.testing import eventually
from gateway.live.filters import EVERYTHING, Filter
from gateway.live.readings import MOST_TWINS, Readings
from marketwin.twin.v1 import events_pb2, types_pb2
from tests.gateway.events import events_of
from tests.gateway.house import Door
from tests.gateway.problem import problem_of
from tests.gateway.streams import connected, heard, refused, subscribed

MINUTE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def _reading(machine: str, second: float, source: str = "scada", **properties: Any) -> types_pb2.Reading:
    reading = types_pb2.Reading(
        id=f"machine:{machine}", model="machine", properties_json=json.dumps(properties), source=source, quality=1.0
    )
    reading.at.FromDatetime(NOON + timedelta(seconds=second))
    return reading


def _taken(*readings: types_pb2.Reading, most_twins: int = MOST_TWINS) -> Readings:
    known = Readings(most_twins=most_twins)
    known.take(events_pb2.TwinReadings(readings=readings))
    return known


async def _told(known: Readings, wanted: Filter = EVERYTHING) -> list[str]:
    telling = known.told(wanted)
    message = json.loads((await asyncio.wait_for(anext(telling), 1)).text)
    await telling.aclose()
    return [each["id"] for each in message["twins"]]


def test_of_each_property_the_newest_reading_is_known_whichever_comes_first():
    known = _taken(
        _reading("a", 2, "scada:speed", speed_per_min=7000.0),
        _reading("a", 1.5, "scada:draw", draw_resistance_pa=1100.0),
        _reading("a", 1, "scada:speed", speed_per_min=6000.0),
        _reading("a", 10.25, "scada:draw", draw_resistance_pa=1200.0),
        _reading("a", 10, "scada:draw", draw_resistance_pa=1300.0),
    )

    readings = known.of("machine:a")

    assert {name: (each["value"], each["source"]) for name, each in readings.items()} == {
        "speed_per_min": (7000.0, "scada:speed"),
        "draw_resistance_pa": (1200.0, "scada:draw"),
    }
    assert readings["speed_per_min"]["at"].startswith("2025-06-01T12:00:02")
    assert known.of("machine:b") == {}


def test_what_was_measured_in_the_words_of_another_version_is_known_no_more():
    def said(second: float, version: int, **properties: Any) -> types_pb2.Reading:
        reading = _reading("a", second, **properties)
        reading.version = f"dtmi:marketwin:machine;{version}"
        return reading

    known = _taken(said(1, 1, speed_per_min=7000.0, state=1), said(2, 2, pace=7100.0), said(3, 2, state=2))

    assert {name: each["value"] for name, each in known.of("machine:a").items()} == {"pace": 7100.0, "state": 2}


async def test_a_client_hears_first_what_is_known_of_the_twins_it_wants_and_then_only_what_is_new():
    known = _taken(_reading("a", 1, state=1), _reading("b", 1, state=1), _reading("c", 1, state=1))
    telling = known.told(Filter(ids=frozenset({"machine:a", "machine:c", "machine:new"})))

    first = json.loads((await anext(telling)).text)
    known.take(events_pb2.TwinReadings(readings=[_reading("b", 2, state=2), _reading("c", 2, state=2)]))
    second = json.loads((await asyncio.wait_for(anext(telling), 5)).text)
    coming = asyncio.ensure_future(anext(telling))
    known.take(events_pb2.TwinReadings(readings=[_reading("a", 0, state=0)]))
    done, _ = await asyncio.wait([coming], timeout=0.3)
    coming.cancel()

    assert first["type"] == "readings"
    assert {each["id"] for each in first["twins"]} == {"machine:a", "machine:c"}
    assert [(each["id"], each["readings"]["state"]["value"]) for each in second["twins"]] == [("machine:c", 2)]
    assert not done


async def test_a_burst_is_told_as_its_newest_values():
    known = Readings()
    telling = known.told(Filter(model="machine"))
    coming = asyncio.ensure_future(anext(telling))
    await asyncio.sleep(0)
    for second in range(100):
        known.take(events_pb2.TwinReadings(readings=[_reading("a", second, speed_per_min=second)]))

    only = json.loads((await asyncio.wait_for(coming, 5)).text)

    assert [each["readings"]["speed_per_min"]["value"] for each in only["twins"]] == [99]


async def test_those_that_were_not_heard_of_for_longest_are_forgotten():
    known = _taken(*[_reading(name, 1, state=1) for name in "abc"], _reading("a", 2, state=2), most_twins=2)

    assert await _told(known) == ["machine:a", "machine:c"]


async def _sample(api: httpx.AsyncClient, tag: str, value: float, second: int) -> None:
    """A sample of the minute before this test began, so that the state takes in one of them."""
    at = MINUTE + timedelta(seconds=second)
    row = {"tag": tag, "machine": tag.rpartition(".")[0], "sampled_at": at.isoformat(), "value": value}
    answer = await api.post("/api/v1/records/scada_sample", json=[row], params={"source": "scada"})
    assert answer.json()["accepted"] == 1, answer.text


async def _until_read(socket: ClientConnection, value: float) -> dict[str, Any]:
    while True:
        message = await heard(socket)
        twins = message["twins"] if message["type"] == "readings" else []
        for twin in twins:
            if twin["readings"]["speed_per_min"]["value"] == value:
                return dict(twin)


async def test_a_sample_that_the_state_leaves_out_is_told_at_once_and_can_be_asked_for(
    api: httpx.AsyncClient, door: Door
):
    tag = f"r{uuid.uuid4().hex[:8]}.make.m1.speed"
    machine = f"machine:{tag.rpartition('.')[0]}"
    await _sample(api, tag, 7000, 0)
    await eventually(lambda: _is_there(api, machine), within_s=10)

    async with connected(door) as socket:
        await subscribed(socket, ids=[machine], readings=True)
        for second in range(1, 6):
            await _sample(api, tag, 7000 + second, second)
        told = await _until_read(socket, 7005)
    asked = (await api.get(f"/api/v1/twins/{machine}/readings")).json()
    twin = (await api.get(f"/api/v1/twins/{machine}")).json()

    assert told == asked
    assert asked["readings"]["speed_per_min"]["source"] == f"scada:{tag}"
    assert 0 < asked["readings"]["speed_per_min"]["quality"] <= 1
    assert twin["properties"]["speed_per_min"] == 7000


async def _is_there(api: httpx.AsyncClient, twin_id: str) -> bool:
    return (await api.get(f"/api/v1/twins/{twin_id}")).status_code == 200


async def test_readings_come_as_server_sent_events_without_a_place_to_go_on_after(api: httpx.AsyncClient, door: Door):
    tag = f"r{uuid.uuid4().hex[:8]}.make.m1.speed"
    machine = f"machine:{tag.rpartition('.')[0]}"
    await _sample(api, tag, 100, 0)
    await eventually(lambda: _is_there(api, machine), within_s=10)

    async with events_of(door, ids=machine, readings="true") as following:
        await following.snapshot()
        await _sample(api, tag, 200, 1)
        while (event := await following.told()).kind != "readings" or "200" not in event.text:
            pass

    assert event.id == ""
    assert [each["id"] for each in event.data["twins"]] == [machine]


async def test_who_does_not_ask_for_readings_hears_none(api: httpx.AsyncClient, door: Door):
    tag = f"r{uuid.uuid4().hex[:8]}.make.m1.speed"
    machine = f"machine:{tag.rpartition('.')[0]}"
    async with connected(door) as silent, connected(door) as listening:
        await subscribed(silent, ids=[machine])
        await subscribed(listening, ids=[machine], readings=True)
        for second in range(5):
            await _sample(api, tag, 100 + second, second)
            await _until_read(listening, 100 + second)
        last = await api.patch(
            f"/api/v1/twins/{machine}",
            content=json.dumps({"desired": {"speed_per_min": 200}}),
            headers={"content-type": "application/merge-patch+json", "if-match": "*"},
        )
        told = [await heard(silent)]
        while told[-1].get("sequence") is None or told[-1]["twins"][-1]["revision"] < last.json()["revision"]:
            told.append(await heard(silent))

    assert {message["type"] for message in told} == {"delta"}
    assert told[0]["twins"][0]["properties"]["speed_per_min"] == 100


async def test_readings_of_an_unknown_twin_are_no_twin_and_of_one_without_machines_none(api: httpx.AsyncClient):
    unknown = await api.get("/api/v1/twins/machine:nobody/readings")
    region = (await api.get("/api/v1/twins/region:US-NV/readings")).json()

    problem_of(unknown, 404, "twin_not_found")
    assert region == {"id": "region:US-NV", "model": "region", "readings": {}}


@pytest.mark.parametrize("wanted", [{"filter": 'eq(model,"machine")', "readings": True}, {"readings": "yes"}])
async def test_readings_that_cannot_be_told_are_refused_over_websocket(door: Door, wanted: dict[str, Any]):
    async with connected(door) as socket:
        await socket.send(json.dumps({"subscribe": wanted}))
        code, reason = await refused(socket)

    assert code == 4400
    assert "readings" in reason


async def test_readings_with_a_filter_are_refused_as_events(api: httpx.AsyncClient):
    asked = {"filter": 'eq(model,"machine")', "readings": "true"}

    refusal = problem_of(await api.get("/api/v1/live/events", params=asked), 400, "invalid")

    assert refusal["errors"][0]["pointer"] == "/query/readings"
