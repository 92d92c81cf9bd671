"""What followers are told of a changed twin leads back to what it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.twin.domain.twins import Origin, Relation, Twin, empty, merge_patch
from services.twin.wire import Told, changed_messages, undo_texts

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
    many = [Told(replace(AFTER, id=f"sku:{number}"), "{}", "{}", str(number)) for number in range(1001)]

    messages = changed_messages(many)

    assert [(len(each.twins), len(each.undo_json)) for each in messages] == [(1000, 1000), (1, 1)]
    assert (messages[1].twins[0].id, messages[1].undo_json[0]) == ("sku:1000", "1000")
