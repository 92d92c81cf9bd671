"""Columns and masks: what the rules are written in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def filled(values: pl.Series) -> Mask:
    """Where a column is not null."""
    if values.null_count() == 0:
        return np.ones(len(values), dtype=np.bool_)
    return values.is_not_null().to_numpy()


def hits(values: pl.Series) -> Mask:
    """Where a boolean column is true; null is no hit."""
    if values.null_count():
        values = values.fill_null(value=False)
    mask: Mask = values.to_numpy()
    return mask


def as_floats(values: pl.Series) -> npt.NDArray[np.float64]:
    """A numeric column as floats, NaN for null."""
    floats: npt.NDArray[np.float64] = values.cast(pl.Float64).to_numpy()
    return floats


def empty(dtype: pl.DataType, size: int) -> pl.Series:
    """A column of nulls."""
    return pl.Series("", [None], dtype=dtype).new_from_index(0, size)


def constant(value: object, dtype: pl.DataType | type[pl.DataType], size: int) -> pl.Series:
    """A column with one value on all rows."""
    return pl.Series("", [value], dtype=dtype).new_from_index(0, size)


def choose(mask: Mask, yes: pl.Series, no: pl.Series) -> pl.Series:
    """`yes` where the mask is true, else `no`."""
    return yes.zip_with(pl.Series(mask), no)


def as_decimals(floats: Floats, dtype: pl.Decimal) -> pl.Series:
    """Floats as decimals, rounded; null for NaN and for what does not fit."""
    with np.errstate(invalid="ignore"):
        fits = np.abs(floats) < 10.0 ** ((dtype.precision or 38) - dtype.scale) - 1
    decimals = pl.Series("", np.round(np.where(fits, floats, 0.0), dtype.scale)).cast(dtype)
    return decimals if fits.all() else choose(fits, decimals, empty(dtype, len(floats)))
