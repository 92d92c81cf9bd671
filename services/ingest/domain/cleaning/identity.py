"""What makes a record or a batch the same one when it comes again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from services.ingest.domain.cleaning.batch import Batch, Bodies
from services.ingest.domain.frames.columns import FEW, Micros, choose, texts, word
from services.ingest.domain.frames.digests import digests
from services.ingest.domain.frames.native import cast, listed, listed_texts, of_arrow, of_texts, to_arrow

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KEY_SEPARATOR = "~"
PART_BITS = 15
TIME_CHARS, NAME_CHARS, LINE_CHARS = 10, 12, 4
_LINES = 32**LINE_CHARS - 1
_TIME_SHIFTS = np.arange(5 * (TIME_CHARS - 2), -1, -10)
_TWO = np.frombuffer("".join([first + second for first in CROCKFORD for second in CROCKFORD]).encode(), dtype=np.uint16)
"""Two characters at once, by the ten bits that they stand for."""
_DIGITS = CROCKFORD.encode().ljust(256)
_SPREADS = tuple(
    (sum((1 << 5 * half) - 1 << 16 * half * slot + 5 * half for slot in range(16 // half)), (1 << 3 * half) - 1)
    for half in (16, 8, 4, 2, 1)
)
"""What moves 32 digits of 5 bits to 32 bytes: the upper half of them, then that of each half, and so on."""
_KEY_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"
_SEPARATOR = "\x1f"
_NOWHERE = pa.scalar("", pa.large_string())
_TEXT, _WHOLE = pl.String(), pl.Int64()


def batch_id(source: str, kind: str, told: str) -> str:
    """The ULID of a batch, the same for the same source, kind and idempotency key or body digest.

    Its last three characters are zero: they number the messages into which a large body is split.
    """
    digest = hashlib.sha256("\x1f".join((source, kind, told)).encode()).digest()
    return _characters(int.from_bytes(digest[:16]) >> PART_BITS << PART_BITS, 26)


def part_id(batch: str, part: int) -> str:
    """The ULID of one message of a batch; the first has the id of the batch itself."""
    if not 0 <= part < 1 << PART_BITS:
        raise ValueError("a batch has at most 32,768 parts")
    return batch[:-3] + _characters(part, 3)


def batch_of(part: str) -> str:
    """The id of the batch to which a part belongs."""
    return part[:-3] + "000"


def record_ids(batches: Sequence[str], micros: Micros, lines: pl.Series, bodies: Bodies) -> pl.Series:
    """ULIDs that carry the time of arrival, the batch and the line: the same record of the same batch has one id.

    `micros` are the times of the bodies, in microseconds since 1970.
    """
    milliseconds = (micros / 1e6 * 1000).astype(np.int64)
    names = [hashlib.sha256(batch.encode()).hexdigest()[:NAME_CHARS].upper() for batch in batches]
    if len(lines) <= FEW:
        times = [_characters(each, TIME_CHARS) for each in milliseconds.tolist()]
        owners = [time + name for time, name, size in zip(times, names, bodies.sizes, strict=True) for _ in range(size)]
        ends = [_characters(line & _LINES, LINE_CHARS) for line in listed(lines)]
        return of_texts(list(map(str.__add__, owners, ends)))
    own = np.concatenate((_TWO[milliseconds[:, None] >> _TIME_SHIFTS & 1023], _twos(names)), axis=1)
    # The lines of one body follow each other, but those of a part of a file begin anywhere.
    places = lines.to_numpy()
    table = np.empty((bodies.starts[-1], (TIME_CHARS + NAME_CHARS + LINE_CHARS) // 2), dtype=np.uint16)
    table[:, :-2] = own[bodies.numbers]
    table[:, -2] = _TWO[places >> 10 & 1023]
    table[:, -1] = _TWO[places & 1023]
    return texts(table.view(np.uint8))


def _twos(names: Sequence[str]) -> npt.NDArray[np.uint16]:
    """Names of one length, two characters at once."""
    return np.frombuffer("".join(names).encode(), np.uint16).reshape(len(names), -1)


def record_id(name: str, at_ms: int) -> str:
    """The ULID of a record that is known by a name of its own: the same name and time give the same id."""
    return _characters(at_ms, TIME_CHARS) + hashlib.sha256(name.encode()).hexdigest()[:16].upper()


def _characters(value: int, width: int) -> str:
    for upper, further in _SPREADS:
        value += (value & upper) * further
    return value.to_bytes(width).translate(_DIGITS).decode()


def identify(batch: Batch) -> None:
    """Puts `record_key`, the business key as text, its parts joined by `~`, and `payload_hash` beside the records.

    The digest covers each record's own fields, without what the door added from master data. It is compared with
    digests made by other versions of the code, so it is a standard one over plain text, and begins with the mark of
    its form: the hash of the column library is not stable between its versions. Empty fields at the end leave no
    trace, so that a field added to a kind does not change the digests of older records.
    """
    batch.put("record_key", _joined(batch, {name: _key_part(batch, name) for name in batch.kind.keys}, KEY_SEPARATOR))
    parts = {name: batch.columns.get(name) for name in batch.kind.own}
    payloads = _joined(batch, parts, _SEPARATOR, is_trimmed=True)
    if batch.deleting is not None:
        payloads = choose(batch.deleting, payloads + f"{_SEPARATOR}delete", payloads)
    batch.put("payload_hash", digests(payloads))


def _joined(
    batch: Batch, parts: Mapping[str, pl.Series | None], separator: str, *, is_trimmed: bool = False
) -> pl.Series:
    """All parts as texts, record by record; a missing one is empty, and trimmed away where it is at the end."""
    if batch.size <= FEW:
        columns = [[""] * batch.size if part is None else listed_texts(part) for part in parts.values()]
        rows = [separator.join([text or "" for text in row]) for row in zip(*columns, strict=True)]
        return of_texts([row.rstrip(separator) for row in rows] if is_trimmed else rows)
    given = [_array(batch, name, part) for name, part in parts.items()]
    if given[0] is _NOWHERE:
        given[0] = to_arrow(word("", batch.size))
    joined = pc.binary_join_element_wise(
        *given, pa.scalar(separator, pa.large_string()), null_handling="replace", null_replacement=""
    )
    return of_arrow(pc.utf8_rtrim(joined, separator) if is_trimmed else joined)


def _array(batch: Batch, name: str, part: pl.Series | None) -> pa.Array | pa.Scalar:
    if part is None or part.null_count() == batch.size:
        return _NOWHERE
    told = _text(part)
    return batch.array(name) if told is batch.columns.get(name) else to_arrow(told)


def _text(values: pl.Series) -> pl.Series:
    return cast(cast(values, _WHOLE) if isinstance(values.dtype, pl.Datetime) else values, _TEXT)


def _key_part(batch: Batch, name: str) -> pl.Series | None:
    values = batch.get(name)
    if values is None:
        return None
    parts = values.dt.strftime(_KEY_TIME) if isinstance(values.dtype, pl.Datetime) else values
    if name in batch.kind.one_of[1:]:
        # The region of a price counts only where no shop is named: a shop that moves keeps its prices.
        return choose(batch.present(batch.kind.one_of[0]), word("", batch.size), _text(parts))
    return parts


def same_as_before(*columns: pl.Series) -> npt.NDArray[np.bool_]:
    """Rows whose values in all columns occurred in an earlier row."""
    frame = pl.DataFrame([column.alias(f"c{place}") for place, column in enumerate(columns)])
    first = frame.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
    return ~first
