"""DQ-02: text becomes typed values; what people do to numbers is undone, what cannot be read is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import Floats, Mask, choose, empty, filled, hits, said_by_all
from services.ingest.domain.frames.native import cast, to_array
from services.ingest.domain.schemas.fields import MEASURE, MONEY, Field, FieldType
from services.ingest.domain.values import text
from services.ingest.domain.values.lists import list_text
from services.ingest.domain.values.times import monday, parse_days
from services.ingest.domain.values.units import unit_code

MAX_CODE_BYTES = 256
MAX_TEXT_BYTES = 8_000
MAX_WHOLE = 2**53
_FLOAT = pl.Float64()
NESTED = "\x01"
"""First character of a value that was a JSON array or object."""
FLAGS = {
    **dict.fromkeys(("true", "True", "TRUE", "1", "y", "Y", "yes", "是", "有"), True),
    **dict.fromkeys(("false", "False", "FALSE", "0", "n", "N", "no", "否", "无"), False),
}
THOUSANDS = r"^-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"
WEEK = r"^([0-9]{4})(?:-?[Ww]|年第?)([0-9]{1,2})周?$"
MONEY_WORDS = r"[元圆￥¥$€£\s]|CNY|RMB"


def check(batch: Batch) -> None:
    for field in batch.kind.given:
        values = batch.get(field.name)
        reader = None if values is None else READERS.get(field.type)
        if values is not None and reader is not None:
            batch.put(field.name, reader(batch, field, values))
    for field in batch.kind.defaulted:
        _default(batch, field)


def _default(batch: Batch, field: Field) -> None:
    values = batch.get(field.name)
    if values is None:
        batch.put(field.name, _defaults(field, batch.size))
    elif values.null_count():
        batch.put(field.name, choose(filled(values), values, _defaults(field, batch.size)))


def _defaults(field: Field, size: int) -> pl.Series:
    return _one_default(field.name, field.default, field.polars_type).new_from_index(0, size)


@lru_cache(maxsize=256)
def _one_default(name: str, default: str | int | bool | None, dtype: pl.DataType) -> pl.Series:
    return pl.Series(name, [default]).cast(dtype)


def _read_code(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    return _read_text(batch, field, values, widths=True, limit=MAX_CODE_BYTES)


def _read_words(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    return _read_text(batch, field, values, widths=False, limit=MAX_TEXT_BYTES)


def _read_text(batch: Batch, field: Field, values: pl.Series, *, widths: bool, limit: int) -> pl.Series:
    shape = batch.shape(field.name)
    if shape.longest > limit:
        _refuse(batch, field, shape.lengths > limit, f"at most {limit} bytes")
    if shape.is_plain or not (widths or shape.may_need_tidying):
        return values
    nested = _true(values.str.starts_with(NESTED))
    _refuse(batch, field, nested, "a text was expected, not a list or an object")
    tidied = text.tidy(values, widths=widths)
    changed = _true(tidied != values) & ~nested
    batch.mend("DQ-02", field.name, changed, values, "blanks, control characters or full-width forms were removed")
    return tidied


def _read_number(batch: Batch, field: Field, values: pl.Series, dtype: pl.DataType) -> pl.Series:
    parsed = cast(values, dtype, strict=False)
    if parsed.null_count() == values.null_count():
        return parsed
    cleaned = _undecorated(values)
    again = cast(cleaned, dtype, strict=False)
    if dtype == pl.Int64():
        again = _first_of(again, _whole(cleaned))
    mended = ~filled(parsed) & filled(again)
    batch.mend("DQ-02", field.name, mended, values, "separators, units of money or full-width digits were removed")
    _refuse(batch, field, filled(cleaned) & ~filled(again), f"{field.name} must be a number")
    return again


def _undecorated(values: pl.Series) -> pl.Series:
    tidied = text.tidy(values, widths=True)
    column = pl.col(tidied.name).str.replace_all(MONEY_WORDS, "")
    plain = pl.when(column.str.contains(THOUSANDS)).then(column.str.replace_all(",", "")).otherwise(column)
    return tidied.to_frame().select(plain).to_series()


def _whole(values: pl.Series) -> pl.Series:
    floats = values.cast(pl.Float64, strict=False)
    whole = floats.is_not_null() & (floats == floats.floor()) & (floats.abs() < MAX_WHOLE)
    return values.to_frame().select(pl.when(whole).then(floats)).to_series().cast(pl.Int64, strict=False)


def _first_of(found: pl.Series, more: pl.Series) -> pl.Series:
    return choose(filled(found), found, more)


def _read_integer(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    return _bounded(batch, field, _read_number(batch, field, values, pl.Int64()))


def _read_float(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    parsed = _read_number(batch, field, values, pl.Float64())
    _refuse(batch, field, filled(parsed) & ~np.isfinite(parsed.to_numpy()), f"{field.name} must be a finite number")
    return _bounded(batch, field, parsed)


def _read_quantity(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    parsed = _read_float(batch, field, values)
    _refuse(batch, field, np.abs(_numbers(batch, field, parsed)) >= MAX_WHOLE, f"{field.name} is too large")
    return parsed


def _read_decimal(dtype: pl.Decimal) -> Callable[[Batch, Field, pl.Series], pl.Series]:
    def read(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
        parsed = _read_number(batch, field, values, dtype)
        exact, kept = to_array(cast(values, _FLOAT, strict=False)), _numbers(batch, field, parsed)
        if exact.tobytes() != kept.tobytes():
            rounded = np.abs(exact - kept) > 1e-9 * np.maximum(1.0, np.abs(kept))
            batch.mend("DQ-02", field.name, rounded, values, f"rounded to {dtype.scale} decimals")
        return _bounded(batch, field, parsed)

    return read


def _bounded(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    if field.minimum is None and field.maximum is None:
        return values
    numbers = _numbers(batch, field, values)
    low = -np.inf if field.minimum is None else field.minimum
    high = np.inf if field.maximum is None else field.maximum
    outside = (numbers < low) | (numbers > high)
    if np.count_nonzero(outside):
        _refuse(batch, field, outside, f"{field.name} must lie between {low:g} and {high:g}")
    return values


def _numbers(batch: Batch, field: Field, values: pl.Series) -> Floats:
    """The values as floats, which later rules need, too."""
    batch.put(field.name, values)
    numbers = batch.numbers(field.name)
    assert numbers is not None  # noqa: S101  # it was put there
    return numbers


def _read_flag(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    flags = pl.Series(field.name, list(map(FLAGS.get, values.to_list())), dtype=pl.Boolean)
    if flags.null_count() > values.null_count():
        tidied = text.tidy(values, widths=True)
        flags = pl.Series(field.name, list(map(FLAGS.get, tidied.to_list())), dtype=pl.Boolean)
        _refuse(batch, field, filled(tidied) & ~filled(flags), f"{field.name} must be true or false")
    return flags


def _read_choice(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    allowed = {*field.values, None}
    if set(values.to_list()) <= allowed:
        return values
    tidied = _read_code(batch, field, values)
    unknown = np.array([value not in allowed for value in tidied.to_list()], dtype=np.bool_)
    _refuse(batch, field, unknown, f"{field.name} must be one of {', '.join(field.values)}")
    return tidied


def _read_list(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    values = _left_blank(values)
    is_whole = field.items is FieldType.INTEGER
    words = {word for word in values.to_list() if word is not None}
    read = {word: list_text(word, integers=is_whole, minimum=field.minimum, most=field.maximum) for word in words}
    lists = pl.Series(field.name, [read.get(word) for word in values.to_list()], dtype=pl.String)
    what = "whole numbers" if is_whole else "codes"
    most = "" if field.maximum is None else f", at most {field.maximum:g}"
    message = f"{field.name} must be a list of {what}{most}: a JSON array, or text with | between the items"
    _refuse(batch, field, filled(values) & ~filled(lists), message)
    return lists


def _left_blank(values: pl.Series) -> pl.Series:
    stripped = pl.col(values.name).str.strip_chars()
    return values.to_frame().select(pl.when(stripped != "").then(stripped)).to_series()


def _read_week(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    tidied = text.tidy(values, widths=True)
    parts = [pl.col(tidied.name).str.extract(WEEK, group) for group in (1, 2)]
    written = tidied.to_frame().select(pl.format("{}-W{}", parts[0], parts[1].str.zfill(2))).to_series()
    weeks = choose(filled(monday(written)), written, empty(pl.String(), len(written)))
    batch.mend("DQ-02", field.name, _true(weeks != values), values, "the week was written as 2025-W03")
    _refuse(batch, field, filled(tidied) & ~filled(weeks), f"{field.name} must be an ISO week such as 2025-W03")
    return weeks.alias(field.name)


def _read_unit(_batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    said = said_by_all(values)
    if said is not None and unit_code(said.strip()) == said:
        return values
    words = {word: unit_code(word.strip()) or None for word in set(values.to_list()) if word is not None}
    return pl.Series(field.name, [words.get(word) for word in values.to_list()], dtype=pl.String)


def _read_date(batch: Batch, field: Field, values: pl.Series) -> pl.Series:
    format = batch.door.time_formats.get(field.name, "")  # the word of the mapping
    days = parse_days(values, format)
    if days.null_count() == values.null_count():
        return days
    tidied = text.tidy(values, widths=True)
    again = parse_days(tidied, format)
    batch.mend("DQ-02", field.name, filled(again) & ~filled(days), values, "blanks or full-width forms were removed")
    _refuse(batch, field, filled(tidied) & ~filled(again), f"{field.name} must be a date such as 2025-03-15")
    return again


def _refuse(batch: Batch, field: Field, mask: Mask, message: str) -> None:
    batch.find("DQ-02", Severity.REJECT, field.name, mask, message)


def _true(values: pl.Series) -> Mask:
    return hits(values)


READERS: dict[FieldType, Callable[[Batch, Field, pl.Series], pl.Series]] = {
    FieldType.CODE: _read_code,
    FieldType.TEXT: _read_words,
    FieldType.INTEGER: _read_integer,
    FieldType.NUMBER: _read_float,
    FieldType.MONEY: _read_decimal(MONEY),
    FieldType.MEASURE: _read_decimal(MEASURE),
    FieldType.QUANTITY: _read_quantity,
    FieldType.DATE: _read_date,
    FieldType.FLAG: _read_flag,
    FieldType.CHOICE: _read_choice,
    FieldType.UNIT: _read_unit,
    FieldType.LIST: _read_list,
    FieldType.WEEK: _read_week,
}

RULE = Rule(
    id="DQ-02",
    severity=Severity.REJECT,
    order=10,
    doc="Values have the type of their field; full-width digits, separators, money words and blanks are removed.",
    check=check,
)
