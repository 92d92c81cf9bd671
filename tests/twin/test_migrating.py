"""Steps of migrations, and what they make of a twin, of what its sources said, and of its past."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.twin.domain.conversions import UNITS, Unconvertible, conversion
from services.twin.domain.dtdl.quantitative import UNITS as KNOWN_UNITS
from services.twin.domain.inputs import DELETED, inputs_of
from services.twin.domain.migrating import Misfit, Steps, read_steps
from services.twin.domain.model_jobs import Job, carries, types_from
from services.twin.domain.model_versions import Kept
from services.twin.domain.moving import migrated
from services.twin.domain.past import nothing, shown_then, state_at, true_then
from services.twin.domain.statements import DESIRED, RELATIONS, Sighting, Statement, apply, latest_everywhere
from services.twin.domain.twins import Change, Origin, Relation, Twin
from services.twin.domain.types import Types
from tests.twin.made_models import component, made, prop, relationship, types_with

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ID = "stall:1"
STEPS = [
    {"op": "rename", "property": "colour", "to": "paint"},
    {"op": "convert", "property": "weight", "by": "unit", "from": "gram", "to": "kilogram"},
    {"op": "remove", "property": "note"},
    {"op": "rename", "relation": "near", "to": "located_in"},
    {"op": "remove", "relation": "knows"},
]


def _at(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)


def _seen(minute: int, source: str = "mes", known: int | None = None, near: str = "", **properties: Any) -> Statement:
    origin = Origin.of(_at(minute), _at(minute if known is None else known), source, "")
    relations = (Relation("near", near),) if near else ()
    return Sighting.of(ID, properties, relations, origin).said


def _told(twin: Twin, *said: Statement) -> tuple[Twin, list[Change]]:
    lines = []
    for statement in said:
        outcome = apply(twin, statement)
        if outcome is not None:
            twin = outcome[0]
            lines.append(outcome[1])
    return twin, lines


def _migrated(twin: Twin, minute: int, steps: Any = STEPS) -> tuple[Twin, Change]:
    origin = Origin.of(_at(minute), _at(minute), "model:stall;2", "")
    outcome = migrated(twin, Steps.of(steps), origin, latest_everywhere)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize(
    ("by", "options", "value", "result"),
    [
        ("to_text", {}, 7, "7"),
        ("to_text", {}, True, "true"),
        ("to_text", {}, {"a": [1]}, '{"a":[1]}'),
        ("to_integer", {}, "7", 7),
        ("to_integer", {}, 7.0, 7),
        ("to_double", {}, "1e3", 1000.0),
        ("round", {}, 2.6, 3),
        ("to_boolean", {}, "Yes", True),
        ("to_boolean", {}, 0, False),
        ("to_date", {}, "2026-03-01T08:00:00Z", "2026-03-01"),
        ("to_array", {}, "a", ["a"]),
        ("unit", {"from": "gram", "to": "kilogram"}, 1500, 1.5),
        ("unit", {"from": "kilogram", "to": "gram"}, 2, 2000),
        ("unit", {"from": "degreeCelsius", "to": "degreeFahrenheit"}, 100, pytest.approx(212)),
        ("unit", {"from": "degreeCelsius", "to": "kelvin"}, 0.5, 273.65),
        ("unit", {"from": "kilometrePerHour", "to": "metrePerSecond"}, 36.0, pytest.approx(10)),
        ("scale", {"factor": 0.1}, 3, pytest.approx(0.3)),
        ("scale", {"factor": 2, "offset": 1}, 3, 7),
        ("values", {"values": {"run": "running", "1": "one"}}, 1, "one"),
    ],
)
def test_a_value_is_converted_by_a_named_function(by: str, options: dict[str, Any], value: Any, result: Any):
    found = conversion(by, options)(value)

    assert found == result
    assert isinstance(found, bool) == isinstance(result, bool)


@pytest.mark.parametrize(
    ("by", "options", "value"),
    [
        ("to_integer", {}, 7.5),
        ("to_integer", {}, "seven"),
        ("to_integer", {}, True),
        ("to_integer", {}, "1e999999"),
        ("to_double", {}, "nan"),
        ("to_boolean", {}, "perhaps"),
        ("to_date", {}, "soon"),
        ("unit", {"from": "gram", "to": "kilogram"}, "7"),
        ("values", {"values": {"run": "running"}}, "stop"),
    ],
)
def test_a_value_of_which_nothing_can_be_made_is_told(by: str, options: dict[str, Any], value: Any):
    convert = conversion(by, options)

    with pytest.raises(Unconvertible):
        convert(value)


@pytest.mark.parametrize(
    ("by", "options"),
    [
        ("turn", {}),
        ("to_text", {"from": "gram"}),
        ("unit", {"from": "gram"}),
        ("unit", {"from": "gram", "to": "metre"}),
        ("scale", {}),
        ("scale", {"factor": "2"}),
        ("values", {"values": []}),
    ],
)
def test_a_function_that_does_not_know_its_options_is_refused(by: str, options: dict[str, Any]):
    with pytest.raises(Unconvertible):
        conversion(by, options)


def test_units_are_those_of_the_models():
    known = {unit for units in KNOWN_UNITS.values() for unit in units}

    assert set(UNITS) <= known


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)), st.floats(-1e6, 1e6))
def test_a_unit_there_and_back_is_what_it_was(one: str, other: str, value: float):
    if UNITS[one][0] == UNITS[other][0]:
        there = conversion("unit", {"from": one, "to": other})(value)
        back = conversion("unit", {"from": other, "to": one})(there)

        assert back == pytest.approx(value, rel=1e-9, abs=1e-6)


def test_steps_reach_into_components_and_leave_what_they_were_given_alone():
    steps = Steps.of(
        [
            {"op": "rename", "property": "door/width", "to": "breadth"},
            {"op": "convert", "property": "door/height", "by": "to_integer"},
            {"op": "default", "property": "door/kind", "value": "sliding"},
            {"op": "remove", "property": "wheels", "of": "desired"},
        ]
    )
    before = {"door": {"width": 2, "height": "3"}, "wheels": 4}

    after = steps.properties(before)

    assert after == {"door": {"breadth": 2, "height": 3, "kind": "sliding"}, "wheels": 4}
    assert steps.desired(before) == {"door": {"breadth": 2, "height": 3}}
    assert before == {"door": {"width": 2, "height": "3"}, "wheels": 4}


def test_a_value_that_cannot_be_converted_is_told_with_its_place():
    steps = Steps.of([{"op": "convert", "property": "door/height", "by": "to_integer"}])

    with pytest.raises(Misfit) as fault:
        steps.properties({"door": {"height": "tall"}})

    assert fault.value.place == "door/height"


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ({"op": "rename", "property": "colour", "to": "a/b"}, "/0/to"),
        ({"op": "rename", "property": "colour", "to": "paint", "by": "x"}, "/0/to"),
        ({"op": "rename", "property": "a/b/c", "to": "d"}, "/0/property"),
        ({"op": "rename", "relation": "elsewhere", "to": "d"}, "/0/relation"),
        ({"op": "remove", "property": "colour", "of": "all"}, "/0/of"),
        ({"op": "default", "relation": "near", "value": 1}, "/0/value"),
        ({"op": "default", "property": "door", "value": {"width": "x"}}, "/0/value"),
        ({"op": "convert", "property": "colour"}, "/0/by"),
        ({"op": ["rename"]}, "/0/op"),
    ],
)
def test_a_step_that_means_nothing_is_refused_with_its_place(step: Any, place: str):
    types = types_with(
        made("dtmi:a:Door;1", prop("width", "integer")),
        made("dtmi:a:stall;1", prop("colour"), relationship("near")),
        made("dtmi:a:stall;2", prop("paint"), component("door", "dtmi:a:Door;1")),
    )

    _, problems = read_steps([step], "", types.versions["dtmi:a:stall;1"], types["stall"])

    assert [(each.pointer, each.rule) for each in problems] == [(place, "bad_step")]


def test_what_every_source_said_is_put_into_the_new_words():
    twin, _ = _told(
        nothing(ID), _seen(1, "mes", colour="red", weight=1500, near="region:1"), _seen(2, "crm", colour="blue")
    )
    wish = Statement({DESIRED: {"weight": 3000}}, Origin.of(_at(3), _at(3), "user:ann", ""), writes=True)
    twin, _ = _told(twin, wish)

    moved, line = _migrated(twin, 4)

    assert moved.properties == {"paint": "blue", "weight": 1.5}
    assert {source: each.value for source, each in inputs_of(moved.inputs, "paint").items()} == {
        "mes": "red",
        "crm": "blue",
    }
    assert moved.desired == {"weight": 3}
    assert moved.relations == (Relation("located_in", "region:1"),)
    assert line.origin.source == "model:stall;2"
    assert line.patch["properties"] == {"colour": None, "paint": "blue", "weight": 1.5}


def test_who_said_less_lately_still_counts_after_a_rename():
    twin, _ = _told(nothing(ID), _seen(1, "mes", colour="red"), _seen(5, "crm", colour="blue"))
    moved, _ = _migrated(twin, 6)

    said = replace(_seen(7, "mes"), facets={"paint": "green"})
    after, _ = _told(moved, said)

    assert after.properties == {"paint": "green"}
    assert set(inputs_of(after.inputs, "paint")) == {"mes", "crm"}


def test_a_default_fills_what_is_missing_and_gives_way_to_what_is_seen_later():
    twin, _ = _told(nothing(ID), _seen(1, colour="red"))
    steps = [
        {"op": "default", "property": "state", "value": "new"},
        {"op": "default", "property": "colour", "value": 1},
    ]

    moved, line = _migrated(twin, 4, steps)
    after, _ = _told(moved, _seen(9, state="old"))

    assert moved.properties == {"colour": "red", "state": "new"}
    assert line.patch == {"properties": {"state": "new"}}
    assert after.properties["state"] == "old"


def test_a_twin_of_which_nothing_is_left_is_still_there():
    twin, lines = _told(nothing(ID), _seen(1, note="x"))

    moved, line = _migrated(twin, 4)

    assert (moved.properties, moved.exists) == ({}, True)
    assert true_then(nothing(ID), [*lines, line]).exists


def test_steps_that_change_nothing_of_a_twin_make_no_line():
    twin, _ = _told(nothing(ID), _seen(1, size=1))

    assert migrated(twin, Steps.of(STEPS), Origin.of(_at(2), _at(2), "model:stall;2", ""), latest_everywhere) is None


def test_the_past_is_told_in_the_words_of_then_and_the_present_in_those_of_now():
    twin, lines = _told(nothing(ID), _seen(1, colour="red", weight=1500))
    moved, line = _migrated(twin, 10)
    every = [*lines, line]

    assert shown_then(nothing(ID), lines).properties == {"colour": "red", "weight": 1500}
    assert true_then(nothing(ID), lines).properties == {"colour": "red", "weight": 1500}
    assert shown_then(nothing(ID), every).properties == moved.properties
    assert true_then(nothing(ID), every).properties == {"paint": "red", "weight": 1.5}


def test_what_is_learnt_late_after_a_migration_takes_its_place_among_what_was_known():
    twin, lines = _told(nothing(ID), _seen(1, "mes", colour="red"), _seen(5, "crm", note="x"))
    moved, line = _migrated(twin, 10)
    late = replace(_seen(3, "crm", known=12), facets={"paint": "blue", "weight": 2.5})

    after, more = _told(moved, late)

    assert after.properties == {"paint": "blue", "weight": 2.5}
    assert true_then(nothing(ID), [*lines, line, *more]).properties == after.properties


SOURCES = st.sampled_from(["mes", "crm", "wms"])
OLD = st.fixed_dictionaries(
    {}, optional={"colour": st.sampled_from("abc"), "weight": st.integers(0, 9), "note": st.just("x")}
)
NEW = st.fixed_dictionaries({}, optional={"paint": st.sampled_from("abc"), "weight": st.integers(0, 9)})
SAID = st.tuples(st.integers(0, 20), SOURCES, st.booleans())


@given(
    st.lists(st.tuples(SAID, OLD), min_size=1, max_size=6),
    st.lists(st.tuples(SAID, NEW), max_size=6),
    st.integers(0, 12),
)
def test_a_state_is_told_again_from_its_lines_across_a_migration(before: Any, after: Any, cut: int):
    def said(each: Any, place: int) -> Statement:
        (minute, source, writes), facets = each
        origin = Origin.of(_at(minute), _at(100 + place), f"user:{source}" if writes else source, "")
        return Statement(facets or {DELETED: False}, origin, writes=writes)

    twin, lines = _told(nothing(ID), *(said(each, place) for place, each in enumerate(before)))
    outcome = migrated(twin, Steps.of(STEPS), Origin.of(_at(50), _at(150), "model:stall;2", ""), latest_everywhere)
    twin, lines = (outcome[0], [*lines, outcome[1]]) if outcome else (twin, lines)
    twin, more = _told(twin, *(said(each, 60 + place) for place, each in enumerate(after)))
    every = [*lines, *more]

    kept = state_at(nothing(ID), every[:cut])
    again = true_then(nothing(ID), sorted(every, key=_by_time))
    from_kept = true_then(kept, every[cut:])

    assert again.properties == from_kept.properties == twin.properties
    assert shown_then(nothing(ID), every).properties == twin.properties


def _by_time(change: Change) -> tuple[datetime, int]:
    return change.origin.changed_at, change.revision


def test_records_are_put_into_the_words_of_the_version_that_a_twin_is_at():
    types = types_with(
        made("dtmi:a:stall;1", prop("colour"), prop("weight", "integer"), relationship("near")),
        made("dtmi:a:stall;2", prop("paint"), prop("weight", "double"), relationship("located_in")),
        made("dtmi:a:stall;3", prop("paint"), prop("weight", "double"), relationship("located_in")),
    )
    base = Types([types.versions["dtmi:a:stall;1"]])
    job = Job(
        id="1",
        name="stall",
        before_dtmi="dtmi:a:stall;1",
        after_dtmi="dtmi:a:stall;2",
        steps=STEPS,
        state="done",
        twins=1,
        created_at=NOW,
        created_by="user:ann",
    )

    found = carries([job], list(types.versions.values()), base)

    facets = {"colour": "red", "weight": 1500, "unknown": 1, RELATIONS + "near": ["region:1"], DELETED: False}
    wanted = {"paint": "red", "weight": 1.5, RELATIONS + "located_in": ["region:1"], DELETED: False}
    assert set(found) == {"dtmi:a:stall;2", "dtmi:a:stall;3"}
    assert found["dtmi:a:stall;2"](facets) == found["dtmi:a:stall;3"](facets) == wanted
    assert found["dtmi:a:stall;2"]({"weight": "heavy", "colour": "red"}) == {"paint": "red"}


def test_a_kept_type_that_no_longer_goes_with_ours_is_set_aside_and_all_others_stand():
    def kept(*interfaces: Any) -> list[Kept]:
        return [Kept(each["@id"], json.dumps(each), "ready", NOW, "user:ann") for each in interfaces]

    known = types_from(
        kept(
            made("dtmi:acme:kiosk;1", prop("tier"), extends="dtmi:marketwin:retailer;1"),
            made("dtmi:acme:stand;1", extends="dtmi:acme:kiosk;1"),
            made("dtmi:acme:retailer;1"),
            made("dtmi:acme:van;1"),
        ),
        [],
    )

    found = {each.dtmi for each in known.versions}
    assert {"dtmi:acme:van;1", "dtmi:marketwin:retailer;1"} <= found
    assert not {"dtmi:acme:kiosk;1", "dtmi:acme:stand;1", "dtmi:acme:retailer;1"} & found
    assert {each.rule for each in known.unusable} == {"name-duplicate", "name-taken", "reference-unresolved"}
