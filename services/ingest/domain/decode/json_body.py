"""JSON objects, arrays and lines. Numbers stay the text they were, so that no digit is lost on the way to a decimal."""

from __future__ import annotations

import json
from typing import Any, Never

from services.ingest.domain.decode.body import Decoded, Limits, Malformed, from_rows, refused_line
from services.ingest.domain.decode.charset import Text

_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_NOT_OBJECT = "a record must be a JSON object"
_BLANKS = " \t\r\n"


def decode_json(body: Text, limits: Limits) -> Decoded:
    """One object, or an array of objects. A document with a fault is refused whole, with the record and byte."""
    try:
        document = _DECODER.decode(body.text)
    except json.JSONDecodeError as error:
        _refuse(body, error.pos, error.msg)
    except RecursionError:
        raise Malformed("", "the document is nested too deeply", code="too_large") from None
    if isinstance(document, dict):
        columns, lines = from_rows([document], [0], limits)
        return Decoded(columns=columns, lines=lines, charset_repaired=body.repaired, is_single=True)
    if not isinstance(document, list):
        raise Malformed("", "the body must be a JSON object or an array of objects")
    return _from_values(document, body, limits)


def decode_ndjson(body: Text, limits: Limits) -> Decoded:
    """One object a line; a line with a fault is refused by itself."""
    texts = [line for line in body.text.split("\n") if line and not line.isspace()]
    if len(texts) > limits.rows:
        raise Malformed("", f"at most {limits.rows} records in one body", code="too_large")
    try:
        values: list[Any] = list(map(_DECODER.decode, texts))
    except (json.JSONDecodeError, RecursionError):
        values = [_one(text) for text in texts]
    return _from_values(values, body, limits)


class _Fault:
    """A line that is no JSON."""

    def __init__(self, message: str) -> None:
        self.message = message


def _one(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return _Fault(f"the line is not JSON: {error.msg} at character {error.pos}")
    except RecursionError:
        return _Fault("the record is nested too deeply")


def _from_values(values: list[Any], body: Text, limits: Limits) -> Decoded:
    if len(values) > limits.rows:
        raise Malformed("", f"at most {limits.rows} records in one body", code="too_large")
    good = [place for place, value in enumerate(values) if isinstance(value, dict)]
    bad = tuple(
        refused_line(place, value.message if isinstance(value, _Fault) else _NOT_OBJECT)
        for place, value in enumerate(values)
        if not isinstance(value, dict)
    )
    columns, lines = from_rows([values[place] for place in good], good, limits)
    return Decoded(columns=columns, lines=lines, malformed=bad, charset_repaired=body.repaired)


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
            _, place = _DECODER.raw_decode(text, place)
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
