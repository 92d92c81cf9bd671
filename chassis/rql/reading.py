"""The characters of a query, read once from left to right, and how a query is refused."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NoReturn
from urllib.parse import unquote

from chassis.errors import Invalid, Problem
from chassis.rql.tree import KINDS, Field, Kind, Value

MAX_BYTES = 8192
MAX_DIGITS = 64
MAX_EXPONENT = 400
"""Every float can be written."""
MAX_SEGMENTS = 16

_SPACE = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH = re.compile(r"[^\s,()\"']+")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?(?=[\s,)]|$)")
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_ESCAPED = re.compile(r"\\([\"'\\])")
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BROKEN_TILDE = re.compile(r"~(?![01])")
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}


class Reader:
    """A place in the text of a parameter; everything that does not fit is refused with its place."""

    def __init__(self, text: str, parameter: str) -> None:
        self.text = text
        self.at = 0
        self._parameter = parameter
        unwanted = _UNWANTED.search(text)
        if unwanted is not None:
            self.refuse("bad_character", "this character cannot be part of a query", unwanted.start())
        if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
            self.refuse("too_long", f"a query has at most {MAX_BYTES} bytes", MAX_BYTES)

    def refuse(self, rule: str, message: str, at: int | None = None) -> NoReturn:
        """Raises Invalid. What was sent is not repeated: the place says where to look."""
        place = (self.at if at is None else at) + 1
        problem = Problem(f"/query/{self._parameter}", rule, f"at character {place}: {message}")
        raise Invalid(f"the {self._parameter} cannot be read at character {place}", errors=[problem])

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def take(self, mark: str) -> bool:
        """Goes past a mark if it comes next."""
        self.skip()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            self.refuse("syntax", f"expected {mark}")

    def end(self) -> None:
        self.skip()
        if self.at < len(self.text):
            self.refuse("syntax", "expected the end")

    def word(self, expected: str) -> str:
        self.skip()
        found = _WORD.match(self.text, self.at)
        if found is None:
            self.refuse("syntax", f"expected {expected}")
        self.at = found.end()
        return found.group()

    def value(self) -> Value:
        """A number, a text in quotes, true, false or null."""
        self.skip()
        if number := _NUMBER.match(self.text, self.at):
            return self._number(number)
        if text := _TEXT.match(self.text, self.at):
            self.at = text.end()
            return _ESCAPED.sub(r"\1", text.group()[1:-1])
        if self.text.startswith(('"', "'"), self.at):
            self.refuse("syntax", "the quote that begins here has no end")
        word = _WORD.match(self.text, self.at)
        if word is None or word.group() not in _CONSTANTS:
            self.refuse("bad_value", "expected a value: a number, a text in quotes, true, false or null")
        self.at = word.end()
        return _CONSTANTS[word.group()]

    def _number(self, found: re.Match[str]) -> Decimal:
        whole, fraction, exponent = (part or "" for part in found.groups())
        if len(whole) + len(fraction) > MAX_DIGITS:
            self.refuse("bad_value", f"a number has at most {MAX_DIGITS} digits")
        if len(exponent) > 6 or abs(int(exponent[1:] or 0)) > MAX_EXPONENT:
            self.refuse("bad_value", f"an exponent is between -{MAX_EXPONENT} and {MAX_EXPONENT}")
        self.at = found.end()
        return Decimal(found.group())

    def field(self, *, takes_all: bool = False) -> Field:
        """A place in a document, or number(place); `takes_all`: all relations are a place, too."""
        self.skip()
        begin = self.at
        found = self._path()
        if takes_all and found == "relations":
            return Field(found)
        if found == "number" and self.take("("):
            begin = self.at
            inner = self._place(self._path(), begin)
            if inner.kind is not Kind.JSON:
                self.refuse("bad_field", "number() is for properties and desired", begin)
            self.expect(")")
            return Field(inner.root, inner.path, is_number=True)
        return self._place(found, begin)

    def _path(self) -> str:
        self.skip()
        found = _PATH.match(self.text, self.at)
        if found is None:
            self.refuse("syntax", "expected a field, e.g. properties/level")
        self.at = found.end()
        return found.group()

    def _place(self, text: str, begin: int) -> Field:
        broken = _BROKEN_PERCENT.search(text) or _BROKEN_TILDE.search(text)
        if broken is not None:
            message = "in a field, % begins two hexadecimal digits and ~ is followed by 0 or 1"
            self.refuse("bad_field", message, begin + broken.start())
        segments = [self._segment(each, begin) for each in text.removeprefix("/").split("/")]
        root, path = segments[0], tuple(segments[1:])
        if root not in KINDS:
            self.refuse("unknown_field", f"a field begins with one of {', '.join(KINDS)}", begin)
        kind = KINDS[root]
        if kind is Kind.TARGETS and len(path) != 1:
            self.refuse("unknown_field", "relations are asked for by name: relations/NAME", begin)
        if kind not in (Kind.TARGETS, Kind.JSON) and path:
            self.refuse("unknown_field", f"{root} has nothing below it", begin)
        if len(path) > MAX_SEGMENTS:
            self.refuse("bad_field", f"a field has at most {MAX_SEGMENTS} segments below {root}", begin)
        return Field(root, path)

    def _segment(self, text: str, begin: int) -> str:
        try:
            plain = unquote(text, errors="strict").replace("~1", "/").replace("~0", "~")
        except UnicodeDecodeError:
            self.refuse("bad_field", "what follows % in a field must be UTF-8", begin)
        if not plain:
            self.refuse("bad_field", "a field has no empty segments", begin)
        if _UNWANTED.search(plain):
            self.refuse("bad_character", "this field has a character that cannot be part of a query", begin)
        return plain
