"""What is said of twins: which of it is shown, and that nothing is lost of what comes late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.twin.domain import twins
from services.twin.domain.fusion.rule import Rule
from services.twin.domain.past import shown_then, true_then
from services.twin.domain.statements import (
    DELETED,
    DESIRED,
    RELATIONS,
    Rules,
    Sighting,
    Statement,
    Told,
    apply,
    latest_everywhere,
    statement_of,
)
from services.twin.domain.twins import Change, Origin, Relation, Twin

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ID = "machine:M1"
NOTHING = twins.empty(ID, Origin.of(NOW, NOW, "", ""))


def _at(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)


def _seen(minute: int, source: str = "mes", known: int | None = None, **properties: Any) -> Statement:
    origin = Origin.of(_at(minute), _at(minute if known is None else known), source, "")
    return Sighting.of(ID, properties, (), origin).said


def _wrote(minute: int, facets: dict[str, Any], by: str = "user:ann") -> Statement:
    return Statement(facets, Origin.of(_at(minute), _at(minute), by, ""), writes=True)


def _told(*said: Statement, start: Twin = NOTHING, rules: Rules = latest_everywhere) -> tuple[list[Twin], list[Change]]:
    """The states after each of the statements that was news, and their lines."""
    states, lines, twin = [], [], start
    for statement in said:
        outcome = apply(twin, statement, rules)
        if outcome is not None:
            twin, line = outcome
            states.append(twin)
            lines.append(line)
    return states, lines


def test_a_late_sighting_does_not_overwrite_a_newer_property_but_fills_an_unknown_one():
    states, lines = _told(_seen(5, speed=12), _seen(1, speed=3, state="run"))

    assert states[-1].properties == {"speed": 12, "state": "run"}
    assert lines[-1].patch == {"properties": {"state": "run"}}
    assert lines[-1].said == {"properties": {"speed": 3, "state": "run"}}
    assert lines[-1].late


def test_a_late_value_is_a_line_of_its_own_that_shows_nothing():
    states, lines = _told(_seen(5, speed=12), _seen(1, speed=3))

    assert states[-1].properties == {"speed": 12}
    assert (lines[-1].revision, lines[-1].patch, lines[-1].late) == (2, {}, True)
    assert states[-1].origin.changed_at == _at(5)


def test_a_state_names_who_said_something_last_and_the_newest_time_that_was_told_of():
    states, _ = _told(_seen(5, "mes", known=6, speed=12), _seen(1, "scada", known=7, load=3))

    assert states[-1].origin == Origin.of(_at(5), _at(7), "scada", "")


def test_who_says_the_same_again_of_a_later_time_confirms_it():
    states, lines = _told(_seen(1, speed=3), _seen(5, speed=3))

    assert (lines[-1].patch, lines[-1].said, lines[-1].late) == ({}, {"properties": {"speed": 3}}, False)
    assert states[-1].origin.changed_at == _at(5)


def test_who_says_the_same_again_of_the_same_time_says_nothing():
    _, lines = _told(_seen(1, speed=3), _seen(1, speed=3), _seen(1, "scada", speed=3))

    assert [(line.revision, line.origin.source) for line in lines] == [(1, "mes"), (2, "scada")]


def test_a_correction_of_the_same_time_counts():
    states, _ = _told(_seen(1, speed=3), _seen(1, known=2, speed=4))

    assert states[-1].properties == {"speed": 4}


def test_what_a_source_says_otherwise_than_before_does_not_outdo_what_another_saw_later():
    states, lines = _told(_seen(1, speed=1), _seen(9, "scada", speed=5), _seen(3, speed=2))

    assert [state.properties for state in states] == [{"speed": 1}, {"speed": 5}, {"speed": 5}]
    assert lines[-1].patch == {}


def test_a_source_that_says_less_than_before_still_says_the_rest():
    states, _ = _told(_seen(1, speed=3, state="run", load=1), _seen(2, speed=4, state="run"), _seen(3, speed=5))

    (told,) = states[-1].inputs.values()
    assert [each.facets for each in told] == [{"speed": 5}, {"state": "run"}, {"load": 1}]
    assert states[-1].properties == {"speed": 5, "state": "run", "load": 1}


def test_what_the_patch_says_is_not_said_twice():
    _, lines = _told(_seen(1, speed=3, state="run"), _seen(2, speed=4), _wrote(3, {"state": "stop"}))

    assert [line.said for line in lines] == [None, None, None]


def test_what_was_seen_before_a_write_counts_no_more():
    states, _ = _told(_seen(1, speed=3), _wrote(5, {"speed": None}), _seen(4, "scada", speed=9))

    assert [state.properties for state in states] == [{"speed": 3}, {}, {}]


@pytest.mark.parametrize("since", [(), (_seen(9, state="run"),)])
def test_what_was_seen_at_the_moment_of_a_write_counts_no_more_whichever_is_learnt_first(since: tuple[Statement, ...]):
    sighting, write = _seen(5, speed=3), _wrote(5, {"speed": 1})

    before, after = (_told(*since, *said)[0][-1] for said in ((sighting, write), (write, sighting)))

    assert (before.properties, before.inputs) == (after.properties, after.inputs)
    assert after.properties["speed"] == 1


def test_what_is_seen_after_a_write_counts():
    states, _ = _told(_wrote(5, {"speed": 1}), _seen(6, speed=9))

    assert states[-1].properties == {"speed": 9}


def test_an_older_sighting_does_not_bring_back_what_was_deleted_but_a_newer_one_does():
    states, lines = _told(_seen(1, speed=3), _wrote(5, {DELETED: True}), _seen(4, state="run"), _seen(6, state="stop"))

    assert [state.exists for state in states] == [True, False, False, True]
    assert states[-1].properties == {"state": "stop"}
    assert lines[2].patch == {}
    assert lines[3].patch["model"] == "machine"


def test_a_replacement_leaves_nothing_of_before_and_keeps_what_was_seen_since():
    states, _ = _told(_seen(1, speed=3), _seen(8, state="run"), _wrote(5, {DELETED: False, "name": "Cutter"}))

    assert states[-1].properties == {"name": "Cutter", "state": "run"}


def test_what_a_source_wrote_stays_known_beside_what_it_sees_later():
    ended = _wrote(5, {DELETED: True}, by="mes")

    states, _ = _told(_seen(1, speed=3), ended, _seen(7), _seen(4, "scada", speed=9))

    assert [state.exists for state in states] == [True, False, True, True]
    assert states[-1].properties == {}


def test_a_seen_relation_replaces_those_of_its_name_where_it_is_not_older():
    def placed(minute: int, *targets: str) -> Statement:
        relations = tuple(Relation("part_of", each) for each in targets)
        return Sighting.of(ID, {}, relations, Origin.of(_at(minute), _at(minute), "mes", "")).said

    states, lines = _told(
        _wrote(0, {RELATIONS + "feeds": ["machine:M2"]}), placed(5, "line:2", "line:1"), placed(1, "line:9")
    )

    kept = Relation("feeds", "machine:M2")
    assert states[-1].relations == (kept, Relation("part_of", "line:1"), Relation("part_of", "line:2"))
    assert lines[-1].said == {"relations": {"part_of": ["line:9"]}}


def test_several_sources_are_fused_by_the_rule_of_the_property():
    def rules(_: str, name: str) -> Rule:
        return Rule("mean", holds="numbers") if name == "speed" else Rule()

    states, lines = _told(_seen(1, speed=3.0, load=1.0), _seen(2, "scada", speed=5.0, load=2.0), rules=rules)

    assert states[-1].properties == {"speed": 4.0, "load": 2.0}
    assert lines[-1].said == {"properties": {"speed": 5.0, "load": 2.0}}


def test_what_a_source_said_before_is_known_again():
    told = Told()

    first, again, more, corrected = (
        told.add(ID, each)
        for each in (_seen(1, speed=3), _seen(1, speed=3), _seen(1, speed=3, state="run"), _seen(1, speed=4))
    )

    assert [first, again, more, corrected] == [True, False, True, True]


@pytest.mark.parametrize("minute", [0, 1, 5])
def test_times_before_1970_are_times_too(minute: int):
    early = datetime(1931, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    statement = Statement({"speed": 1}, Origin.of(early, NOW, "archive", ""))

    states, lines = _told(statement, _seen(1, speed=2))

    assert states[-1].properties == {"speed": 2}
    assert true_then(NOTHING, lines[:1]).properties == {"speed": 1}


VALUES = st.integers(0, 3) | st.just("x") | st.dictionaries(st.sampled_from("ab"), st.integers(0, 2), max_size=2)
PROPERTIES = st.dictionaries(st.sampled_from(["speed", "state", "load"]), VALUES, max_size=3)
EDGES = st.dictionaries(
    st.sampled_from(["part_of", "feeds"]).map(RELATIONS.__add__),
    st.lists(st.sampled_from(["m:1", "m:2"]), max_size=2, unique=True),
    max_size=2,
)
SEEN = st.builds(
    lambda properties, edges, source, quality: (properties | edges or {DELETED: False}, source, quality, False),
    PROPERTIES,
    EDGES,
    st.sampled_from(["mes", "scada", "user:ann"]),
    st.sampled_from([1.0, 0.8]),
)
WRITTEN = st.builds(
    lambda properties, gone, edges, desired, whole, by: (
        properties | edges | dict.fromkeys(gone) | desired | whole,
        by,
        1.0,
        True,
    ),
    PROPERTIES,
    st.sets(st.sampled_from(["speed", "state"])),
    EDGES,
    st.sampled_from([{}, {}, {DESIRED: {}}, {DESIRED: {"speed": 3}}]),
    st.sampled_from([{}, {}, {}, {DELETED: False}]),
    st.sampled_from(["user:ann", "user:bo", "mes"]),
) | st.tuples(st.just({DELETED: True}), st.sampled_from(["user:ann", "mes"]), st.just(1.0), st.just(True))


@st.composite
def _histories(draw: st.DrawFn) -> list[Statement]:
    """Statements of different times, in the order in which they were learnt."""
    said = draw(st.lists(SEEN, max_size=8) | st.lists(SEEN | WRITTEN, max_size=8))
    minutes = draw(st.permutations(range(len(said))))
    return [
        Statement(facets, Origin.of(_at(minute), _at(100 + place), source, ""), quality, writes)
        for place, ((facets, source, quality, writes), minute) in enumerate(zip(said, minutes, strict=True))
        if facets
    ]


def _rules(_: str, name: str) -> Rule:
    return Rule("median", holds="numbers") if name == "load" else Rule()


def _shape(twin: Twin) -> object:
    """What must be the same, however it came about."""
    return twins.document(twin) if twin.exists else None


@given(_histories(), st.randoms(use_true_random=False))
def test_the_state_does_not_depend_on_the_order_in_which_it_was_learnt(said: list[Statement], random: Any):
    shuffled = random.sample(said, len(said))

    one, other = (_told(*each, rules=_rules)[0] for each in (said, shuffled))

    assert [_shape(each) for each in one[-1:]] == [_shape(each) for each in other[-1:]]
    assert [each.inputs for each in one[-1:]] == [each.inputs for each in other[-1:]]
    assert [each.origin.changed_at for each in one[-1:]] == [each.origin.changed_at for each in other[-1:]]


@given(_histories())
def test_the_state_is_the_fold_of_the_statements_in_the_journal(said: list[Statement]):
    states, lines = _told(*said, rules=_rules)

    for end, state in enumerate(states, 1):
        again = true_then(NOTHING, lines[:end], _rules)
        assert replace(again, relations=()) == replace(state, relations=())
        assert set(again.relations) == set(state.relations)


@given(_histories())
def test_each_line_says_what_was_said(said: list[Statement]):
    twin = NOTHING
    for statement in said:
        outcome = apply(twin, statement, _rules)
        if outcome is not None:
            twin, line = outcome
            assert statement_of(line) == statement


@given(_histories(), st.data())
def test_each_revision_tells_what_was_shown_then(said: list[Statement], data: st.DataObject):
    states, lines = _told(*said, rules=_rules)
    begun = data.draw(st.integers(0, len(states)))
    start = states[begun - 1] if begun else NOTHING

    for end in range(begun, len(states)):
        again = shown_then(start, lines[begun : end + 1])
        assert again == replace(states[end], inputs={})


@given(_histories(), st.data())
def test_a_time_is_told_from_any_state_that_holds_nothing_newer(said: list[Statement], data: st.DataObject):
    states, lines = _told(*said, rules=_rules)
    at = _at(data.draw(st.integers(0, 10)))
    begun = data.draw(st.integers(0, len(states)))
    if any(line.origin.changed_at > at for line in lines[:begun]):
        begun = 0
    start = states[begun - 1] if begun else NOTHING

    whole = true_then(NOTHING, [line for line in lines if line.origin.changed_at <= at], _rules)
    later = true_then(start, [line for line in lines[begun:] if line.origin.changed_at <= at], _rules)

    assert _shape(later) == _shape(whole)
    assert later.inputs == whole.inputs
