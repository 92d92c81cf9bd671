"""What makes a record or a batch the same one when it comes again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from services.ingest.domain.batch import Batch, Bodies
from services.ingest.domain.columns import choose
from services.ingest.domain.fields import ENRICHED

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KEY_SEPARATOR = "~"
PART_BITS = 15
LINE_CHARS = 4
MAX_LINES = len(CROCKFORD) ** LINE_CHARS
_KEY_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"
_SEPARATOR = "\x1f"


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


def record_ids(batches: Sequence[str], times: Sequence[datetime], lines: pl.Series, bodies: Bodies) -> pl.Series:
    """ULIDs that carry the time of arrival, the batch and the line: the same record of the same batch has one id."""
    prefixes = bodies.of_rows(map(_record_prefix, batches, times))
    # The lines of one body follow each other, but those of a part of a file begin anywhere.
    lines = lines % MAX_LINES
    size = 1 << max(10, int(lines.to_numpy().max(initial=0)).bit_length())
    suffixes = map(_line_suffixes(size).__getitem__, lines.to_list())
    return pl.Series("record_id", list(map(str.__add__, prefixes, suffixes)), dtype=pl.String)


def _record_prefix(batch: str, at: datetime) -> str:
    milliseconds = int(at.timestamp() * 1000)
    return _characters(milliseconds, 10) + hashlib.sha256(batch.encode()).hexdigest()[:12].upper()


def record_id(name: str, at_ms: int) -> str:
    """The ULID of a record that is known by a name of its own: the same name and time give the same id."""
    return _characters(at_ms, 10) + hashlib.sha256(name.encode()).hexdigest()[:16].upper()


@cache
def _line_suffixes(size: int) -> tuple[str, ...]:
    return tuple(_characters(line, LINE_CHARS) for line in range(min(size, MAX_LINES)))


def _characters(value: int, width: int) -> str:
    return "".join(CROCKFORD[value >> shift & 31] for shift in range(5 * (width - 1), -1, -5))


def identify(batch: Batch) -> None:
    """Puts `record_key`, the business key as text, its parts joined by `~`, and `payload_hash` beside the records.

    The digest covers each record's own fields, without what the door added from master data. It is compared with
    digests made by other versions of the code, so it is a standard one over plain text: the hash of the column library
    is not stable between its versions. Empty fields at the end leave no trace, so that a field added to a kind does
    not change the digests of older records.
    """
    keys = [_key_part(batch, name).alias(f"key{place}") for place, name in enumerate(batch.kind.keys)]
    own = [field.name for field in batch.kind.stored if field.given or field.name not in ENRICHED]
    parts = [_text(batch.columns[name]) if name in batch.columns else None for name in own]
    payload = [None if part is None else part.alias(f"own{place}") for place, part in enumerate(parts)]
    texts = pl.DataFrame([*keys, *(part for part in payload if part is not None)])
    found = texts.select(
        pl.concat_str([pl.col(key.name) for key in keys], separator=KEY_SEPARATOR).alias("record_key"),
        pl.concat_str([_or_nothing(part) for part in payload], separator=_SEPARATOR)
        .str.strip_chars_end(_SEPARATOR)
        .alias("payload"),
    )
    batch.put("record_key", found.get_column("record_key"))
    payloads = found.get_column("payload")
    if batch.deleting is not None:
        payloads = choose(batch.deleting, payloads + f"{_SEPARATOR}delete", payloads)
    batch.put("payload_hash", _digests(payloads.to_list()))


def _digests(texts: list[str]) -> pl.Series:
    digest = hashlib.blake2b
    digests = [digest(text.encode(), digest_size=16).hexdigest() for text in texts]
    return pl.Series("payload_hash", digests, dtype=pl.String)


def _or_nothing(part: pl.Series | None) -> pl.Expr:
    if part is None or part.null_count() == len(part):
        return pl.lit("")
    return pl.col(part.name).fill_null("") if part.null_count() else pl.col(part.name)


def _text(values: pl.Series) -> pl.Series:
    if isinstance(values.dtype, pl.Datetime):
        return values.to_physical().cast(pl.String)
    return values if values.dtype == pl.String else values.cast(pl.String)


def _key_part(batch: Batch, name: str) -> pl.Series:
    values = batch.get(name)
    if values is None:
        return _nothing(batch)
    texts = values.dt.strftime(_KEY_TIME) if isinstance(values.dtype, pl.Datetime) else _text(values)
    if name in batch.kind.one_of[1:]:
        # The region of a price counts only where no shop is named: a shop that moves keeps its prices.
        texts = choose(batch.present(batch.kind.one_of[0]), _nothing(batch), texts)
    return texts.fill_null("") if texts.null_count() else texts


def _nothing(batch: Batch) -> pl.Series:
    return pl.Series("nothing", [""]).new_from_index(0, batch.size)


def same_as_before(*columns: pl.Series) -> npt.NDArray[np.bool_]:
    """Rows whose values in all columns occurred in an earlier row."""
    frame = pl.DataFrame([column.alias(f"c{place}") for place, column in enumerate(columns)])
    first = frame.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
    return ~first
