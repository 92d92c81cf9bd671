"""Columns and masks: what the rules are written in.

An expression costs fifty to three hundred microseconds however few the rows, a call on a column or an array a few: a
pass over a handful of records is made of the latter.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from services.ingest.domain.frames.native import (
    cast,
    first,
    listed,
    of_array,
    of_arrow,
    of_texts,
    taken,
    to_array,
    to_arrow,
)
from services.ingest.domain.frames.once import once

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.uint32]
Micros = npt.NDArray[np.int64]
Characters = npt.NDArray[np.uint8]
FEW = 16
"""Up to so many texts to look at each costs less than to ask for all at once."""
_NOTHING = np.zeros(0, dtype=np.uint8)
_FLOAT = pl.Float64()


@lru_cache(maxsize=64)
def nowhere(size: int) -> Mask:
    """No row; the array is shared and cannot be written."""
    mask = np.zeros(size, dtype=np.bool_)
    mask.flags.writeable = False
    return mask


@lru_cache(maxsize=64)
def everywhere(size: int) -> Mask:
    """Every row; the array is shared and cannot be written."""
    mask = ~nowhere(size)
    mask.flags.writeable = False
    return mask


def filled(values: pl.Series) -> Mask:
    """Where a column is not null; the array may be shared and is not to be written."""
    nulls = values.null_count()
    if nulls == 0:
        return everywhere(len(values))
    if nulls == len(values):
        return nowhere(len(values))
    mask: Mask = values.to_arrow().is_valid().to_numpy(zero_copy_only=False)
    return mask


def hits(values: pl.Series) -> Mask:
    """Where a boolean column is true; null is no hit."""
    if not values.null_count():
        mask: Mask = values.to_numpy()
        return mask
    if values.null_count() == len(values):
        return nowhere(len(values))
    told: Mask = values.to_arrow().fill_null(False).to_numpy(zero_copy_only=False)
    return told


def as_floats(values: pl.Series) -> npt.NDArray[np.float64]:
    """A numeric column as floats, NaN for null."""
    floats: npt.NDArray[np.float64] = to_array(cast(values, _FLOAT))
    return floats


def empty(dtype: pl.DataType, size: int, name: str = "") -> pl.Series:
    """A column of nulls."""
    return _one(None, dtype, name).new_from_index(0, size)


def constant(value: str | None, size: int) -> pl.Series:
    """A column with one text on all rows."""
    return of_texts([value]).new_from_index(0, size)


def word(value: str, size: int) -> pl.Series:
    """A column with one of our own words on all rows."""
    return _one(value, pl.String()).new_from_index(0, size)


@lru_cache(maxsize=4096)
def _one(value: str | None, dtype: pl.DataType, name: str = "") -> pl.Series:
    return pl.Series(name, [value], dtype=dtype)


def choose(mask: Mask, yes: pl.Series, no: pl.Series) -> pl.Series:
    """`yes` where the mask is true, else `no`."""
    return yes.zip_with(of_array(mask), no)


def spread_out(some: pl.Series, mask: Mask) -> pl.Series:
    """The values of a shorter column, one after the other, on the rows where the mask is true; null elsewhere."""
    places = of_array((np.cumsum(mask, dtype=np.int64) - 1).clip(0).astype(np.uint32))
    return taken(some, choose(mask, places, empty(pl.UInt32(), len(mask))))


def as_decimals(floats: Floats, dtype: pl.Decimal) -> pl.Series:
    """Floats as decimals, rounded; null for NaN and for what does not fit."""
    fits = np.abs(floats) < 10.0 ** ((dtype.precision or 38) - dtype.scale) - 1
    decimals = cast(of_array(np.round(np.where(fits, floats, 0.0), dtype.scale)), dtype)
    return decimals if fits.all() else choose(fits, decimals, empty(dtype, len(floats)))


class Letters:
    """The UTF-8 bytes of a text column, one value behind the other; of a few values made when somebody looks."""

    def __init__(self, values: pl.Series) -> None:
        self._values = values
        self.few: list[bytes] | None = None
        """The values one by one, where they are few."""
        if len(values) <= FEW:
            self.few = [value.encode() if value else b"" for value in listed(values)]

    @once
    def array(self) -> pa.LargeStringArray:
        """The column as Arrow has it."""
        return to_arrow(self._values)

    @once
    def whole(self) -> bytes:
        return self.data.tobytes() if self.few is None else b"".join(self.few)

    @once
    def data(self) -> Characters:
        if self.few is not None:
            return np.frombuffer(self.whole, np.uint8) if self.whole else _NOTHING
        data = self.array.buffers()[2]
        first, last = self._offsets.item(0), self._offsets.item(-1)
        return _NOTHING if data is None else np.frombuffer(data, np.uint8, last - first, first)

    @once
    def starts(self) -> npt.NDArray[np.int64]:
        """Where each value begins in `data`, and the end of the last."""
        if self.few is not None:
            return np.array([0, *accumulate(map(len, self.few))], dtype=np.int64)
        first = self._offsets.item(0)
        return self._offsets - first if first else self._offsets

    @once
    def _offsets(self) -> npt.NDArray[np.int64]:
        array = self.array
        return np.frombuffer(array.buffers()[1], np.int64, len(array) + 1, 8 * array.offset)

    @once
    def lengths(self) -> npt.NDArray[np.int64]:
        """Bytes of each value, 0 for null."""
        lengths: npt.NDArray[np.int64] = self.starts[1:] - self.starts[:-1]
        return lengths

    @once
    def longest(self) -> int:
        """Bytes of the longest value."""
        if self.few is not None:
            return max(map(len, self.few), default=0)
        return int(self.lengths.max())

    @once
    def empties(self) -> int:
        """How many values have no bytes: empty texts and nulls."""
        return int(np.count_nonzero(self.lengths == 0)) if self.few is None else self.few.count(b"")

    def have_width(self, width: int) -> bool:
        """Whether every value has so many bytes."""
        size = len(self._values)
        return self.longest == width and (size == 1 or self.data.size == width * size)


def letters(values: pl.Series) -> Letters:
    """The bytes of a text column."""
    return Letters(values)


def texts(characters: Characters) -> pl.Series:
    """A text column from a table of ASCII characters, a row for each value."""
    size, width = characters.shape
    ends = pa.py_buffer(np.arange(0, (size + 1) * width, width, dtype=np.int64))
    data = pa.py_buffer(np.ascontiguousarray(characters))
    return of_arrow(pa.LargeStringArray.from_buffers(size, ends, data))


def said_by_all(values: pl.Series) -> str | None:
    """The text that stands on every row; None where they differ, are empty, or one is missing."""
    size = len(values)
    said = first(values) if size else None
    return said if said and (size == 1 or values.equals(values.new_from_index(0, size))) else None
