"""JSON objects, arrays and lines read exactly: numbers stay the text they were, so that no digit is lost."""

from __future__ import annotations

import json
from typing import Any, Never

from services.ingest.domain.decode.body import Limits, Malformed, Rows
from services.ingest.domain.decode.charset import Text
from services.ingest.domain.decode.json_records import Fault, check_count, from_document, from_values

_EXACT = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_BLANKS = " \t\r\n"


def exact_document(body: Text, limits: Limits) -> Rows:
    """One object, or an array of objects. A document with a fault is refused whole, with the record and byte."""
    try:
        document = _EXACT.decode(body.text)
    except json.JSONDecodeError as error:
        _refuse(body, error.pos, error.msg)
    except RecursionError:
        raise Malformed("", "the document is nested too deeply", code="too_large") from None
    return from_document(document, body.repaired, limits)


def exact_lines(body: Text, limits: Limits) -> Rows:
    """One object a line; a line with a fault is refused by itself."""
    texts = [line for line in body.text.split("\n") if line and not line.isspace()]
    check_count(len(texts), limits)
    try:
        values = list(map(_EXACT.decode, texts))
    except (json.JSONDecodeError, RecursionError):
        values = [_one(text) for text in texts]
    return from_values(values, body.repaired, limits)


def _one(text: str) -> Any:
    try:
        return _EXACT.decode(text)
    except json.JSONDecodeError as error:
        return Fault(f"the line is not JSON: {error.msg} at character {error.pos}")
    except RecursionError:
        return Fault("the record is nested too deeply")


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
