"""How the values that several sources give one property become one: the rule as data, read and checked.

{"method": "weighted", "reliability": {"scada": 0.95, "*": 0.7}, "half_life_s": 600, "variance": {"*": 4.0}}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from chassis.errors import Invalid, Problem

Method = Literal["latest", "priority", "mean", "weighted", "median"]
Holds = Literal["integers", "numbers", "texts", "others"]
"""What a property holds; texts may spell numbers."""
METHODS: tuple[str, ...] = get_args(Method)
OF_NUMBERS = frozenset({"mean", "weighted", "median"})
OTHERS = "*"
CONFLICT_P = 0.05
MAX_SOURCES = 100
MAX_SOURCE = 128
LONGEST_S = 10 * 365 * 86_400.0
LEAST, MOST = 1e-12, 1e12


@dataclass(frozen=True, slots=True)
class Rule:
    """How one property of one model is fused; sources are names, or beginnings that end in `*`."""

    method: Method = "latest"
    reliability: Mapping[str, float] = field(default_factory=dict)
    """By source, above 0 to 1; a source that is not named is fully relied on."""
    half_life_s: float | None = None
    """Seconds after which an input weighs half of one that is as old as the newest; none: age does not matter."""
    variance: Mapping[str, float] = field(default_factory=dict)
    """By source, in the square of the property's unit: how far its values scatter around what is true."""
    priority: tuple[str, ...] = ()
    """Sources, the most trusted first."""
    stale_after_s: float | None = None
    """An input that is so much older than the newest one does not count; none: every input counts."""
    conflict_p: float = CONFLICT_P
    """Sources disagree where chance alone would part them so far less often than this."""
    holds: Holds = "others"
    """What the property holds, by its schema; not part of the rule's data."""

    @property
    def is_numeric(self) -> bool:
        """Whether its values are compared as numbers; a text is one only where the rule says so."""
        return self.holds in ("integers", "numbers") or (self.holds == "texts" and self.method in OF_NUMBERS)

    def reliability_of(self, source: str) -> float:
        found = _of(self.reliability, source)
        return 1.0 if found is None else found

    def variance_of(self, source: str) -> float | None:
        return _of(self.variance, source)

    def place_of(self, source: str) -> int:
        """The place of a source in the order of priority; those that are not named come last."""
        for place, name in enumerate(self.priority):
            if name == source or (name.endswith(OTHERS) and source.startswith(name[:-1])):
                return place
        return len(self.priority)

    def document(self) -> dict[str, Any]:
        """The rule as data, what is left at its default included."""
        return {
            "method": self.method,
            "reliability": dict(self.reliability),
            "half_life_s": self.half_life_s,
            "variance": dict(self.variance),
            "priority": list(self.priority),
            "stale_after_s": self.stale_after_s,
            "conflict_p": self.conflict_p,
        }


LATEST = Rule()


def _of(named: Mapping[str, float], source: str) -> float | None:
    """What holds for a source: its own name first, then the longest beginning that fits."""
    if not named:
        return None
    if source in named:
        return named[source]
    fitting = [name for name in named if name.endswith(OTHERS) and source.startswith(name[:-1])]
    return named[max(fitting, key=len)] if fitting else None


def read_rule(told: Mapping[str, Any], holds: Holds, *, at: str = "") -> Rule:
    """A rule for a property from its data; Invalid with every fault, and its pointer below `at`."""
    reading = _Reading(at)
    for name in told.keys() - _READERS.keys():
        reading.fault(f"/{_escaped(name)}", "unknown_member", f"a rule has {', '.join(_READERS)}")
    values = {name: read(reading, told[name]) for name, read in _READERS.items() if told.get(name) is not None}
    if "method" not in values:
        reading.fault("/method", "required", f"must be one of {', '.join(METHODS)}")
    elif values["method"] in OF_NUMBERS and holds == "others":
        reading.fault("/method", "not_numbers", "only numbers have a mean or a median; take latest or priority")
    if values.get("method") == "priority" and not values.get("priority"):
        reading.fault("/priority", "required", "the method priority needs the order of the sources")
    if values.get("variance") and OTHERS not in values["variance"]:
        reading.fault("/variance", "required", 'needs "*", too: sources that are not named scatter as well')
    if reading.problems:
        raise Invalid("the rule cannot be read", errors=reading.problems)
    return Rule(**values, holds=holds)


class _Reading:
    """Collects what is wrong with a rule."""

    def __init__(self, at: str) -> None:
        self._at = at
        self.problems: list[Problem] = []

    def fault(self, pointer: str, rule: str, message: str) -> None:
        self.problems.append(Problem(self._at + pointer, rule, message))

    def method(self, told: Any) -> Any:
        if told in METHODS:
            return told
        self.fault("/method", "unknown_method", f"must be one of {', '.join(METHODS)}")
        return LATEST.method

    def number(self, told: Any, pointer: str, least: float, most: float) -> float:
        is_number = isinstance(told, (int, float)) and not isinstance(told, bool)
        if not is_number or not (math.isfinite(told) and least <= told <= most):
            self.fault(pointer, "out_of_range", f"must be a number from {least:g} to {most:g}")
            return least
        return float(told)

    def by_source(self, told: Any, pointer: str, least: float, most: float) -> dict[str, float]:
        if not isinstance(told, dict) or len(told) > MAX_SOURCES or not all(map(_is_source, told)):
            self.fault(pointer, "wrong_type", f"must say a number by source, for at most {MAX_SOURCES} of them")
            return {}
        return {name: self.number(each, f"{pointer}/{_escaped(name)}", least, most) for name, each in told.items()}

    def order(self, told: Any) -> tuple[str, ...]:
        listed = isinstance(told, list) and len(told) <= MAX_SOURCES and all(map(_is_source, told))
        if not listed or len(set(told)) != len(told):
            self.fault("/priority", "wrong_type", f"must list different sources, at most {MAX_SOURCES}")
            return ()
        return tuple(told)


_READERS: dict[str, Callable[[_Reading, Any], Any]] = {
    "method": _Reading.method,
    "reliability": lambda reading, told: reading.by_source(told, "/reliability", LEAST, 1.0),
    "half_life_s": lambda reading, told: reading.number(told, "/half_life_s", 0.001, LONGEST_S),
    "variance": lambda reading, told: reading.by_source(told, "/variance", LEAST, MOST),
    "priority": _Reading.order,
    "stale_after_s": lambda reading, told: reading.number(told, "/stale_after_s", 0.001, LONGEST_S),
    "conflict_p": lambda reading, told: reading.number(told, "/conflict_p", LEAST, 0.5),
}


def _is_source(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name) <= MAX_SOURCE and name.isprintable()


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
