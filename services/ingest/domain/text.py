"""Text as it comes and as it may be kept: normalising, and masking what names or calls a person (DQ-02, DQ-33)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

# Digits half and full width; up to one separator between any two, as people write numbers.
_GAP = r"[\s\-\.·－]?"
_DIGIT = r"[0-9０-９]"
PHONE = rf"[1１]{_GAP}[3-9３-９](?:{_GAP}{_DIGIT}){{9}}"
# GB 11643: region, birth date, sequence, check character.
ID_NUMBER = rf"[1-9１-９]{_DIGIT}{{5}}(?:19|20|１９|２０){_DIGIT}{{9}}[0-9０-９XxＸｘ]"
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛"
    "闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤"
)
NAME_BEFORE = rf"[{_SURNAMES}][\u4e00-\u9fa5]{{0,2}}?(先生|女士)"
NAME_AFTER = rf"(先生|女士)([:：\s]*)[{_SURNAMES}][\u4e00-\u9fa5]{{1,2}}"
PERSONAL = rf"{PHONE}|{ID_NUMBER}|先生|女士"

# In codes a number is a phone only when it stands alone: longer runs are order numbers and barcodes.
_EDGE = r"(^|[^0-9A-Za-z])"
_END = r"($|[^0-9A-Za-z])"
LONE_PHONE = rf"{_EDGE}(?:(?:\+|00)?86{_GAP})?{PHONE}{_END}"
LONE_ID = rf"{_EDGE}{ID_NUMBER}{_END}"
LONE = rf"{LONE_PHONE}|{LONE_ID}"
CODE_IS_PHONE = r"^(?:(?:\+|00)?86[\s\-\.]?)?1[\s\-\.]?[3-9](?:[\s\-\.]?[0-9]){9}$"
_ANY_PHONE = re.compile(PHONE)
_ANY_ID = re.compile(ID_NUMBER)
MASK = "***"

# 01 stands for a nested value (decode.body.NESTED) and stays until its record is refused.
CONTROL = r"[\x00\x02-\x1f\x7f\x{feff}\x{200b}]+"
_FIRST_PLAIN, _LAST_PLAIN, _BLANK = 0x21, 0x7E, 0x20
_PHONE_DIGITS = 11
# 138..., 86138... and 0086138...
_UNBROKEN_LENGTHS = (11, 13, 15)
_TITLES = ("先生".encode(), "女士".encode())
# First bytes of ０ to ９, and of the blanks and marks beyond ASCII that `tidy` removes.
_WIDE_DIGIT = b"\xef\xbc"
_WIDE_BLANKS = (b"\xe2\x80", *(blank.encode() for blank in "\x85\xa0\u1680\u205f\u3000\ufeff"))
_DIGITS = np.array([48 <= byte <= 57 for byte in range(256)], dtype=np.int64)
_NO_BYTES = np.zeros(0, dtype=np.uint8)
_ALPHANUMERIC = np.array([chr(byte).isascii() and chr(byte).isalnum() for byte in range(256)])


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text column looks like, learnt from its bytes without reading the values."""

    is_plain: bool
    """Printable ASCII without blanks, and no empty text: nothing to tidy."""
    is_alphanumeric: bool
    """Nothing but ASCII letters and digits."""
    may_need_tidying: bool
    """Whether control characters, outer blanks or empty texts are possible."""
    may_name_persons: bool
    """Whether a phone number, an ID number, 先生 or 女士 is possible."""
    may_be_phones: bool
    """Whether a value is possible that is a phone number, or holds one that stands alone."""
    lengths: npt.NDArray[np.int64]
    """Bytes of each value, 0 for null."""

    @property
    def longest(self) -> int:
        return int(self.lengths.max()) if self.lengths.size else 0


def shape(values: pl.Series) -> Shape:
    """The shape of a text column, in microseconds per thousand values."""
    size = len(values)
    if values.null_count() == size:
        return Shape(True, True, False, False, False, np.zeros(size, dtype=np.int64))
    array = values.to_arrow()
    _, offsets_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[array.offset : array.offset + size + 1]
    lengths = np.diff(offsets)
    has_empty = int((lengths == 0).sum()) > values.null_count()
    data = np.frombuffer(data_buffer, dtype=np.uint8)[offsets[0] : offsets[-1]] if data_buffer else _NO_BYTES
    if not data.size:
        return Shape(not has_empty, True, has_empty, False, False, lengths)
    lowest, highest = data.min(), data.max()
    is_plain = bool(lowest >= _FIRST_PLAIN and highest <= _LAST_PLAIN and not has_empty)
    is_alphanumeric = is_plain and bool(_ALPHANUMERIC[data].all())
    whole = b"" if is_plain else data.tobytes()
    digits = _digits(data, lengths, offsets - offsets[0])
    has_long = _WIDE_DIGIT in whole or bool((digits >= _PHONE_DIGITS).any())
    unbroken = (digits == lengths) & np.isin(lengths, _UNBROKEN_LENGTHS)
    outer = not is_plain and _has_outer_blanks(data, whole, offsets - offsets[0])
    return Shape(
        is_plain,
        is_alphanumeric,
        has_empty or outer or bool(lowest < _BLANK) or b"\x7f" in whole,
        has_long or any(title in whole for title in _TITLES),
        bool(unbroken.any()) if is_alphanumeric else has_long,
        lengths,
    )


def are_mobile_numbers(values: pl.Series) -> bool:
    """Whether every value is eleven ASCII digits that begin like a mobile number; False where it takes a look."""
    size = len(values)
    if values.null_count() or not size:
        return False
    array = values.to_arrow()
    _, offsets_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[array.offset : array.offset + size + 1]
    if data_buffer is None or (np.diff(offsets) != _PHONE_DIGITS).any():
        return False
    digits = np.frombuffer(data_buffer, dtype=np.uint8)[offsets[0] : offsets[-1]].reshape(size, _PHONE_DIGITS) - 48
    return bool((digits <= 9).all() and (digits[:, 0] == 1).all() and (digits[:, 1] >= 3).all())


def _has_outer_blanks(data: npt.NDArray[np.uint8], whole: bytes, offsets: npt.NDArray[np.int64]) -> bool:
    if any(blank in whole for blank in _WIDE_BLANKS):
        return True
    starts, ends = offsets[:-1], offsets[1:] - 1
    present = starts <= ends
    outer = np.concatenate([data[starts[present]], data[ends[present]]])
    return bool((outer == _BLANK).any())


def _digits(
    data: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """ASCII digits in each value, counted only where a value is long enough for a phone number."""
    if lengths.max() < _PHONE_DIGITS:
        return np.zeros(lengths.size, dtype=np.int64)
    counts = np.zeros(data.size + 1, dtype=np.int64)
    np.cumsum(_DIGITS[data], out=counts[1:])
    return np.diff(counts[offsets])


def tidy(values: pl.Series, *, widths: bool) -> pl.Series:
    """Without control characters and outer blanks; with `widths` also NFKC, which turns full-width digits into digits.

    A text with nothing left becomes null.
    """
    column = pl.col(values.name).str.replace_all(CONTROL, " ")
    if widths:
        column = column.str.normalize("NFKC")
    column = column.str.strip_chars()
    return values.to_frame().select(pl.when(column != "").then(column)).to_series()


def scrub(values: pl.Series) -> pl.Series:
    """Free text with phone numbers, ID numbers and the names beside 先生 and 女士 masked."""
    column = pl.col(values.name)
    masked = (
        column.str.replace_all(ID_NUMBER, MASK)
        .str.replace_all(PHONE, MASK)
        .str.replace_all(NAME_AFTER, f"${{1}}${{2}}{MASK}")
        .str.replace_all(NAME_BEFORE, f"{MASK}${{1}}")
    )
    return values.to_frame().select(masked).to_series()


def needs_scrub(values: pl.Series) -> bool:
    """Whether a column holds anything that `scrub` would mask."""
    return shape(values).may_name_persons and bool(values.str.contains(PERSONAL).any())


def mask_codes(values: pl.Series) -> pl.Series:
    """Codes with phone and ID numbers masked where they stand alone."""
    column = pl.col(values.name)
    for pattern in (LONE_ID, LONE_PHONE):
        # Twice: the character between two neighbours belongs to the first match only.
        column = column.str.replace_all(pattern, f"${{1}}{MASK}${{2}}").str.replace_all(pattern, f"${{1}}{MASK}${{2}}")
    return values.to_frame().select(column).to_series()


def mask_text(value: str) -> str:
    """One text with phone and ID numbers masked, wherever they stand."""
    return _ANY_PHONE.sub(MASK, _ANY_ID.sub(MASK, value))
