"""What a topic and its payload say: which tag, and one or several samples.

A payload is a plain value (`12.5`, `true`), an object `{"ts": ..., "value": ..., "quality": ...}`, or a list of such
objects. `ts` is RFC 3339 text or seconds or milliseconds since 1970; without one the time of arrival counts. What
cannot be read is a bad sample: it is counted and never used; one stands for all samples beyond the bound of a list.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

Sample = tuple[int, float | None, str]
"""Microseconds since 1970, value, quality."""

MAX_SAMPLES = 10_000
_QUALITIES = ("good", "uncertain", "bad")
_SECONDS_BELOW = 1e11
_LATEST_US = 253_402_300_799_000_000
_WORDS = {b"true": 1.0, b"on": 1.0, b"false": 0.0, b"off": 0.0}
_PLACE = re.compile(r"\{([a-z_]+)\}")
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with places in braces, each of which stands for one level: `factory/{area}/{machine}/{signal}`."""

    filter: str
    """What to subscribe to."""
    pattern: re.Pattern[str]

    @classmethod
    def read(cls, template: str) -> Topic:
        """Raises ValueError when a place does not fill its level, is named twice, or a wildcard is used."""
        levels = template.split("/")
        if not template or any(not _PLACE.fullmatch(level) and re.search(r"[{}+#\0]", level) for level in levels):
            raise ValueError("a level of a topic is a text or one {place}; wildcards are made of the places")
        places = _PLACE.findall(template)
        if len(set(places)) < len(places):
            raise ValueError("a place is named twice")
        pattern = "/".join(
            f"(?P<{found[1]}>[^/]+)" if (found := _PLACE.fullmatch(level)) else re.escape(level) for level in levels
        )
        return cls("/".join("+" if _PLACE.fullmatch(level) else level for level in levels), re.compile(pattern))

    def places(self, topic: str) -> dict[str, str] | None:
        """What the places hold in a topic; None when it is another topic."""
        found = self.pattern.fullmatch(topic)
        return found.groupdict() if found else None

    @property
    def names(self) -> set[str]:
        return set(self.pattern.groupindex)


def places_in(text: str) -> set[str]:
    """The places that a text such as `p1.{machine}` wants filled."""
    return set(_PLACE.findall(text))


def filled_in(text: str, places: dict[str, str]) -> str:
    """A text with its places filled; dots inside a place become dashes, since dots part the names of a tag."""
    return _PLACE.sub(lambda found: places[found[1]].replace(".", "-"), text)


def read_payload(payload: bytes, arrived_us: int) -> list[Sample]:
    """The samples of a payload; never raises."""
    word = _WORDS.get(payload)
    if word is not None:
        return [(arrived_us, word, "good")]
    try:
        read = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [(arrived_us, None, "bad")]
    if isinstance(read, list):
        samples = [_sample(each, arrived_us) for each in read[:MAX_SAMPLES]]
        return samples if len(read) <= MAX_SAMPLES else [*samples, (arrived_us, None, "bad")]
    return [_sample(read, arrived_us)]


def _sample(read: Any, arrived_us: int) -> Sample:
    if not isinstance(read, dict):
        return usable(arrived_us, _number(read), "good")
    at_us = _moment(read["ts"]) if read.get("ts") is not None else arrived_us
    if at_us is None:
        return (arrived_us, None, "bad")
    quality = read.get("quality", "good")
    word = quality.lower() if isinstance(quality, str) else ""
    return usable(at_us, _number(read.get("value")), word if word in _QUALITIES else "bad")


def usable(at_us: int, value: float | None, quality: str) -> Sample:
    """A sample; without a finite value it is bad whatever its source says."""
    return (at_us, value, quality) if value is not None else (at_us, None, "bad")


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _moment(value: Any) -> int | None:
    """Microseconds since 1970."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return None if moment.tzinfo is None else _countable(moment.timestamp() * 1e6)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _countable(value * (1_000_000 if abs(value) < _SECONDS_BELOW else 1_000))


def _countable(at_us: float) -> int | None:
    return round(at_us) if 0 <= at_us <= _LATEST_US else None
