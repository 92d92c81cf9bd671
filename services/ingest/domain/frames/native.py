"""Columns and frames made without the questions that the column library asks of every argument.

Its constructors try a dozen kinds of things before they make anything, which costs more than the handful of records
that most passes have. These are the same native constructors, without the trying; a test holds them to what the public
ones make. Nothing else knows what lies beneath the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from polars._plr import PyDataFrame, PySeries
from polars.lazyframe.opt_flags import QueryOptFlags

_OF_ARRAYS: dict[np.dtype[Any], Callable[..., PySeries]] = {
    np.dtype(np.bool_): PySeries.new_bool,
    np.dtype(np.int32): PySeries.new_i32,
    np.dtype(np.int64): PySeries.new_i64,
    np.dtype(np.uint32): PySeries.new_u32,
    np.dtype(np.float64): PySeries.new_f64,
}
_column, _frame = pl.Series._from_pyseries, pl.DataFrame._from_pydf
_TEXT, _WHOLE = pl.String(), pl.Int64()
_AS_IT_IS = QueryOptFlags.none()._pyoptflags
_SAY_ALL = frozenset((pl.Boolean, pl.String, pl.Date, pl.Int8, pl.Int64, pl.UInt32, pl.UInt64, pl.Float64))
"""Types of which there is one each; of others, such as decimals, there are several that compare by their parts."""


def of_array(values: npt.NDArray[Any], name: str = "") -> pl.Series:
    """A column of the values of an array: truths, whole numbers or floats. The array must not change any more."""
    return _column(_OF_ARRAYS[values.dtype](name, np.ascontiguousarray(values), False))


def to_array(values: pl.Series) -> npt.NDArray[Any]:
    """The values of a column of numbers, days or times as an array that is not to be written, NaN or NaT for null."""
    array: npt.NDArray[Any] = values._s.to_numpy(False, True)
    return array


def to_arrow(values: pl.Series) -> pa.Array:
    """The values of a column as Arrow has them, texts as large strings."""
    return values._s.to_arrow(False)


def of_arrow(values: pa.Array, name: str = "") -> pl.Series:
    """A column of the values of an Arrow array."""
    return _column(PySeries.from_arrow(name, values))


def of_texts(values: Sequence[str | None], name: str = "") -> pl.Series:
    """A text column."""
    return _column(PySeries.new_str(name, values, True))


def of_places(values: list[int | None]) -> pl.Series:
    """Numbers of rows, to be taken from another column; null takes nothing."""
    return _column(PySeries.new_opt_u32("", values, True))


def places_of(mask: npt.NDArray[np.bool_]) -> pl.Series:
    """The numbers of the rows on which a mask is true."""
    return of_array(mask.nonzero()[0].astype(np.uint32))


def taken(values: pl.Series, places: pl.Series) -> pl.Series:
    """The values on these rows, null where no row is named."""
    return _column(values._s.gather_with_series(places._s))


def cast(values: pl.Series, dtype: pl.DataType, *, strict: bool = True) -> pl.Series:
    """A column in another type; without `strict` what cannot be is null."""
    series, kind = values._s, dtype.__class__
    known = series.dtype()
    if known.__class__ is kind and (kind in _SAY_ALL or known == dtype):
        return values
    return _column(series.cast(dtype, strict, False))


def named(values: pl.Series, name: str) -> pl.Series:
    """The column under a name."""
    series = values._s
    return values if series.name() == name else _column(_renamed(series, name))


def piece(values: pl.Series, start: int, size: int, name: str) -> pl.Series:
    """Some rows of a column, under another name."""
    series = values._s.slice(start, size)
    series.rename(name)
    return _column(series)


def listed(values: pl.Series) -> list[Any]:
    """The values of a column."""
    several: list[Any] = values._s.to_list()
    return several


def listed_texts(values: pl.Series) -> list[str | None]:
    """The values of a column as its cast to text says them; times as microseconds since 1970."""
    series = values._s
    kind = series.dtype().__class__
    if kind is pl.Datetime:
        series = series.cast(_WHOLE, True, False)
    several: list[str | None] = (series if kind is pl.String else series.cast(_TEXT, True, False)).to_list()
    return several


def evaluated(frame: pl.DataFrame, expression: pl.Expr) -> pl.Series:
    """The column that an expression makes of those of a frame."""
    query = frame._df.lazy().select_seq([expression._pyexpr]).with_optimizations(_AS_IT_IS)
    return _column(query.collect("in-memory", None).to_series(0))


def first(values: pl.Series) -> Any:
    """The first value of a column that has one."""
    return values._s.get_index(0)


def rows_of(frame: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    """These rows of a frame, nulls where no row is named; all at once would wait for other threads."""
    return _frame(PyDataFrame([values.gather_with_series(places._s) for values in frame._df.get_columns()]))


def framed(columns: Mapping[str, pl.Series], nulls: Mapping[str, pl.Series], size: int) -> pl.DataFrame:
    """The columns that are named like these single nulls, in their order; those that are absent are null."""
    made = []
    for name, null in nulls.items():
        values = columns.get(name)
        if values is None:
            made.append(null._s if size == 1 else null._s.new_from_index(0, size))
        else:
            series = values._s
            made.append(series if series.name() == name else _renamed(series, name))
    return _frame(PyDataFrame(made))


def typed(frame: pl.DataFrame, dtypes: Iterable[pl.DataType]) -> pl.DataFrame:
    """A frame with these types of columns, in their order; all are asked for theirs at once, and few need another."""
    wrong = [
        (place, wanted)
        for place, (given, wanted) in enumerate(zip(frame._df.dtypes(), dtypes, strict=True))
        if given.__class__ is not wanted.__class__ or (given.__class__ not in _SAY_ALL and given != wanted)
    ]
    if not wrong:
        return frame
    columns = frame._df.get_columns()
    for place, wanted in wrong:
        columns[place] = columns[place].cast(wanted, True, False)
    return _frame(PyDataFrame(columns))


def _renamed(series: PySeries, name: str) -> PySeries:
    other = series.clone()
    other.rename(name)
    return other
