from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.twin.domain.dtdl import Options, Primitive, Telemetry, check_value, parse

from .cases import V3, interface, telemetry
from .value_cases import ValueCase, all_cases

CASES = list(all_cases())


def _schema(document: Any) -> Any:
    content = parse(document).interface("dtmi:ex:thing;1").contents["value"]
    assert isinstance(content, Telemetry)
    return content.schema


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES])
def test_a_value_fits_its_schema_or_has_a_fault_where_it_does_not(case: ValueCase) -> None:
    faults = check_value(_schema(case.document), case.value, "/at")

    if case.rule is None:
        assert faults == []
    else:
        assert (case.rule, f"/at{case.pointer}") in {(fault.rule, fault.pointer) for fault in faults}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_any_value_is_judged_without_an_exception(value: Any) -> None:
    for name in ("boolean", "date", "dateTime", "double", "duration", "float", "integer", "long", "string", "time"):
        check_value(Primitive(name), value)


@given(st.integers())
def test_an_integer_fits_by_its_size(value: int) -> None:
    assert (check_value(Primitive("integer"), value) == []) == (-(2**31) <= value < 2**31)
    assert (check_value(Primitive("long"), value) == []) == (-(2**63) <= value < 2**63)


@given(st.floats())
def test_a_double_is_any_finite_number(value: float) -> None:
    assert (check_value(Primitive("double"), value) == []) == math.isfinite(value)


@given(st.datetimes(timezones=st.timezones()))
def test_times_as_python_writes_them_fit(value: Any) -> None:
    offset = value.utcoffset()
    if offset.total_seconds() % 60 == 0:
        assert check_value(Primitive("dateTime"), value.isoformat()) == []
        assert check_value(Primitive("time"), value.isoformat()[11:]) == []
    assert check_value(Primitive("date"), value.date().isoformat()) == []


def test_a_value_of_an_undefined_schema_is_not_judged() -> None:
    document = interface(telemetry("Flavour"), context=[V3, "dtmi:ex:unknown;1"])
    model = parse(json.dumps(document), options=Options(allow_undefined_extensions=True))
    content = model.interface("dtmi:ex:thing;1").contents["value"]

    assert isinstance(content, Telemetry)
    assert check_value(content.schema, {"any": "thing"}) == []


def test_faults_of_a_value_are_bounded() -> None:
    from services.twin.domain.dtdl import ArraySchema

    assert len(check_value(ArraySchema(element=Primitive("integer")), ["x"] * 100_000)) == 1000
