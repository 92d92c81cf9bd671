from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.twin.domain import twins
from services.twin.domain.types import Types

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TYPES = Types.shipped()

# Merge patches cannot say null, so states do not hold any.
SCALARS = st.booleans() | st.integers(-10, 10) | st.text(max_size=3)
STATES = st.recursive(
    st.dictionaries(st.text(max_size=2), SCALARS, max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=2), SCALARS | inner, max_size=3),
    max_leaves=8,
)


@given(STATES, STATES)
def test_the_difference_of_two_states_leads_from_one_to_the_other(before, after):
    patch = twins.difference(before, after)

    assert twins.merge_patch(before, patch) == after


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "foo"}, "bar", "bar"),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_follows_the_examples_of_the_rfc(target, patch, result):
    assert twins.merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("properties", "pointer", "rule"),
    [
        ({"tier": "high"}, "/properties/tier", "wrong_type"),
        ({"tier": True}, "/properties/tier", "wrong_type"),
        ({"tier": 2**31}, "/properties/tier", "wrong_type"),
        ({"colour": "red"}, "/properties/colour", "unknown_property"),
        ({"license_valid_to": "soon"}, "/properties/license_valid_to", "wrong_type"),
        ({"last_ordered_at": "2026-13-01T00:00:00Z"}, "/properties/last_ordered_at", "wrong_type"),
    ],
)
def test_a_property_that_does_not_fit_its_type_is_named_by_pointer(properties, pointer, rule):
    (problem,) = TYPES["retailer"].check(properties)

    assert (problem.pointer, problem.rule) == (pointer, rule)


def test_properties_of_the_right_type_fit():
    fitting = {"tier": 30, "school_zone": False, "lon": 117.2, "license_valid_to": "2030-01-31", "name": "店"}

    assert TYPES["retailer"].check(fitting) == []


def test_every_thing_of_the_market_has_a_model():
    wanted = "brand company line machine market order plant region retailer shipment sku slot warehouse"

    assert set(wanted.split()) <= set(TYPES)


@pytest.mark.parametrize(("state", "is_known"), [("run", True), ("running", False)])
def test_states_are_those_that_records_tell(state: str, is_known: bool):
    assert (TYPES["machine"].check({"state": state}) == []) is is_known
