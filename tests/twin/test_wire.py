"""What followers are told of a changed twin leads back to what it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from marketwin.twin.v1.events_pb2 import TwinChanged
from marketwin.twin.v1.types_pb2 import Reading
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin, Relation, Twin, difference, document, empty, merge_patch
from services.twin.wire import (
    changed_payloads,
    json_text,
    json_texts,
    readings_messages,
    stamp,
    twin_message,
    undo_texts,
)

SEEN = datetime(2026, 3, 1, 8, tzinfo=UTC)
LEARNT = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=UTC)
BEFORE = Twin(
    "sku:1", "sku", 4, {"a": 1, "b": {"c": 2}}, {}, (Relation("of", "brand:1"),), Origin.of(SEEN, SEEN, "s", "")
)
AFTER = replace(BEFORE, revision=5, properties={"b": {"d": 3}}, origin=Origin.of(LEARNT, LEARNT, "user:x", "t"))

scalars = st.one_of(st.integers(), st.booleans(), st.text(max_size=4))
values = st.recursive(scalars, lambda inner: st.dictionaries(st.sampled_from("abc"), inner) | st.lists(inner))
objects = st.dictionaries(st.sampled_from("abcd"), values)


def _undo(before: Twin | None, after: Twin) -> str:
    (text,) = undo_texts([(before, after)])
    return text


def _shown(twin: Twin) -> dict[str, Any]:
    return {
        "revision": twin.revision,
        "properties": twin.properties,
        "desired": twin.desired,
        "relations": [{"name": each.name, "target": each.target} for each in twin.relations],
        "changed_at": twin.origin.changed_at.isoformat().replace("+00:00", "Z"),
        "known_at": twin.origin.known_at.isoformat().replace("+00:00", "Z"),
        "source": twin.origin.source,
    }


@given(before=objects, after=objects, wished=objects)
def test_the_way_back_leads_to_what_was_told_before(before: Any, after: Any, wished: Any):
    was, now = replace(BEFORE, properties=before), replace(AFTER, properties=after, desired=wished)

    assert merge_patch(_shown(now), json.loads(_undo(was, now))) == _shown(was)


nullable = st.dictionaries(st.sampled_from("abcd"), values | st.none() | st.dictionaries(st.just("e"), st.none()))


@given(before=nullable, after=nullable)
def test_who_knows_the_journal_line_tells_the_same_way_back(before: Any, after: Any):
    was, now = replace(BEFORE, properties=before), replace(AFTER, properties=after)
    line = difference(document(was), document(now))

    (text,) = undo_texts([(was, now)], [line])

    assert (text and json.loads(text)) == ((whole := _undo(was, now)) and json.loads(whole))


def test_the_way_back_holds_no_more_than_what_changed():
    undo = json.loads(_undo(BEFORE, replace(AFTER, properties=BEFORE.properties | {"a": 2})))

    assert undo["properties"] == {"a": 1}
    assert set(undo) == {"revision", "properties", "changed_at", "known_at", "source"}


def test_a_twin_that_was_not_there_has_null_for_a_way_back():
    new, deleted = empty("sku:1", AFTER.origin), replace(BEFORE, deleted=True)

    assert (_undo(new, AFTER), _undo(deleted, AFTER)) == ("null", "null")


def test_the_way_back_from_a_deletion_is_the_whole_twin():
    gone = replace(AFTER, properties={}, relations=(), deleted=True)

    assert merge_patch(_shown(gone), json.loads(_undo(BEFORE, gone))) == _shown(BEFORE)


@pytest.mark.parametrize("properties", [{"a": None}, {"a": {"b": {"c": None}}}])
def test_where_no_merge_patch_can_say_it_nothing_is_said(properties: dict[str, Any]):
    assert _undo(replace(BEFORE, properties=properties), AFTER) == ""
    assert _undo(None, AFTER) == ""


def test_a_message_holds_a_thousand_twins_and_as_many_ways_back():
    many = [replace(AFTER, id=f"sku:{number}") for number in range(1001)]

    payloads = changed_payloads(many, ["{}"] * 1001, ["{}"] * 1001, [str(number) for number in range(1001)])

    messages = [TwinChanged.FromString(each) for each in payloads]
    assert [(len(each.twins), len(each.undo_json)) for each in messages] == [(1000, 1000), (1, 1)]
    assert (messages[1].twins[0].id, messages[1].undo_json[0]) == ("sku:1000", "1000")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=140)
whole = st.builds(
    Twin,
    id=texts,
    model=texts,
    revision=st.integers(0, 2**64 - 1),
    properties=objects,
    desired=objects,
    relations=st.lists(st.builds(Relation, texts, texts), max_size=2).map(tuple),
    origin=st.builds(Origin, st.integers(-(10**15), 10**17), st.integers(0, 10**17), texts, texts),
    deleted=st.booleans(),
)


@given(st.lists(whole, max_size=2))
def test_what_is_told_of_twins_is_what_they_are(twins: list[Twin]):
    columns = [json_texts([twin.properties for twin in twins]), json_texts([twin.desired for twin in twins])]
    undo = [twin.id for twin in twins]

    (told,) = map(TwinChanged.FromString, changed_payloads(twins, *columns, undo)) if twins else [TwinChanged()]

    assert told == TwinChanged(twins=map(twin_message, twins), undo_json=undo)


@given(st.lists(st.tuples(texts, objects, st.integers(0, 10**17), texts, st.floats(0, 1)), max_size=3))
def test_what_is_told_of_readings_is_what_was_measured(measured: list[tuple[str, Any, int, str, float]]):
    versions = {"machine": "dtmi:marketwin:machine;2"}
    seen = [
        Sighting.of(f"machine:{code}", dict(said), (), Origin(at, 7, source, ""), trust)
        for code, said, at, source, trust in measured
    ]

    told = [each for message in readings_messages(seen, versions) for each in message.readings]

    assert told == [
        Reading(
            id=each.id,
            model="machine",
            version=versions["machine"],
            properties_json=json_text(said),
            at=stamp(at),
            known_at=stamp(7),
            source=source,
            quality=trust,
        )
        for each, (_, said, at, source, trust) in zip(seen, measured, strict=True)
    ]
