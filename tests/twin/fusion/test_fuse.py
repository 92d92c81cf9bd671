"""Fusion: one value of several, and how it came about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.twin.domain.fusion.fuse import fused, fused_value
from services.twin.domain.fusion.rule import METHODS, Rule

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    value: Any
    at: datetime = NOON
    known_at: datetime = NOON
    quality: float = 1.0


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def rule(**told: Any) -> Rule:
    return Rule(**{"holds": "numbers", **told})


def test_latest_takes_what_was_true_last_and_of_equals_what_was_learnt_last() -> None:
    later_known = NOON + timedelta(seconds=5)
    inputs = {"mes": Said("run", ago(10)), "scada": Said("stop", NOON), "wms": Said("idle", NOON, later_known)}
    assert fused_value(inputs, Rule()) == "idle"
    found = fused(inputs, Rule())
    assert [(each.source, each.weight, each.unused) for each in found.inputs] == [
        ("wms", 1.0, ""),
        ("mes", 0.0, "older"),
        ("scada", 0.0, "older"),
    ]


def test_priority_takes_the_first_source_that_says_something() -> None:
    wanted = rule(method="priority", priority=("scada", "user:*"))
    inputs = {"mes": Said(1.0), "user:li": Said(2.0, ago(60)), "scada": Said(None)}
    found = fused(inputs, wanted)
    assert found.value == 2.0
    assert {each.source: each.unused for each in found.inputs} == {
        "user:li": "",
        "mes": "lower_priority",
        "scada": "null",
    }


def test_a_priority_that_is_silent_for_too_long_is_passed_over() -> None:
    wanted = rule(method="priority", priority=("scada", "mes"), stale_after_s=30)
    inputs = {"scada": Said(7.0, ago(31)), "mes": Said(8.0)}
    assert fused_value(inputs, wanted) == 8.0
    assert {each.source: each.unused for each in fused(inputs, wanted).inputs}["scada"] == "stale"
    assert fused_value(inputs | {"scada": Said(7.0, ago(30))}, wanted) == 7.0


def test_the_weighted_mean_is_that_of_reliability_quality_age_and_variance() -> None:
    wanted = rule(
        method="weighted", reliability={"scada": 1.0, "*": 0.5}, half_life_s=60, variance={"scada": 4.0, "*": 1.0}
    )
    inputs = {"scada": Said(100.0), "mes": Said(110.0, ago(60), quality=0.8)}
    # scada: 1 x 1 x 1 / 4 = 0.25; mes: 0.5 x 0.8 x 0.5 / 1 = 0.2
    found = fused(inputs, wanted)
    weights = {each.source: each.weight for each in found.inputs}
    assert weights == pytest.approx({"scada": 0.25 / 0.45, "mes": 0.2 / 0.45})
    assert found.value == pytest.approx((25 + 22) / 0.45)
    assert found.standard_error == pytest.approx(math.sqrt(weights["scada"] ** 2 * 4 + weights["mes"] ** 2))


def test_the_mean_and_the_median_do_not_weigh() -> None:
    inputs = {"a": Said(1.0), "b": Said(2.0, ago(1e6), quality=0.1), "c": Said(9.0)}
    assert fused_value(inputs, rule(method="mean")) == 4.0
    assert fused_value(inputs, rule(method="median")) == 2.0
    assert fused_value({**inputs, "d": Said(3.0)}, rule(method="median")) == 2.5


def test_integers_stay_integers_and_decimal_texts_stay_exact() -> None:
    assert fused_value({"a": Said(2), "b": Said(3)}, rule(method="mean", holds="integers")) == 2
    assert fused_value({"a": Said(2**60 + 1), "b": Said(2**60 + 3)}, rule(method="mean", holds="integers")) == 2**60 + 2
    prices = {"a": Said("12.50"), "b": Said("12.6"), "c": Said("-0.10")}
    assert fused_value(prices, rule(method="mean", holds="texts")) == "8.33"
    assert fused_value({"a": Said("-1"), "b": Said("-2.0")}, rule(method="mean", holds="texts")) == "-1.5"


def test_what_is_no_number_does_not_count_for_a_mean_and_says_so() -> None:
    found = fused({"a": Said("12.50"), "b": Said("on request")}, rule(method="mean", holds="texts"))
    assert found.value == "12.50"
    assert {each.source: each.unused for each in found.inputs} == {"a": "", "b": "not_a_number"}


def test_texts_that_are_not_numbers_by_rule_have_no_spread() -> None:
    assert fused({"a": Said("340100"), "b": Said("340200")}, Rule(holds="texts")).spread is None


def test_the_spread_is_that_of_the_numbers() -> None:
    found = fused({"a": Said(1), "b": Said(2), "c": Said(6)}, rule(method="mean"))
    assert found.spread is not None
    assert (found.spread.least, found.spread.most) == (1.0, 6.0)
    assert found.spread.deviation == pytest.approx(math.sqrt((4 + 1 + 9) / 2))


def test_sources_that_lie_further_apart_than_their_variances_allow_are_in_conflict() -> None:
    wanted = rule(method="weighted", variance={"*": 1.0})
    near, far = {"a": Said(10.0), "b": Said(11.0)}, {"a": Said(10.0), "b": Said(14.0)}
    # Q = d^2 / 2 with one degree of freedom: 0.5 and 8
    for inputs, statistic, p_value, conflict in ((near, 0.5, 0.479500, False), (far, 8.0, 0.004678, True)):
        found = fused(inputs, wanted)
        assert found.agreement is not None
        assert found.agreement.chi_square == pytest.approx(statistic)
        assert found.agreement.p_value == pytest.approx(p_value, abs=1e-6)
        assert found.conflict is conflict


def test_without_variances_nobody_knows_whether_numbers_disagree() -> None:
    assert fused({"a": Said(1.0), "b": Said(99.0)}, rule(method="mean")).conflict is None


def test_texts_disagree_where_sources_of_one_time_say_different_things() -> None:
    timely = Rule(stale_after_s=60)
    assert fused({"mes": Said("run"), "scada": Said("stop", ago(30))}, timely).conflict is True
    assert fused({"mes": Said("run"), "scada": Said("run", ago(30))}, timely).conflict is False
    assert fused({"mes": Said("run"), "scada": Said("stop", ago(61))}, timely).conflict is False
    assert fused({"mes": Said("run"), "scada": Said("stop", ago(30))}, Rule()).conflict is None


def test_nothing_said_is_no_value() -> None:
    for method in METHODS:
        assert fused_value({}, rule(method=method, priority=("a",))) is None
        assert fused({"a": Said(None)}, rule(method=method, priority=("a",))).value is None


values = st.one_of(st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False, width=32))
heard = st.builds(
    Said,
    value=values,
    at=st.integers(0, 10**6).map(ago),
    known_at=st.integers(0, 100).map(ago),
    quality=st.floats(0, 1),
)
everything = st.dictionaries(st.sampled_from("abcdefgh"), heard, min_size=1)
rules = st.builds(
    rule,
    method=st.sampled_from(METHODS),
    reliability=st.dictionaries(st.sampled_from(["a", "b", "*"]), st.floats(0.01, 1)),
    half_life_s=st.none() | st.floats(0.001, 1e6),
    variance=st.just({}) | st.builds(lambda each: {"*": each}, st.floats(1e-12, 1e12)),
    priority=st.just(("b", "a")),
    stale_after_s=st.none() | st.floats(0.001, 1e6),
)


@given(everything, rules)
def test_the_value_lies_among_its_inputs_whatever_the_rule(inputs: Mapping[str, Said], wanted: Rule) -> None:
    found = fused(inputs, wanted)
    told = [each.value for each in inputs.values()]
    slack = 1e-9 * max(map(abs, told))
    assert min(told) - slack <= found.value <= max(told) + slack
    assert math.fsum(each.weight for each in found.inputs) == pytest.approx(1.0)
    assert {each.source for each in found.inputs} == set(inputs)
    assert all(each.weight == 0 for each in found.inputs if each.unused)
    assert fused_value(inputs, wanted) == found.value


@given(everything, rules, st.randoms())
def test_the_order_of_the_inputs_does_not_matter(inputs: Mapping[str, Said], wanted: Rule, random: Any) -> None:
    shuffled = list(inputs.items())
    random.shuffle(shuffled)
    assert fused(dict(shuffled), wanted) == fused(inputs, wanted)


@given(everything, rules, st.integers(1, 10**7))
def test_the_value_does_not_change_while_time_passes(inputs: Mapping[str, Said], wanted: Rule, seconds: int) -> None:
    later = {
        source: Said(each.value, each.at + timedelta(seconds=seconds), each.known_at, each.quality)
        for source, each in inputs.items()
    }
    assert fused_value(later, wanted) == fused_value(inputs, wanted)


def test_numbers_at_the_edge_of_what_a_float_holds_neither_overflow_nor_stumble() -> None:
    inputs = {"a": Said(1.7e308), "b": Said(-1.7e308), "c": Said(5e-324)}
    found = fused(inputs, rule(method="weighted", variance={"*": 1e-12}, half_life_s=0.001))
    assert found.spread is not None
    assert math.isfinite(found.spread.deviation)
    assert found.agreement is not None
    assert math.isfinite(found.agreement.chi_square)
    assert found.conflict is True
