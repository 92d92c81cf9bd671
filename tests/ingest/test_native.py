"""Columns made beneath the wrappers of the library are those that the public constructors make."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

from services.ingest.domain.frames.native import (
    cast,
    first,
    framed,
    named,
    of_array,
    of_arrow,
    of_places,
    of_texts,
    piece,
    places_of,
    rows_of,
    taken,
    to_array,
    to_arrow,
)


@pytest.mark.parametrize("dtype", [np.bool_, np.int32, np.int64, np.uint32, np.float64])
@pytest.mark.parametrize("values", [[], [0, 1, 7], [2, 0]])
def test_a_column_of_an_array_is_that_of_the_public_constructor(dtype: npt.DTypeLike, values: list[int]):
    array = np.array(values, dtype=dtype)

    assert_series_equal(of_array(array, "a"), pl.Series("a", array))


def test_a_number_that_is_none_stays_what_it_is():
    assert of_array(np.array([1.5, np.nan])).null_count() == 0


def test_every_second_value_of_an_array_makes_a_column():
    assert of_array(np.arange(6)[::2]).to_list() == [0, 2, 4]


def test_an_array_of_another_type_is_refused():
    with pytest.raises(KeyError):
        of_array(np.array(["a"]))


def test_a_column_of_texts_keeps_what_is_missing():
    assert_series_equal(of_texts(["黄山", None, ""], "a"), pl.Series("a", ["黄山", None, ""], dtype=pl.String))


def test_a_column_of_an_arrow_array_is_that_of_the_public_constructor():
    array = pa.array(["黄山", None], pa.large_string())

    assert_series_equal(of_arrow(array, "a"), pl.Series("a", array))


@pytest.mark.parametrize("dtype", [pl.Int64(), pl.Float64(), pl.Decimal(14, 2), pl.String(), pl.Datetime("us", "UTC")])
@pytest.mark.parametrize(
    "values", [pl.Series("a", [1, None]), pl.Series("a", [1.0]), pl.Series("a", [7], dtype=pl.Int32)]
)
def test_a_column_is_cast_as_the_public_way_does(values: pl.Series, dtype: pl.DataType):
    assert_series_equal(cast(values, dtype, strict=False), values.cast(dtype, strict=False))


def test_a_column_of_the_type_stays_the_same_one():
    values = pl.Series([1])

    assert cast(values, pl.Int64()) is values
    assert cast(cast(values, pl.Decimal(14, 2)), pl.Decimal(14, 3)).dtype == pl.Decimal(14, 3)


def test_a_column_of_another_zone_or_unit_is_cast():
    times = pl.Series("a", [1], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))

    assert cast(times, pl.Datetime("us", "UTC")) is times
    assert cast(times, pl.Datetime("ms", "UTC")).dtype == pl.Datetime("ms", "UTC")


def test_a_column_gets_another_name_and_the_one_that_it_had_stays():
    values = pl.Series("a", ["黄山", None])

    assert named(values, "a") is values
    assert_series_equal(named(values, "b"), values.alias("b"))
    assert values.name == "a"


def test_a_piece_of_a_column_has_its_rows_and_a_name_of_its_own():
    values = pl.Series("a", ["黄山", None, "x"])

    assert_series_equal(piece(values, 1, 2, "b"), values.slice(1, 2).alias("b"))
    assert values.name == "a"
    assert first(values) == "黄山"


def test_a_strict_cast_of_what_cannot_be_fails():
    with pytest.raises(pl.exceptions.InvalidOperationError):
        cast(pl.Series(["x"]), pl.Int64())


@pytest.mark.parametrize(
    "values",
    [pl.Series([1, None]), pl.Series([1.5, None]), pl.Series([1, 2]), pl.Series([date(2025, 3, 15), None])],
)
def test_the_array_of_a_column_is_what_the_public_way_gives(values: pl.Series):
    np.testing.assert_array_equal(to_array(values), values.to_numpy())


def test_the_arrow_array_of_a_column_is_what_the_public_way_gives():
    values = pl.Series(["黄山", None])

    assert to_arrow(values).equals(values.to_arrow())
    assert to_arrow(values).type == pa.large_string()


def test_what_no_row_is_named_for_is_null():
    frame = pl.DataFrame({"a": ["x", "y"], "b": [1, 2]})

    assert taken(frame["a"], of_places([1, None, 1])).to_list() == ["y", None, "y"]
    assert rows_of(frame, of_places([None, 0])).rows() == [(None, None), ("x", 1)]


def test_a_mask_names_the_rows_on_which_it_is_true():
    assert_series_equal(places_of(np.array([True, False, True])), pl.Series([0, 2], dtype=pl.UInt32))


def test_a_row_that_does_not_exist_is_not_taken():
    with pytest.raises(pl.exceptions.OutOfBoundsError):
        taken(pl.Series(["x"]), of_places([1]))


def test_a_frame_has_the_columns_of_its_nulls_in_their_order():
    types = {"a": pl.String, "b": pl.Date, "c": pl.Int64}
    nulls = {name: pl.Series(name, [None], dtype=dtype) for name, dtype in types.items()}
    numbers = pl.Series("other", [1, 2])

    frame = framed({"c": numbers, "unknown": numbers, "a": pl.Series("a", ["x", "y"])}, nulls, 2)

    days = pl.Series("b", [None, None], dtype=pl.Date)
    assert_frame_equal(frame, pl.DataFrame([pl.Series("a", ["x", "y"]), days, pl.Series("c", [1, 2])]))
    assert numbers.name == "other"


def test_columns_of_different_lengths_make_no_frame():
    nulls = {name: pl.Series(name, [None], dtype=pl.Int64) for name in ("a", "b")}

    with pytest.raises(pl.exceptions.ShapeError):
        framed({"a": pl.Series([1, 2]), "b": pl.Series([1])}, nulls, 2)
