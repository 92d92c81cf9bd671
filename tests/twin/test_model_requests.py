"""Whatever is sent as a model or as a step is read, or refused with its places: nothing else happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Conflict, Problem
from services.twin.domain.migrating import Misfit, Steps, read_steps
from services.twin.domain.model_documents import ModelFaults, read_models
from services.twin.domain.model_versions import added, in_order, read_request
from services.twin.domain.types import Types, shipped_elements, types_of
from tests.twin.made_models import made, prop, relationship, types_with

TOLD = "op rename remove default convert property relation to of by value values from gram kilogram a b a/b b/c unit "
MORE = "scale factor offset to_text to_integer to_double round to_date to_boolean desired near far 7 1e400"
WORDS = st.sampled_from((TOLD + MORE).split())
NUMBERS = st.integers(-(10**20), 10**20) | st.floats() | st.sampled_from([1e308, -1e308, 5e-324, 10**400])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=2), inner, max_size=4),
    max_leaves=10,
)
STEPS = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["rename", "remove", "default", "convert"]), "property": st.sampled_from(["a", "b/c"])},
        optional={
            "to": st.sampled_from(["a", "b", "d"]),
            "by": st.sampled_from(["to_text", "to_integer", "to_double", "round", "scale", "to_boolean", "to_date"]),
            "factor": NUMBERS,
            "offset": NUMBERS,
            "value": VALUES,
        },
    )
    | VALUES,
    max_size=4,
)
STALLS = (
    made("dtmi:t:Part;1", prop("c")),
    made("dtmi:t:stall;1", prop("a"), {"@type": "Component", "name": "b", "schema": "dtmi:t:Part;1"}),
    made("dtmi:t:stall;2", prop("a", "double"), prop("d"), relationship("near")),
)
TYPES = types_with(*STALLS)
SHIPPED = shipped_elements()[:3]


@given(VALUES, st.sampled_from(["plain", "list", "models", "interface", "contents", "migration"]))
def test_any_json_is_a_model_or_refused_with_places(value: Any, place: str):
    body = {
        "plain": value,
        "list": [value, made("dtmi:t:x;1")],
        "models": {"models": value},
        "interface": made("dtmi:t:x;1", **(value if isinstance(value, dict) else {"displayName": value})),
        "contents": made("dtmi:t:x;1", value),
        "migration": {"models": [made("dtmi:t:x;1")], "migration": value},
    }[place]

    refused = _refused(json.dumps(body).encode())

    assert refused is None or refused
    assert all(each.rule and each.message for each in refused or [])


def _refused(text: bytes) -> list[Problem] | None:
    try:
        request = read_request(text)
        new = added(request.elements, SHIPPED, []).new
        Types(types_of(*read_models(in_order([*SHIPPED, *new]))))
    except (ModelFaults, Conflict) as error:
        return error.errors
    return None


@given(STEPS, st.dictionaries(st.sampled_from(["a", "b", "d"]), VALUES, max_size=3))
def test_any_steps_are_refused_or_make_something_that_can_be_kept(told: Any, properties: dict[str, Any]):
    steps, problems = read_steps(told, "", TYPES.versions["dtmi:t:stall;1"], TYPES["stall"])
    before = json.loads(json.dumps(properties).replace("NaN", "0").replace("Infinity", "0"))
    unchanged = json.dumps(before)

    assert len(steps.steps) + len(problems) == len(told)
    after = _after(steps, before)
    assert json.dumps(before) == unchanged
    assert "NaN" not in json.dumps(after)
    assert "Infinity" not in json.dumps(after)


def _after(steps: Steps, before: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return steps.properties(before, fills=False)
    except Misfit:
        return None


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_that_json_can_write_and_nobody_can_keep_is_refused(number: str):
    body = f'{{"models": [], "migration": {{"stall": [{{"op": "default", "property": "a", "value": {number}}}]}}}}'

    with pytest.raises(ModelFaults) as refused:
        read_request(body.encode())

    assert [each.rule for each in refused.value.errors] == ["json-number"]
