from __future__ import annotations

import json
from collections import defaultdict

import pytest

from services.twin.domain.dtdl import ModelErrors, Options, Rule, parse, validate

from . import (
    class_cases,
    context_cases,
    extension_cases,
    hierarchy_cases,
    json_cases,
    model_cases,
    quantity_cases,
    text_cases,
    value_cases,
)
from .cases import V2, Case, interface

CASES = {
    "v3": [*class_cases.all_cases(), *text_cases.all_cases()],
    "v2": list(class_cases.of_version_2()),
    "context": list(context_cases.all_cases()),
    "extension": list(extension_cases.all_cases()),
    "quantity": list(quantity_cases.all_cases()),
    "model": list(model_cases.all_cases()),
    "hierarchy": list(hierarchy_cases.all_cases()),
}
ALL = [case for cases in CASES.values() for case in cases]
TEXTS = list(json_cases.all_cases())
LENIENT = Options(allow_undefined_extensions=True)


def _groups() -> dict[str, list[Case]]:
    """Cases by topic and class: thousands of tests of one case each would take longer than what they test."""
    groups = defaultdict(list)
    for topic, cases in CASES.items():
        for case in cases:
            groups[f"{topic} {case.title.partition(':')[0] if topic == 'v3' else ''}"].append(case)
    return groups


@pytest.mark.parametrize("group", _groups())
def test_what_the_specification_accepts_is_a_model_as_value_and_as_text(group: str) -> None:
    wrong = {}
    for case in _groups()[group]:
        faults = [] if case.rule else validate(*case.documents)
        if not case.rule and not faults:
            parse(*(json.dumps(document, ensure_ascii=False) for document in case.documents))
        if faults:
            wrong[case.title] = faults

    assert wrong == {}


@pytest.mark.parametrize("group", _groups())
def test_what_the_specification_rejects_has_a_fault_of_that_rule_there(group: str) -> None:
    wrong = {}
    for case in _groups()[group]:
        if case.rule is not None:
            faults = validate(*case.documents)
            places = {fault.pointer for fault in faults if fault.rule is case.rule}
            if not places or (case.pointer is not None and case.pointer not in places):
                wrong[case.title] = (case.rule, case.pointer, faults)

    assert wrong == {}


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in TEXTS])
def test_a_text_that_is_not_json_is_a_fault(case: Case) -> None:
    rules = {fault.rule for fault in validate(*case.documents)}

    assert rules == ({case.rule} if case.rule else set())


def test_every_rule_is_broken_by_some_case() -> None:
    broken = {case.rule for case in (*ALL, *TEXTS)} | {case.rule for case in value_cases.all_cases()}

    # Sizes are held in test_bounds.py.
    assert set(Rule) - broken == {Rule.MODEL_SIZE, Rule.JSON_SIZE, Rule.INTERFACE_SIZE}


def test_there_are_thousands_of_cases() -> None:
    assert len(ALL) > 7000
    assert sum(case.rule is None for case in ALL) > 1500


def test_a_caller_may_allow_what_an_unknown_extension_could_define() -> None:
    unknown = [case for case in ALL if case.title.endswith("of an unknown extension")]

    assert len(unknown) == 16
    for case in unknown:
        assert validate(*case.documents, options=LENIENT) == []
        with pytest.raises(ModelErrors) as error:
            parse(*case.documents)
        assert error.value.is_only_incomplete


def test_a_caller_may_refuse_unknown_extensions_in_version_2_too() -> None:
    document = interface(context=[V2, "dtmi:ex:unknown;1"])

    assert validate(document) == []
    (fault,) = validate(document, options=Options(allow_undefined_extensions=False))
    assert fault.rule is Rule.CONTEXT_UNDEFINED
