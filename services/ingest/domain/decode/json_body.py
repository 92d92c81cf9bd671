"""JSON objects, arrays and lines. Numbers stay the text they were, so that no digit is lost on the way to a decimal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Never

import msgspec

from services.ingest.domain.decode.body import Limits, Malformed, Rows, field_names, refused_line
from services.ingest.domain.decode.charset import Text
from services.ingest.domain.receipt import Refused

_EXACT = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
# Three times faster. It reads whole numbers as numbers, which have one text each, but for minus zero; what it refuses
# (NaN, halves of surrogate pairs, endless digits) the exact one may take.
_COMPILED = msgspec.json.Decoder(float_hook=str)
_NEGATIVE_ZERO = re.compile(rb"-0(?![0-9.eE])")
_NOT_OBJECT = "a record must be a JSON object"
_BLANKS = " \t\r\n"


def read_json(body: Text, limits: Limits) -> Rows:
    """One object, or an array of objects. A document with a fault is refused whole, with the record and byte."""
    try:
        document = _COMPILED.decode(body.raw)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return _from_document(_exact(body), body, limits)
    found = _from_document(document, body, limits)
    return replace(found, exactly=_if_needed(body, found, lambda: _from_document(_exact(body), body, limits)))


def read_plain_ndjson(body: bytes, limits: Limits, exactly: Callable[[], Rows]) -> Rows | None:
    """Lines of UTF-8 without returns, read without making text of them first; None where something is unusual.

    The compiled decoder checks the UTF-8 of each value; `exactly` reads the body the other way.
    """
    if b"\r" in body or not body.startswith(b"{"):
        return None
    lines = list(filter(None, body.split(b"\n")))
    _bound(len(lines), limits)
    try:
        values = list(map(_COMPILED.decode, lines))
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    found = _from_values(values, Text("", "utf-8", "", body), limits)
    return replace(found, exactly=lambda: exactly() if _NEGATIVE_ZERO.search(body) else found)


def read_ndjson(body: Text, limits: Limits) -> Rows:
    """One object a line; a line with a fault is refused by itself."""
    lines = list(filter(None, body.raw.split(b"\n")))
    _bound(len(lines), limits)
    try:
        values = list(map(_COMPILED.decode, lines))
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return exact_ndjson(body, limits)
    found = _from_values(values, body, limits)
    return replace(found, exactly=_if_needed(body, found, lambda: exact_ndjson(body, limits)))


def _if_needed(body: Text, found: Rows, read: Callable[[], Rows]) -> Callable[[], Rows]:
    return lambda: read() if _NEGATIVE_ZERO.search(body.raw) else found


def exact_ndjson(body: Text, limits: Limits) -> Rows:
    """Lines read by the standard decoder, every number as the text it was."""
    texts = [line for line in body.text.split("\n") if line and not line.isspace()]
    _bound(len(texts), limits)
    try:
        values = list(map(_EXACT.decode, texts))
    except (json.JSONDecodeError, RecursionError):
        values = [_one(text) for text in texts]
    return _from_values(values, body, limits)


def _from_document(document: Any, body: Text, limits: Limits) -> Rows:
    if isinstance(document, dict):
        return _rows([document], [0], body, limits, is_single=True)
    if not isinstance(document, list):
        raise Malformed("", "the body must be a JSON object or an array of objects")
    return _from_values(document, body, limits)


def _exact(body: Text) -> Any:
    try:
        return _EXACT.decode(body.text)
    except json.JSONDecodeError as error:
        _refuse(body, error.pos, error.msg)
    except RecursionError:
        raise Malformed("", "the document is nested too deeply", code="too_large") from None


class _Fault:
    """A line that is no JSON."""

    def __init__(self, message: str) -> None:
        self.message = message


def _one(text: str) -> Any:
    try:
        return _EXACT.decode(text)
    except json.JSONDecodeError as error:
        return _Fault(f"the line is not JSON: {error.msg} at character {error.pos}")
    except RecursionError:
        return _Fault("the record is nested too deeply")


def _from_values(values: list[Any], body: Text, limits: Limits) -> Rows:
    _bound(len(values), limits)
    if set(map(type, values)) <= {dict}:
        return _rows(values, list(range(len(values))), body, limits)
    good = [place for place, value in enumerate(values) if isinstance(value, dict)]
    bad = tuple(
        refused_line(place, value.message if isinstance(value, _Fault) else _NOT_OBJECT)
        for place, value in enumerate(values)
        if not isinstance(value, dict)
    )
    return _rows([values[place] for place in good], good, body, limits, malformed=bad)


def _rows(
    values: list[dict[str, Any]],
    lines: list[int],
    body: Text,
    limits: Limits,
    *,
    malformed: tuple[Refused, ...] = (),
    is_single: bool = False,
) -> Rows:
    names, is_even = field_names(values, limits)
    return Rows(
        values=values,
        lines=lines,
        names=names,
        is_even=is_even,
        malformed=malformed,
        charset_repaired=body.repaired,
        is_single=is_single,
    )


def _bound(count: int, limits: Limits) -> None:
    if count > limits.rows:
        raise Malformed("", f"at most {limits.rows} records in one body", code="too_large")


def _refuse(body: Text, position: int, message: str) -> Never:
    offset = len(body.text[:position].encode(body.charset, "replace"))
    pointer = _record_at(body.text, position)
    raise Malformed(pointer, f"the body is not JSON: {message} at byte {offset}")


def _record_at(text: str, position: int) -> str:
    """Pointer to the array element that holds the position; empty when the document is no array."""
    place = _skip(text, 0)
    if not text.startswith("[", place):
        return ""
    index, place = 0, _skip(text, place + 1)
    while place < position:
        try:
            _, place = _EXACT.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError):
            break
        place = _skip(text, place)
        if not text.startswith(",", place):
            break
        index, place = index + 1, _skip(text, place + 1)
    return f"/{index}"


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANKS:
        place += 1
    return place
