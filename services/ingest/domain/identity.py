"""What makes a record or a batch the same one when it comes again."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from services.ingest.domain.batch import Batch, empty
from services.ingest.domain.fields import ENRICHED

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KEY_SEPARATOR = "~"
PART_BITS = 15
LINE_CHARS = 4
MAX_LINES = len(CROCKFORD) ** LINE_CHARS
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.6fZ"


def batch_id(source: str, kind: str, told: str) -> str:
    """The ULID of a batch, the same for the same source, kind and idempotency key or body digest.

    Its last three characters are zero: they number the messages into which a large body is split.
    """
    digest = hashlib.sha256("\x1f".join((source, kind, told)).encode()).digest()
    return _ulid(int.from_bytes(digest[:16]) >> PART_BITS << PART_BITS)


def part_id(batch: str, part: int) -> str:
    """The ULID of one message of a batch; the first has the id of the batch itself."""
    if not 0 <= part < 1 << PART_BITS:
        raise ValueError("a batch has at most 32,768 parts")
    return batch[:-3] + _characters(part, 3)


def batch_of(part: str) -> str:
    """The id of the batch to which a part belongs."""
    return part[:-3] + "000"


def record_ids(batch: str, at: datetime, lines: pl.Series) -> pl.Series:
    """ULIDs that carry the time of arrival, the batch and the line: the same record of the same batch has one id."""
    milliseconds = int(at.timestamp() * 1000)
    prefix = _characters(milliseconds, 10) + hashlib.sha256(batch.encode()).hexdigest()[:12].upper()
    suffixes = _line_suffixes(1 << max(10, int(lines.to_numpy().max(initial=0)).bit_length()))
    return prefix + suffixes.gather(lines)


@cache
def _line_suffixes(size: int) -> pl.Series:
    return pl.Series("record_id", [_characters(line, LINE_CHARS) for line in range(min(size, MAX_LINES))])


def _ulid(value: int) -> str:
    return _characters(value, 26)


def _characters(value: int, width: int) -> str:
    return "".join(CROCKFORD[value >> shift & 31] for shift in range(5 * (width - 1), -1, -5))


def business_keys(batch: Batch) -> pl.Series:
    """The business key of each record as text, its parts joined by `~`; missing parts are empty."""
    parts = [_key_part(batch, name) for name in batch.kind.keys]
    columns = pl.DataFrame([part.alias(f"part{place}") for place, part in enumerate(parts)])
    key = pl.concat_str(pl.all(), separator=KEY_SEPARATOR, ignore_nulls=False)
    return columns.select(key.alias("record_key")).to_series()


def _key_part(batch: Batch, name: str) -> pl.Series:
    values = batch.get(name)
    if values is None:
        return pl.Series(name, [""]).new_from_index(0, batch.size)
    if isinstance(values.dtype, pl.Datetime):
        values = values.dt.strftime(_TIME_FORMAT)
    texts = values.cast(pl.String)
    if name in batch.kind.one_of[1:]:
        # The region of a price counts only where no shop is named: a shop that moves keeps its prices.
        first = batch.present(batch.kind.one_of[0])
        texts = pl.Series(name, [""]).new_from_index(0, batch.size).zip_with(pl.Series(first), texts)
    return texts.fill_null("") if texts.null_count() else texts


def payload_hashes(batch: Batch) -> pl.Series:
    """A digest of each record's own fields, without what the door added from master data.

    It is compared with digests made by other versions of the code, so it is a standard one over plain text: the hash
    of the column library is not stable between its versions. Empty fields at the end leave no trace, so that a field
    added to a kind does not change the digests of older records.
    """
    nothing = empty(pl.String(), batch.size)
    names = [field.name for field in batch.kind.stored if field.given or field.name not in ENRICHED]
    own = pl.DataFrame([batch.columns.get(name, nothing).alias(name) for name in names])
    text = own.write_csv(include_header=False, datetime_format=_TIME_FORMAT)
    rows = text.encode().split(b"\n")[: batch.size]
    digests = [hashlib.blake2b(row.rstrip(b","), digest_size=16).hexdigest() for row in rows]
    return pl.Series("payload_hash", digests, dtype=pl.String)


def same_as_before(*columns: pl.Series) -> npt.NDArray[np.bool_]:
    """Rows whose values in all columns occurred in an earlier row."""
    frame = pl.DataFrame([column.alias(f"c{place}") for place, column in enumerate(columns)])
    first = frame.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
    return ~first
