"""Lines of JSON read without making their values: a program writes its lines alike, key behind key.

    bodies ─▶ one text ─▶ layout of its first line ─▶ key by key, on all lines: are its bytes there, where does its
          value end ─▶ views of the text, as Arrow has them ─▶ text columns

Whatever is unusual (an escape, a control character, something nested, a field that is left out) is left to the decoders
that make values; the records are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from services.ingest.domain.decode.body import Limits, Slices
from services.ingest.domain.decode.json_layout import LONGEST, WORD, Gap, Layout, Words, layout_of, masks
from services.ingest.domain.frames.columns import Characters, Mask

MANY = 64 * 1024
"""Bytes of bodies; fewer are read sooner by making their values."""
LINE = 64 * 1024
"""Bytes of the longest line by which others are known."""
BLOCK = 8192
"""Lines looked at together, so that what is made of them on the way is bounded."""
_Places = npt.NDArray[np.int64]
_LINE_END, _QUOTE, _COMMA, _CLOSE = b'\n",}'
_SPACE = 0x20
_BEHIND = LONGEST + 2 * WORD
"""Zeros behind a text, so that one may look beyond its end."""
_HALF_WORD = WORD // 2
_BARE = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|null")
_NULL = b"null"
_INLINE = 12
"""Bytes that a view holds itself: https://arrow.apache.org/docs/format/Columnar.html (variable-size binary view)."""
_EACH, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_ONE, _HALF, _LOW = np.uint64(1), np.uint64(32), np.uint64(0xFFFFFFFF)
_QUOTES, _COMMAS, _CLOSES = (_EACH * np.array([byte], dtype=np.uint64) for byte in (_QUOTE, _COMMA, _CLOSE))
_WHOLE = masks(WORD)
_PREFIX = _WHOLE[np.minimum(np.arange(_INLINE + 1), 4), 0]
_SUFFIX = _WHOLE[np.maximum(np.arange(_INLINE + 1) - 4, 0), 0]


class _Text(NamedTuple):
    """Bytes with zeros behind them."""

    bytes: Characters
    words: npt.NDArray[np.void]
    """The word that begins at each byte."""

    def at(self, places: _Places) -> tuple[Words, Words]:
        """The halves of the words at places."""
        found = self.words[places].view(np.uint64)
        return found[::2], found[1::2]


class _Values(NamedTuple):
    """One value of each line."""

    views: Words
    behind: _Places
    """Where what follows it begins."""
    known: Mask | None
    """Where it is not null, if it is null anywhere."""


def slices(bodies: Sequence[bytes], limits: Limits) -> dict[int, Slices]:
    """Those of bodies of one object a line, by their places, of which all lines are plain and alike."""
    if sum(map(len, bodies)) < MANY:
        return {}
    by_layout: dict[int, tuple[Layout, list[int]]] = {}
    for place, body in enumerate(bodies):
        layout = _layout(body)
        if layout is not None and len(layout.names) <= limits.columns:
            by_layout.setdefault(id(layout), (layout, []))[1].append(place)
    found: dict[int, Slices] = {}
    for layout, places in by_layout.values():
        some = _sliced([bodies[place].removesuffix(b"\n") for place in places], layout, limits)
        found.update(zip(places, some, strict=False))
    return found


def _layout(body: bytes) -> Layout | None:
    """The layout of the first line, if that of all lines could be the same."""
    if b"\\" in body or not (body.startswith(b"{") and body.endswith((b"}", b"}\n"))):
        return None
    return layout_of(body[:LINE].split(b"\n", 1)[0])


def _sliced(bodies: Sequence[bytes], layout: Layout, limits: Limits) -> Sequence[Slices]:
    sizes = np.cumsum([0, *(len(body) + 1 for body in bodies)])
    content = b"\n".join([*bodies, bytes(_BEHIND)])
    ends = _ends_of_lines(content, int(sizes[-1]))
    if ends is None:
        return ()
    begins = np.concatenate(([0], ends[:-1] + 1))
    places = np.searchsorted(begins, sizes)
    found = None if np.diff(places).max() > limits.rows else _found(_text(content), layout, begins, ends)
    if found is None:
        return ()
    views, known = found
    return [
        Slices(names=layout.names, views=views[:, first:last], known=known[:, first:last], content=content)
        for first, last in pairwise(places.tolist())
    ]


def _ends_of_lines(content: bytes, size: int) -> _Places | None:
    """Where lines end; None where they are no UTF-8, or hold control characters."""
    characters = np.frombuffer(content, np.uint8, size)
    ends = np.flatnonzero(characters < _SPACE)
    if (characters[ends] != _LINE_END).any():
        return None
    if not content.isascii():
        whole = pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([0, size])), pa.py_buffer(content))
        try:
            whole.validate(full=True)
        except pa.ArrowInvalid:
            return None
    return ends


def _text(content: bytes) -> _Text:
    characters = np.frombuffer(content, dtype=np.uint8)
    return _Text(characters, np.ndarray((len(characters) - WORD,), f"V{WORD}", characters, 0, (1,)))


def _found(text: _Text, layout: Layout, begins: _Places, ends: _Places) -> tuple[Words, Mask] | None:
    """Views of the values of lines and where they are not null, a row for each field; None for another layout."""
    views = np.empty((len(layout.names), len(begins), 2), dtype=np.uint64)
    known = np.ones(views.shape[:2], dtype=np.bool_)
    for start in range(0, len(begins), BLOCK):
        some = slice(start, start + BLOCK)
        if not _find(text, layout, (begins[some], ends[some]), (views[:, some], known[:, some])):
            return None
    return views, known


def _find(text: _Text, layout: Layout, lines: tuple[_Places, _Places], found: tuple[Words, Mask]) -> bool:
    """Writes down the values of some lines; False where one is of another layout."""
    (place, ends), (views, known) = lines, found
    for field, (gap, bare) in enumerate(zip(layout.gaps[:-1], layout.bare, strict=False)):
        is_last = field == len(layout.names) - 1
        if gap.is_text and _is_there(text, gap, place):
            values = _texts(text, place + gap.size, ends)
        elif _is_there(text, bare, place):
            values = _values(text, place + bare.size, ends, _CLOSES if is_last else _COMMAS)
        else:
            return False
        if values is None:
            return False
        views[field], place = values.views, values.behind
        if values.known is not None:
            known[field] = values.known
    return _is_there(text, layout.gaps[-1], place) and bool((place + layout.gaps[-1].size == ends).all())


def _is_there(text: _Text, gap: Gap, places: _Places) -> bool:
    """Whether the bytes of a gap stand at all places."""
    for offset, first, second in gap.words:
        found, behind = text.at(places + offset if offset else places)
        if gap.size < WORD:
            found, behind = found & gap.mask[0], behind & gap.mask[1]
        if (found != first).any() or (behind != second).any():
            return False
    return True


def _texts(text: _Text, starts: _Places, ends: _Places) -> _Values | None:
    """Texts that begin behind their quotes; None where one does not end in its line."""
    words = text.at(starts)
    lengths = _lengths(text, (starts, ends), words, _QUOTES)
    return None if lengths is None else _Values(_views(starts, lengths, words), starts + (lengths + 1), None)


def _values(text: _Text, places: _Places, ends: _Places, bare_end: Words) -> _Values | None:
    """What stands at places, with quotes or without; None where that is no plain value."""
    is_text = text.bytes.take(places) == _QUOTE
    starts, bare = places + is_text, ~is_text
    words = text.at(starts)
    lengths = _lengths(text, (starts, ends), words, np.where(is_text, _QUOTES, bare_end))
    told = None if lengths is None else _bare((words[0][bare], words[1][bare]), lengths[bare])
    if lengths is None or told is None:
        return None
    known = np.ones(len(starts), dtype=np.bool_)
    known[bare] = told
    return _Values(_views(starts, lengths, words), starts + lengths + is_text, known)


def _lengths(text: _Text, values: tuple[_Places, _Places], words: tuple[Words, Words], sought: Words) -> _Places | None:
    """Bytes from each start to a byte that is given eight times; None where it is not in the line."""
    starts, ends = values
    before = _bytes_before(words[0], sought)
    if before.max() == _HALF_WORD:
        before += (before == _HALF_WORD) * _bytes_before(words[1], sought)
    lengths = before.astype(np.int64)
    far = np.flatnonzero(before == WORD)
    if far.size:
        behind = starts[far] + WORD
        if (behind > ends[far]).any():
            return None
        more = _lengths(text, (behind, ends[far]), text.at(behind), sought[far] if sought.size > 1 else sought)
        if more is None:
            return None
        lengths[far] += more
    return lengths


def _bytes_before(words: Words, sought: Words) -> npt.NDArray[np.uint8]:
    """How many bytes of eight stand before the first that is sought."""
    zeros = words ^ sought
    hits = (zeros - _EACH) & ~zeros & _HIGH
    return (np.bitwise_count(hits - _ONE & ~hits) >> 3).astype(np.uint8, copy=False)


def _bare(words: tuple[Words, Words], lengths: _Places) -> Mask | None:
    """Where values without quotes are not null; None where one is neither a number nor a word of JSON."""
    if lengths.max(initial=0) > WORD:
        return None
    told = (np.stack(words, axis=-1) & _WHOLE[lengths]).view(f"S{WORD}")[:, 0]
    return told != _NULL if all(map(_BARE.fullmatch, set(told.tolist()))) else None


def _views(starts: _Places, lengths: _Places, words: tuple[Words, Words]) -> Words:
    first, second = words
    shortest = int(lengths.min())
    views = np.empty((len(starts), 2), dtype=np.uint64)
    counts: _Places | int = min(shortest, _INLINE) if shortest == lengths.max() else np.minimum(lengths, _INLINE)
    views[:, 0] = lengths.view(np.uint64) | (first & _PREFIX[counts]) << _HALF
    if shortest > _INLINE:
        views[:, 1] = starts.view(np.uint64) << _HALF
        return views
    inside = (first >> _HALF | second << _HALF) & _SUFFIX[counts]
    views[:, 1] = np.where(lengths <= _INLINE, inside, starts.view(np.uint64) << _HALF)
    return views


def from_slices(found: Sequence[Slices]) -> dict[str, pl.Series]:
    """Text columns of bodies that have the same names."""
    texts = {id(some.content): some.content for some in found}
    numbers = {text: number for number, text in enumerate(texts)}
    views = np.concatenate([some.views for some in found], axis=1)
    known = np.concatenate([some.known for some in found], axis=1)
    is_long = (views[..., 0] & _LOW) > _INLINE
    if len(texts) > 1:
        sizes = [some.views.shape[1] for some in found]
        views[..., 1] += is_long * np.repeat([np.uint64(numbers[id(some.content)]) for some in found], sizes)
    buffers = list(map(pa.py_buffer, texts.values()))
    return {
        name: _column(name, views[place], known[place], buffers if is_long[place].any() else ())
        for place, name in enumerate(found[0].names)
    }


def _column(name: str, views: Words, known: Mask, buffers: Iterable[pa.Buffer]) -> pl.Series:
    valid = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    array = pa.Array.from_buffers(pa.string_view(), len(known), [valid, pa.py_buffer(views), *buffers])
    return pl.Series(name, array)
