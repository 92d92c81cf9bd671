"""The value that is shown of a property, and how it came about.

    inputs ─▶ candidates (there, not stale) ─▶ weights ─▶ value
                                            └▶ spread, chi-square: do they disagree?

Weights fall with age by halves, measured from the newest input. Time passing scales all of them alike, so the value
does not depend on when it is read: it can be stored, searched, and told again of the past.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Protocol

from services.twin.domain.fusion.chi_square import upper_tail
from services.twin.domain.fusion.rule import OF_NUMBERS, Rule
from services.twin.domain.fusion.spelling import as_float, as_number, as_told


class Input(Protocol):
    """What one source says of a property."""

    @property
    def value(self) -> Any: ...
    @property
    def at(self) -> datetime: ...
    @property
    def known_at(self) -> datetime: ...
    @property
    def quality(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Weighed:
    """One input and what it counts for; the weights of all sum up to 1."""

    source: str
    input: Input
    reliability: float
    variance: float | None
    """In the square of the property's unit; none: the rule does not say."""
    weight: float
    unused: str
    """Why it does not count: null, stale, not_a_number, older or lower_priority; empty: it does."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the numbers that count lie apart, in the property's unit."""

    least: float
    most: float
    deviation: float
    """Sample standard deviation."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cochran's test of whether sources say the same within their variances."""

    chi_square: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Fusion:
    """The value of a property, from which inputs, by which weights."""

    value: Any
    method: str
    inputs: tuple[Weighed, ...]
    spread: Spread | None
    agreement: Agreement | None
    conflict: bool | None
    """None: it cannot be told, as the rule gives no variances (numbers) or no time in which sources agree (others)."""
    standard_error: float | None
    """Of a mean, where the rule gives variances; in the property's unit."""


def fused_value(inputs: Mapping[str, Input], rule: Rule) -> Any:
    """The value alone; None where no source says one."""
    if rule.method == "latest" or len(inputs) == 1:
        newest = _newest(inputs)
        return newest[1].value if newest else None
    return fused(inputs, rule).value


def fused(inputs: Mapping[str, Input], rule: Rule) -> Fusion:
    """The value and how it came about; numbers keep their kind, integers and decimal texts are rounded half to even."""
    unused, candidates = _candidates(inputs, rule)
    numbers = {source: as_number(each.value) if rule.is_numeric else None for source, each in candidates.items()}
    spelt = {source: number for source, number in numbers.items() if number is not None}
    is_numeric = bool(spelt)
    if rule.method in OF_NUMBERS and is_numeric:
        unused |= dict.fromkeys(candidates.keys() - spelt.keys(), "not_a_number")
        weights = _weights(rule, {source: candidates[source] for source in spelt})
        value = _shown(rule, spelt, weights, [candidates[source].value for source in spelt])
    else:
        weights, others = _chosen(candidates, rule)
        unused |= others
        value = next((candidates[source].value for source in weights), None)
    agreement = _agreement(rule, spelt)
    return Fusion(
        value=value,
        method=rule.method,
        inputs=_weighed(inputs, rule, weights, unused),
        spread=_spread(list(spelt.values())),
        agreement=agreement,
        conflict=_conflict(rule, candidates, is_numeric, agreement),
        standard_error=_standard_error(rule, weights) if is_numeric and rule.method in ("mean", "weighted") else None,
    )


def _candidates(inputs: Mapping[str, Input], rule: Rule) -> tuple[dict[str, str], dict[str, Input]]:
    """Why some inputs do not count, and those that may, by source."""
    unused = {source: "null" for source, each in inputs.items() if each.value is None}
    there = {source: inputs[source] for source in sorted(inputs.keys() - unused.keys())}
    if rule.stale_after_s is not None and there:
        newest = max(each.at for each in there.values())
        for source, each in there.items():
            if (newest - each.at).total_seconds() > rule.stale_after_s:
                unused[source] = "stale"
    return unused, {source: each for source, each in there.items() if source not in unused}


def _newest(inputs: Mapping[str, Input]) -> tuple[str, Input] | None:
    there = [(each.at, each.known_at, source) for source, each in inputs.items() if each.value is not None]
    if not there:
        return None
    source = max(there)[2]
    return source, inputs[source]


def _chosen(candidates: Mapping[str, Input], rule: Rule) -> tuple[dict[str, float], dict[str, str]]:
    """The one source that is taken, and why the others are not."""
    why, wanted = "older", candidates
    if rule.method == "priority" and candidates:
        why = "lower_priority"
        first = min(rule.place_of(source) for source in candidates)
        wanted = {source: each for source, each in candidates.items() if rule.place_of(source) == first}
    newest = _newest(wanted)
    if newest is None:
        return {}, {}
    return {newest[0]: 1.0}, dict.fromkeys(candidates.keys() - {newest[0]}, why)


def _weights(rule: Rule, candidates: Mapping[str, Input]) -> dict[str, float]:
    """What each source counts for, summing up to 1: reliability x quality x 2^(-age / half-life) / variance."""
    if rule.method != "weighted":
        return dict.fromkeys(candidates, 1 / len(candidates))
    newest = max(each.at for each in candidates.values())
    raw = {source: _raw_weight(rule, source, each, newest) for source, each in candidates.items()}
    total = math.fsum(raw.values())
    if total == 0:
        return dict.fromkeys(candidates, 1 / len(candidates))
    return {source: weight / total for source, weight in raw.items()}


def _raw_weight(rule: Rule, source: str, each: Input, newest: datetime) -> float:
    age_s = (newest - each.at).total_seconds()
    faded = 1.0 if rule.half_life_s is None else 2.0 ** -(age_s / rule.half_life_s)
    return rule.reliability_of(source) * each.quality * faded / (rule.variance_of(source) or 1.0)


def _shown(rule: Rule, numbers: Mapping[str, Fraction], weights: Mapping[str, float], told: Sequence[Any]) -> Any:
    if rule.method == "median":
        return as_told(_median(sorted(numbers.values())), told, is_whole=rule.holds == "integers")
    exact = {source: Fraction(weight) for source, weight in weights.items()}
    mean = sum((numbers[source] * weight for source, weight in exact.items()), Fraction(0)) / sum(exact.values())
    return as_told(mean, told, is_whole=rule.holds == "integers")


def _median(ordered: Sequence[Fraction]) -> Fraction:
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def _spread(numbers: Sequence[Fraction]) -> Spread | None:
    if not numbers:
        return None
    least, most = min(numbers), max(numbers)
    width = (most - least) or Fraction(1)
    mean = sum(numbers, Fraction(0)) / len(numbers)
    squares = sum((((each - mean) / width) ** 2 for each in numbers), Fraction(0))
    deviation = as_float(width) * math.sqrt(squares / max(1, len(numbers) - 1))
    return Spread(as_float(least), as_float(most), deviation)


def _agreement(rule: Rule, numbers: Mapping[str, Fraction]) -> Agreement | None:
    """Cochran's Q around the mean weighted by inverse variances (Biometrics 10, 1954), chi-square with n - 1."""
    if len(numbers) < 2 or not rule.variance:
        return None
    shares = {source: 1 / Fraction(rule.variance_of(source) or 1.0) for source in numbers}
    mean = sum((numbers[source] * share for source, share in shares.items()), Fraction(0)) / sum(shares.values())
    squares = sum(((numbers[source] - mean) ** 2 * share for source, share in shares.items()), Fraction(0))
    statistic = as_float(squares)
    return Agreement(statistic, upper_tail(statistic, len(numbers) - 1))


def _conflict(
    rule: Rule, candidates: Mapping[str, Input], is_numeric: bool, agreement: Agreement | None
) -> bool | None:
    if len(candidates) < 2:
        return False
    if agreement is not None:
        return agreement.p_value < rule.conflict_p
    if is_numeric or rule.stale_after_s is None:
        return None
    values = [each.value for each in candidates.values()]
    return any(value != values[0] for value in values)


def _standard_error(rule: Rule, weights: Mapping[str, float]) -> float | None:
    if not rule.variance:
        return None
    return math.sqrt(math.fsum(weight**2 * (rule.variance_of(source) or 1.0) for source, weight in weights.items()))


def _weighed(
    inputs: Mapping[str, Input], rule: Rule, weights: Mapping[str, float], unused: Mapping[str, str]
) -> tuple[Weighed, ...]:
    """All inputs, those that count most first."""
    listed = [
        Weighed(
            source=source,
            input=each,
            reliability=rule.reliability_of(source),
            variance=rule.variance_of(source),
            weight=weights.get(source, 0.0),
            unused=unused.get(source, ""),
        )
        for source, each in inputs.items()
    ]
    return tuple(sorted(listed, key=lambda each: (-each.weight, each.source)))
