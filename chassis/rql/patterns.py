"""Patterns of like and ilike: `*` is any run of characters, `?` is one; behind a backslash both are themselves.

ilike looks past the case of A to Z alone: what else has a case depends on the version of Unicode, which a database and
this process need not share.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_RUN, _ONE = "*", "?"
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def folded(text: str) -> str:
    """The text with A to Z as a to z."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def sql_pattern(pattern: str) -> str:
    """The pattern for LIKE with backslash as its escape."""
    marks = {_RUN: "%", _ONE: "_"}
    return "".join(marks[text] if is_mark else re.sub(r"([\\%_])", r"\\\1", text) for is_mark, text in _tokens(pattern))


def beginning(pattern: str, limit: int) -> tuple[str, str]:
    """What every fitting text begins with, `limit` characters at most, and the least text behind all of those.

    Both are empty where nothing can be said.
    """
    begins = ""
    for is_mark, character in _tokens(pattern):
        if is_mark or len(begins) == limit:
            break
        begins += character
    kept = begins.rstrip(chr(0x10FFFF))
    if not kept:
        return "", ""
    following = ord(kept[-1]) + 1
    # No text holds a surrogate.
    last = chr(0xE000 if following == 0xD800 else following)
    return begins, kept[:-1] + last


def longest_run(pattern: str) -> int:
    """How many characters stand together in it at most."""
    return max(len(run) for piece in _pieces(pattern) for run in "".join(each or "\0" for each in piece).split("\0"))


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text fits the pattern, in time that is at most the product of both lengths."""
    pieces = _pieces(pattern)
    if len(pieces) == 1:
        return _whole(pieces[0])
    first, *middle, last = pieces
    if not middle and not last and _ONE_INSIDE not in first:
        begin = _plain(first)
        return lambda text: text.startswith(begin)
    if not middle and not first and _ONE_INSIDE not in last:
        end = _plain(last)
        return lambda text: text.endswith(end)
    return _in_pieces(first, [_search(each) for each in middle if each], last)


_ONE_INSIDE = None
_Piece = list[str | None]


def _tokens(pattern: str) -> list[tuple[bool, str]]:
    """(is it a wildcard, character), a run of `*` once."""
    tokens: list[tuple[bool, str]] = []
    at = 0
    while at < len(pattern):
        mark = pattern[at]
        if mark == "\\" and at + 1 < len(pattern) and pattern[at + 1] in "*?\\":
            tokens.append((False, pattern[at + 1]))
            at += 2
            continue
        if not (mark == _RUN and tokens and tokens[-1] == (True, _RUN)):
            tokens.append((mark in "*?", mark))
        at += 1
    return tokens


def _pieces(pattern: str) -> list[_Piece]:
    """What stands between the runs: characters, and None for any one."""
    pieces: list[_Piece] = [[]]
    for is_mark, character in _tokens(pattern):
        if is_mark and character == _RUN:
            pieces.append([])
        else:
            pieces[-1].append(_ONE_INSIDE if is_mark else character)
    return pieces


def _plain(piece: _Piece) -> str:
    return "".join(each or "" for each in piece)


def _expression(piece: _Piece) -> re.Pattern[str]:
    return re.compile("".join("." if each is None else re.escape(each) for each in piece), re.DOTALL)


def _whole(piece: _Piece) -> Callable[[str], bool]:
    if _ONE_INSIDE not in piece:
        return _plain(piece).__eq__
    fits = _expression(piece).fullmatch
    return lambda text: fits(text) is not None


def _search(piece: _Piece) -> Callable[[str, int], int]:
    """Where the first occurrence at or behind a place ends; -1: there is none."""
    if _ONE_INSIDE not in piece:
        plain = _plain(piece)

        def find(text: str, begin: int) -> int:
            found = text.find(plain, begin)
            return found + len(plain) if found >= 0 else -1

        return find
    search = _expression(piece).search

    def scan(text: str, begin: int) -> int:
        found = search(text, begin)
        return found.end() if found else -1

    return scan


def _in_pieces(first: _Piece, middle: list[Callable[[str, int], int]], last: _Piece) -> Callable[[str], bool]:
    """The leftmost place of each piece is always good enough: what follows it can only have more room."""
    begins, ends = _expression(first).match, _expression(last).fullmatch
    shortest = len(first) + len(last)

    def fits(text: str) -> bool:
        if len(text) < shortest or begins(text) is None:
            return False
        tail = len(text) - len(last)
        if ends(text, tail) is None:
            return False
        at = len(first)
        for find in middle:
            at = find(text, at)
            if not 0 <= at <= tail:
                return False
        return True

    return fits
