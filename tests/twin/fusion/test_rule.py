"""Rules of fusion as data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import scipy.stats

from chassis.errors import Invalid
from services.twin.domain.fusion.chi_square import upper_tail
from services.twin.domain.fusion.rule import Rule, read_rule
from services.twin.domain.fusion.rule_book import RuleBook, SetRule
from services.twin.domain.types import Types

FAULTS: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "numbers", "/method", "required"),
    ({"method": "guess"}, "numbers", "/method", "unknown_method"),
    ({"method": ["mean"]}, "numbers", "/method", "unknown_method"),
    ({"method": "mean"}, "others", "/method", "not_numbers"),
    ({"method": "priority"}, "numbers", "/priority", "required"),
    ({"method": "priority", "priority": ["a", "a"]}, "others", "/priority", "wrong_type"),
    ({"method": "priority", "priority": "a"}, "others", "/priority", "wrong_type"),
    ({"method": "weighted", "variance": {"a": 1}}, "numbers", "/variance", "required"),
    ({"method": "weighted", "variance": {"*": 0}}, "numbers", "/variance/*", "out_of_range"),
    ({"method": "weighted", "variance": {"*": "1"}}, "numbers", "/variance/*", "out_of_range"),
    ({"method": "weighted", "reliability": {"a/b": 1.1}}, "numbers", "/reliability/a~1b", "out_of_range"),
    ({"method": "weighted", "reliability": [1]}, "numbers", "/reliability", "wrong_type"),
    ({"method": "weighted", "half_life_s": -1}, "numbers", "/half_life_s", "out_of_range"),
    ({"method": "weighted", "half_life_s": True}, "numbers", "/half_life_s", "out_of_range"),
    ({"method": "weighted", "half_life_s": float("nan")}, "numbers", "/half_life_s", "out_of_range"),
    ({"method": "latest", "stale_after_s": 1e300}, "numbers", "/stale_after_s", "out_of_range"),
    ({"method": "latest", "conflict_p": 0.9}, "numbers", "/conflict_p", "out_of_range"),
    ({"method": "latest", "weights": {}}, "numbers", "/weights", "unknown_member"),
]


@pytest.mark.parametrize(("told", "holds", "pointer", "fault"), FAULTS)
def test_a_rule_that_cannot_be_is_refused_with_its_place(told: Any, holds: Any, pointer: str, fault: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_rule(told, holds, at="/rule")
    assert ("/rule" + pointer, fault) in [(each.pointer, each.rule) for each in refused.value.errors]


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        read_rule({"method": "mean", "half_life_s": 0, "conflict_p": 2, "more": 1}, "others")
    assert len(refused.value.errors) == 4


def test_a_rule_that_no_longer_fits_what_the_property_holds_gives_way_to_the_newest_value() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    told = [SetRule("machine", name, 1, {"method": "mean"}, at, "ann") for name in ("state", "speed_per_min")]

    book = RuleBook(Types.shipped(), told)

    assert book.rule("machine", "state").method == "latest"
    assert book.rule("machine", "speed_per_min").method == "mean"


def test_a_rule_reads_back_as_it_was_written() -> None:
    told = {
        "method": "weighted",
        "reliability": {"scada": 0.95, "*": 0.7},
        "half_life_s": 600,
        "variance": {"*": 4},
        "priority": ["scada"],
        "stale_after_s": 3600,
        "conflict_p": 0.01,
    }
    assert read_rule(told, "numbers").document() == told
    assert read_rule(read_rule({"method": "latest"}, "texts").document(), "texts") == Rule(holds="texts")


def test_a_source_is_known_by_its_name_before_its_beginning() -> None:
    rule = read_rule(
        {"method": "weighted", "reliability": {"user:*": 0.5, "user:li": 0.9, "*": 0.7, "user:l*": 0.6}}, "numbers"
    )
    assert [rule.reliability_of(name) for name in ("user:li", "user:lu", "user:wu", "mes")] == [0.9, 0.6, 0.5, 0.7]
    assert Rule().reliability_of("mes") == 1.0
    assert Rule().variance_of("mes") is None


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 10, 31, 99])
@pytest.mark.parametrize("statistic", [0.0, 1e-9, 0.3, 3.84, 20.0, 90.0, 1480.0, 1e300])
def test_the_tail_of_chi_square_is_that_of_scipy(statistic: float, freedom: int) -> None:
    assert upper_tail(statistic, freedom) == pytest.approx(scipy.stats.chi2.sf(statistic, freedom), abs=1e-13)
