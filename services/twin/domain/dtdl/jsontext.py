"""JSON text and values, held to RFC 8259 and to bounds of depth and size, without recursion."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TypeAlias

from .faults import Rule, Spot

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MOST_VALUES = 4_000_000

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonObject(dict[str, Json]):
    """An object of a text: it remembers names that occurred twice, and where it ended among all objects."""

    __slots__ = ("order", "repeated")

    def __init__(self, pairs: list[tuple[str, Json]], order: int) -> None:
        super().__init__(pairs)
        self.order = order
        self.repeated = _repeated(pairs) if len(pairs) != len(self) else ()


def _repeated(pairs: list[tuple[str, Json]]) -> tuple[str, ...]:
    names = [name for name, _ in pairs]
    return tuple({name: None for name in names if names.count(name) > 1}) if len(names) < 1000 else (names[0],)


class _Builder:
    """Objects numbered in the order of their closing braces."""

    def __init__(self) -> None:
        self.count = 0
        self.has_repeated = False

    def __call__(self, pairs: list[tuple[str, Json]]) -> JsonObject:
        built = JsonObject(pairs, self.count)
        self.count += 1
        self.has_repeated = self.has_repeated or bool(built.repeated)
        return built


class _NotANumber(Exception):
    pass


def _refuse(name: str) -> float:
    raise _NotANumber(name)


def read_text(text: str | bytes, spot: Spot, *, deepest: int, largest: int) -> tuple[Json, bytes] | None:
    """The value of a JSON text and its bytes; None after a fault."""
    try:
        content = text.encode() if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError:
        spot.fault(Rule.JSON_SYNTAX, "holds a lone surrogate, which is no Unicode character")
        return None
    content = content.removeprefix(b"\xef\xbb\xbf")
    if len(content) > largest:
        spot.fault(Rule.JSON_SIZE, f"has {len(content)} bytes, more than {largest}")
        return None
    if _is_deeper(content, deepest):
        spot.fault(Rule.JSON_DEPTH, f"nests more than {deepest} levels")
        return None
    value = _load(content, spot)
    return None if value is None else (value[0], content)


def _load(content: bytes, spot: Spot) -> tuple[Json] | None:
    builder = _Builder()
    try:
        text = content.decode()
        value: Json = json.loads(text, object_pairs_hook=builder, parse_constant=_refuse)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        spot.fault(Rule.JSON_SYNTAX, "is not UTF-8")
        return None
    except json.JSONDecodeError as error:
        spot.fault(Rule.JSON_SYNTAX, f"line {error.lineno}, column {error.colno}: {error.msg}")
        return None
    except _NotANumber as error:
        spot.fault(Rule.JSON_NUMBER, f"{error} is not a JSON number")
        return None
    except RecursionError:
        spot.fault(Rule.JSON_DEPTH, "nests more levels than there is stack left")
        return None
    except ValueError:
        spot.fault(Rule.JSON_NUMBER, "holds a number of more than 4,300 digits")
        return None
    if builder.has_repeated:
        _report_repeated(value, spot)
    return (value,)


def _report_repeated(value: Json, spot: Spot) -> None:
    for item, place in _containers(value, spot):
        for name in item.repeated if isinstance(item, JsonObject) else ():
            place.at(name).fault(Rule.JSON_DUPLICATE, f"member {name[:200]!r} occurs more than once")


def _containers(value: Json, spot: Spot) -> Iterator[tuple[Json, Spot]]:
    waiting = [(value, spot)]
    while waiting:
        item, place = waiting.pop()
        yield item, place
        pairs = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        waiting.extend((child, place.at(key)) for key, child in pairs if isinstance(child, dict | list))


def _is_deeper(content: bytes, deepest: int) -> bool:
    if content.count(b"{") + content.count(b"[") <= deepest:
        return False
    depth = 0
    for token in _TOKEN.finditer(content):
        first = content[token.start()]
        if first in b"{[":
            depth += 1
            if depth > deepest:
                return True
        elif first in b"}]":
            depth -= 1
    return False


def object_spans(content: bytes) -> list[tuple[int, int]]:
    """First and last byte of each object, in the order of closing braces."""
    opened: list[int] = []
    spans = []
    for token in _TOKEN.finditer(content):
        first = content[token.start()]
        if first == ord("{"):
            opened.append(token.start())
        elif first == ord("}"):
            spans.append((opened.pop(), token.end()))
    return spans


def check_value_is_json(value: object, spot: Spot, *, deepest: int) -> bool:
    """Whether a value of the caller is made of what JSON has, at most `deepest` levels deep."""
    waiting: list[tuple[object, Spot, int]] = [(value, spot, 1)]
    visited = 0
    while waiting:
        item, place, depth = waiting.pop()
        visited += 1
        if visited > MOST_VALUES:
            spot.fault(Rule.JSON_SIZE, f"holds more than {MOST_VALUES} values")
            return False
        if isinstance(item, dict | list):
            if depth > deepest:
                place.fault(Rule.JSON_DEPTH, f"nests more than {deepest} levels")
                return False
            waiting.extend(_children(item, place, depth + 1))
        elif not isinstance(item, str | int | float | bool | None):
            place.fault(Rule.JSON_TYPE, f"{type(item).__name__} is no JSON value")
            return False
    return True


def _children(item: dict[object, object] | list[object], place: Spot, depth: int) -> Iterator[tuple[object, Spot, int]]:
    if isinstance(item, list):
        yield from ((child, place.at(index), depth) for index, child in enumerate(item))
        return
    for key, child in item.items():
        if isinstance(key, str):
            yield child, place.at(key), depth
        else:
            yield object(), place.at(str(key)), depth
