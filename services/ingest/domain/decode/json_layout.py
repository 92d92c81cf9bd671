"""The layout of a line of JSON: its keys with all that stands around them, by which lines like it are known."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
WORD = 16
"""Bytes that are looked at together, as two halves."""
LONGEST = 256
"""Bytes of the longest gap."""
LAYOUTS = 256
"""Layouts that are remembered: a sender has a few."""
_FIELD = re.compile(rb'([ \t]*[{,][ \t]*"[^"]+"[ \t]*:[ \t]*)("[^"]*"|[^ \t",:{}\[\]]+)')
_TAIL = re.compile(rb"[ \t]*}[ \t]*")


class Gap(NamedTuple):
    """The bytes in front of a value, with the quote of a text, or behind the last one."""

    size: int
    is_text: bool
    words: tuple[tuple[int, np.uint64, np.uint64], ...]
    """Of each of its words: its place in the gap, and its halves."""
    mask: Words
    """Which bits of the halves count, where the gap is shorter than a word."""


class Layout(NamedTuple):
    """What stands between the values of a line: a gap before each, which holds its key, and one behind the last."""

    names: tuple[str, ...]
    gaps: tuple[Gap, ...]
    bare: tuple[Gap, ...]
    """The same gaps, as if no value were text."""


def masks(most: int) -> Words:
    """Masks of the first bytes of a word, as two halves, by how many they are."""
    halves = [((1 << 8 * min(count, 8)) - 1, (1 << 8 * max(count - 8, 0)) - 1) for count in range(most + 1)]
    return np.array(halves, dtype=np.uint64)


_MASKS = masks(WORD)


def layout_of(line: bytes) -> Layout | None:
    """The layout of one line without escapes; None where it is no object of plain values, each under its own name."""
    gaps, texts, place = [], [], 0
    while field := _FIELD.match(line, place):
        place = field.end()
        gaps.append(field[1])
        texts.append(field[2].startswith(b'"'))
    tail = _TAIL.fullmatch(line, place)
    return None if tail is None or not gaps else _layout((*gaps, tail[0]), (*texts, False))


@lru_cache(maxsize=LAYOUTS)
def _layout(gaps: tuple[bytes, ...], texts: tuple[bool, ...]) -> Layout | None:
    try:
        names = tuple(gap.split(b'"')[1].decode() for gap in gaps[:-1])
    except UnicodeDecodeError:
        return None
    begins = b"".join(gap.lstrip()[:1] for gap in gaps[:-1])
    if len(set(names)) < len(names) or begins != b"{".ljust(len(names), b",") or max(map(len, gaps)) >= LONGEST:
        return None
    return Layout(names, tuple(map(gap_of, gaps, texts)), tuple(gap_of(gap, False) for gap in gaps))


def gap_of(text: bytes, is_text: bool) -> Gap:
    """The words of a gap; the last ends where the gap does, so that all but those of a short one count in full."""
    text += b'"' * is_text
    words = []
    for place in (*range(0, len(text) - WORD, WORD), max(len(text) - WORD, 0)):
        first, second = np.frombuffer(text[place : place + WORD].ljust(WORD, b"\0"), np.uint64)
        words.append((place, first, second))
    return Gap(len(text), is_text, tuple(words), _MASKS[min(len(text), WORD)])
