"""DQ-03: which characters a body is written in."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from services.ingest.domain.decode.body import Malformed

_DECLARED = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}
_DECLARED |= {"gb18030": "gb18030", "utf-16": "utf-16"}
_LONE_RETURN = re.compile(r"\r(?!\n)")
# Per broken byte so many whole characters of several bytes mean damaged UTF-8, not another charset.
_WHOLE_PER_BROKEN = 4


@dataclass(frozen=True, slots=True)
class Text:
    """A body as text; `repaired` says what had to be done, `charset` how to count its bytes.

    `raw` is the text in UTF-8.
    """

    text: str
    charset: str
    repaired: str
    raw: bytes


def read_text(body: bytes, declared: str, *, by_lines: bool) -> Text:
    """Decodes by byte order mark, then by the declared charset, then as UTF-8, then as GB 18030.

    Raises Malformed with the offset of the first byte that fits none.
    """
    text, charset, repaired = _decoded(body, declared.lower())
    notes = [repaired] if repaired else []
    is_changed = bool(repaired) or charset != "utf-8" or (by_lines and b"\r" in body)
    if by_lines:
        text, mixed = _even_line_ends(text)
        notes += ["mixed line ends"] if mixed else []
    return Text(text, charset, ", ".join(notes), text.encode() if is_changed else body)


def _decoded(body: bytes, declared: str) -> tuple[str, str, str]:
    if body.startswith(codecs.BOM_UTF8):
        return _strict(body[3:], "utf-8"), "utf-8", "UTF-8 with byte order mark"
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strict(body, "utf-16"), "utf-16", "UTF-16"
    if declared and declared not in _DECLARED:
        raise Malformed("", "the declared charset is not known; send UTF-8 or GB 18030", code="unsupported_type")
    charset = _DECLARED.get(declared, "utf-8")
    if charset != "utf-8":
        return _strict(body, charset), charset, charset.upper()
    try:
        return body.decode("utf-8"), "utf-8", ""
    except UnicodeDecodeError as error:
        _refuse_damaged(body, error)
    return _strict(body, "gb18030"), "gb18030", "GB18030"


def _refuse_damaged(body: bytes, error: UnicodeDecodeError) -> None:
    lenient = body.decode("utf-8", "replace")
    broken = lenient.count("\ufffd")
    whole = sum(character > "\x7f" for character in lenient) - broken
    if whole > _WHOLE_PER_BROKEN * broken:
        raise Malformed("", f"byte {error.start} is not UTF-8") from None


def _strict(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset)
    except UnicodeDecodeError as error:
        raise Malformed("", f"byte {error.start} is neither UTF-8 nor {charset}") from None


def _even_line_ends(text: str) -> tuple[str, bool]:
    if "\r" not in text:
        return text, False
    pairs = text.count("\r\n")
    mixed = pairs != text.count("\n") or bool(_LONE_RETURN.search(text))
    return text.replace("\r\n", "\n").replace("\r", "\n"), mixed
