"""What signals of machines say of twins: once a minute for the state, and each of them as a reading."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.twin.domain.feeding.feeds import Feeds
from services.twin.domain.types import Types
from tests.twin.fed_records import NOW, records

TYPES = Types.shipped()
FEEDS = Feeds.load(TYPES)


def test_the_signals_of_a_machine_are_one_statement_a_sensor():
    tags = {"maker.speed": 7800.0, "dryer.wall_temp_c": 120.0, "custom.pressure": 3.0}
    frame = records(
        "scada_sample",
        *(
            {"tag": f"P1.a.{tag}", "sampled_at": NOW, "value": value, "quality": "uncertain", "machine": "M1"}
            for tag, value in tags.items()
        ),
    )

    seen = [each for each in FEEDS.read("scada_sample", frame, NOW, TYPES).sightings if each.id == "machine:M1"]

    assert {each.said.origin.source: each.properties for each in seen} == {
        "test:P1.a.maker.speed": {"speed_per_min": 7800.0},
        "test:P1.a.dryer.wall_temp_c": {"wall_temperature_c": 120.0},
    }


def test_a_signal_is_told_once_a_minute_and_again_when_what_was_said_was_not_kept():
    feeds = Feeds.load(TYPES)
    tag = {"tag": "a.b.c.x", "quality": "good"}

    def told(second: int, *, is_kept: bool = True) -> list[Any]:
        at = NOW + timedelta(seconds=second)
        frame = records("scada_sample", {**tag, "value": float(second), "sampled_at": at, "occurred_at": at})
        seen = feeds.read("scada_sample", frame, NOW, TYPES)
        if is_kept:
            feeds.note(seen)
        return [each.properties["value"] for each in seen.sightings]

    assert told(0, is_kept=False) == [0.0]
    assert [told(second) for second in (1, 2, 59, 60, 3, 119, 200)] == [[1.0], [], [], [60.0], [], [], [200.0]]


def test_what_a_signal_says_too_often_to_be_kept_is_read_all_the_same():
    feeds = Feeds.load(TYPES)
    rows = [
        {
            "tag": f"P1.a.{tag}",
            "machine": "M1",
            "value": value,
            "sampled_at": NOW,
            "occurred_at": NOW,
            "quality": quality,
        }
        for tag, value, quality in (
            ("m.speed", 7800.0, "uncertain"),
            ("m.draw_pa", 1100.0, "bad"),
            ("m.x", 1.0, "good"),
        )
    ]
    feeds.note(feeds.read("scada_sample", records("scada_sample", *rows), NOW, TYPES))

    seen = feeds.read("scada_sample", records("scada_sample", *rows), NOW, TYPES)

    assert seen.sightings == []
    machine, *others = [each for each in seen.readings if each.id.startswith("machine:")]
    assert (machine.properties, machine.said.quality, machine.said.origin.source) == (
        {"speed_per_min": 7800.0},
        0.5,
        "test:P1.a.m.speed",
    )
    assert others == []
    assert {each.id for each in seen.readings} == {"machine:M1", "signal:P1.a.m.speed", "signal:P1.a.m.x"}


def test_kinds_that_are_kept_each_time_are_no_readings():
    state = {"machine": "M1", "line_code": "L1", "plant": "P1", "from_at": NOW, "state": "run", "occurred_at": NOW}

    seen = FEEDS.read("equipment_state", records("equipment_state", state), NOW, TYPES)

    assert seen.sightings
    assert seen.readings == []
