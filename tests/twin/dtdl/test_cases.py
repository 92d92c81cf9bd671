from __future__ import annotations

import json
from collections import Counter

import pytest

from services.twin.domain.dtdl import ModelErrors, Options, Rule, parse, validate

from . import class_cases, context_cases, extension_cases, json_cases, model_cases, value_cases
from .cases import Case

CASES = [
    *class_cases.all_cases(),
    *class_cases.of_version_2(),
    *context_cases.all_cases(),
    *extension_cases.all_cases(),
    *model_cases.all_cases(),
]
TEXTS = list(json_cases.all_cases())
LENIENT = Options(allow_undefined_extensions=True)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES if case.rule is None])
def test_what_the_specification_accepts_is_a_model(case: Case) -> None:
    assert validate(*case.documents) == []

    model = parse(*(json.dumps(document) for document in case.documents))

    assert len(model) > 0 or case.documents == ([],)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES if case.rule is not None])
def test_what_the_specification_rejects_has_a_fault_of_that_rule_there(case: Case) -> None:
    faults = validate(*case.documents)

    found = {(fault.rule, fault.pointer) for fault in faults}
    assert case.rule in {rule for rule, _ in found}, found
    if case.pointer is not None:
        assert (case.rule, case.pointer) in found
    with pytest.raises(ModelErrors):
        parse(*case.documents)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in TEXTS])
def test_a_text_that_is_not_json_is_a_fault(case: Case) -> None:
    rules = {fault.rule for fault in validate(*case.documents)}

    assert rules == ({case.rule} if case.rule else set())


def test_every_rule_is_broken_by_some_case() -> None:
    broken = {case.rule for case in (*CASES, *TEXTS)} | {case.rule for case in value_cases.all_cases()}

    assert set(Rule) - broken == {Rule.MODEL_SIZE}  # held in test_bounds.py


def test_no_case_stands_twice() -> None:
    titles = Counter(case.title for case in (*CASES, *TEXTS))

    assert [title for title, count in titles.items() if count > 1] == []


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.title) for case in CASES if case.title.endswith("of an unknown extension")],
)
def test_a_caller_may_allow_what_an_unknown_extension_could_define(case: Case) -> None:
    assert validate(*case.documents, options=LENIENT) == []
    assert all(fault.is_incomplete for fault in validate(*case.documents))
