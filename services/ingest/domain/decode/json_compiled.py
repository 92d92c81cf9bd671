"""JSON read by a compiled decoder, several times faster than the exact one: the same records, or none.

It reads whole numbers as numbers, which have one text each, but for minus zero; what it refuses (NaN, halves of
surrogate pairs, endless digits, faults) is left to the exact decoder. It checks the UTF-8 of each value itself.

many records ─▶ slots for the fields of the first ─▶ slots for those of some ─▶ Rows
few records, or still one with a field that has no slot ─▶ dictionaries ─▶ Rows
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from services.ingest.domain.decode.body import Limits, Rows
from services.ingest.domain.decode.json_records import Again, check_count, from_document, from_values, names_of

FEW = 8
"""With fewer records none is worth a look of its own."""
LOOKED_AT = 9
"""Lines whose fields are looked at when some line has a field that the first has not."""
BYTES_A_SLOT = 4
"""Records with fewer bytes for each of their fields leave most of them out, and would fill memory with slots."""
_FAULTS = (ValueError, RecursionError)  # msgspec's errors are ValueErrors
_PLAIN = msgspec.json.Decoder()
_COMPILED = msgspec.json.Decoder(float_hook=str)
_LINE_END, _OPEN, _CLOSE = b"\n{}"
_MINUS_ZERO = re.compile(rb"-0(?![0-9.eE])")


def compiled_document(body: bytes, repaired: str, limits: Limits, exactly: Callable[[], Rows]) -> Rows | None:
    """One object, or an array of objects; None where anything is wrong or unusual."""
    again = _again(body, exactly)
    found = _array(body, repaired, limits, again) if body.startswith(b"[") else None
    if found is not None:
        return found
    try:
        document = _COMPILED.decode(body)
    except _FAULTS:
        return None
    return from_document(document, repaired, limits, again)


def compiled_lines(body: bytes, repaired: str, limits: Limits, exactly: Callable[[], Rows]) -> Rows | None:
    """One object a line; None where anything is wrong or unusual."""
    if b"\r" in body:
        return None
    again = _again(body, exactly)
    lines = body.split(b"\n", FEW)
    if len(lines) > FEW:
        found = _even_lines(body, repaired, limits, again)
        if found is not None:
            return found
        lines = body.split(b"\n")
    lines = list(filter(None, lines))
    check_count(len(lines), limits)
    try:
        values = list(map(_COMPILED.decode, lines))
    except _FAULTS:
        return None
    return from_values(values, repaired, limits, again)


def _again(body: bytes, exactly: Callable[[], Rows]) -> Again:
    return lambda: exactly() if _MINUS_ZERO.search(body) else None


def _array(body: bytes, repaired: str, limits: Limits, exactly: Again) -> Rows | None:
    first = body[body.find(b"{") : body.find(b"}") + 1]
    # Braces also stand in texts and in nested objects: these are as many records or more.
    slots = _slots_for((first,), int(np.count_nonzero(_bytes_of(body) == _OPEN)), body, limits)
    if slots is None:
        return None
    try:
        records = slots.array.decode(body)
    except _FAULTS:
        return None
    return slots.rows(records, repaired, exactly) if len(records) <= limits.rows else None


def _even_lines(body: bytes, repaired: str, limits: Limits, exactly: Again) -> Rows | None:
    starts = _starts_of_records(body)
    if starts is None or len(starts) > limits.rows:
        return None
    for looked_at in (body[: body.find(b"\n")],), _spread(body, starts):
        slots = _slots_for(looked_at, len(starts), body, limits)
        if slots is None:
            return None
        try:
            records = slots.lines.decode_lines(body)
        except _FAULTS:
            continue
        return slots.rows(records, repaired, exactly) if len(records) == len(starts) else None
    return None


def _starts_of_records(body: bytes) -> npt.NDArray[np.intp] | None:
    """Where lines begin if each begins and ends with a brace, else None.

    Then no record goes over the end of a line: that may not be in a text, and what is nested has a comma between the
    end of one object and the begin of the next.
    """
    if not (body.startswith(b"{") and body.endswith((b"}", b"}\n"))):
        return None
    text = _bytes_of(body)
    ends = np.flatnonzero(text[:-1] == _LINE_END)
    are_apart = (text[ends - 1] == _CLOSE).all() and (text[ends + 1] == _OPEN).all()
    return np.concatenate(([0], ends + 1)) if are_apart else None


def _spread(body: bytes, starts: npt.NDArray[np.intp]) -> Iterator[bytes]:
    """The first line, the last, and some between them."""
    ends = np.append(starts[1:], len(body))
    for place in np.linspace(0, len(starts) - 1, LOOKED_AT, dtype=np.intp).tolist():
        yield body[starts[place] : ends[place]]


def _bytes_of(body: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(body, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class _Slots:
    """How records with certain fields are read; a field that a record leaves out is null."""

    names: tuple[str, ...]
    texts: frozenset[str]
    array: msgspec.json.Decoder[list[msgspec.Struct]]
    lines: msgspec.json.Decoder[msgspec.Struct]

    def rows(self, records: list[msgspec.Struct], repaired: str, exactly: Again) -> Rows:
        return Rows(
            names=self.names,
            records=records,
            columns=_of_slots,
            lines=range(len(records)),
            texts=self.texts,
            charset_repaired=repaired,
            exactly=exactly,
        )


def _of_slots(records: Sequence[msgspec.Struct], names: tuple[str, ...]) -> Iterator[list[Any]]:
    values = list(chain.from_iterable(map(msgspec.structs.astuple, records)))
    return (values[place :: len(names)] for place in range(len(names)))


def _slots_for(some: Iterable[bytes], count: int, body: bytes, limits: Limits) -> _Slots | None:
    """Slots for the fields of some of the records, of which one is the first; None where other ways do as well."""
    if count < FEW:
        return None
    try:
        records = list(map(_PLAIN.decode, some))
    except _FAULTS:
        return None
    if set(map(type, records)) != {dict}:
        return None
    names = names_of(records)
    if not 0 < len(names) <= limits.columns or count * len(names) * BYTES_A_SLOT > len(body):
        return None
    return _slots(names, frozenset(name for name in names if _is_text(name, records)))


def _is_text(name: str, records: list[dict[str, Any]]) -> bool:
    types = {type(record.get(name)) for record in records}
    return str in types and types <= {str, type(None)}


@lru_cache(maxsize=256)
def _slots(names: tuple[str, ...], texts: frozenset[str]) -> _Slots | None:
    places = {name: f"f{place}" for place, name in enumerate(names)}
    fields = [(place, str | None if name in texts else Any, None) for name, place in places.items()]
    renamed = {place: name for name, place in places.items()}
    try:
        record = msgspec.defstruct("Record", fields, rename=renamed, gc=False, forbid_unknown_fields=True)
    except ValueError:  # a name that JSON writes with escapes
        return None
    return _Slots(
        names=names,
        texts=texts,
        array=msgspec.json.Decoder(list[record], float_hook=str),  # type: ignore[valid-type]  # made at run time
        lines=msgspec.json.Decoder(record, float_hook=str),
    )
