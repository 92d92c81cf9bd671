"""Text as it comes and as it may be kept: normalising, and masking what names or calls a person (DQ-02, DQ-33)."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from services.ingest.domain.frames.columns import letters
from services.ingest.domain.frames.once import once

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
_UNBROKEN = (11, 13, 15)
"""Characters of a phone number without marks in it: with 86 before it, or 0086."""
_MAY_BE_UNBROKEN = np.isin(np.arange(17), _UNBROKEN)
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_TITLES = ("先生".encode(), "女士".encode())
# First bytes of ０ to ９, and of the blanks and marks beyond ASCII that `tidy` removes.
_WIDE_DIGIT = b"\xef\xbc"
_WIDE_BLANKS = (b"\xe2\x80", *(blank.encode() for blank in "\x85\xa0\u1680\u205f\u3000\ufeff"))
_ZERO = 48
_LEAST_MOBILE = np.frombuffer(b"13000000000", dtype=np.uint8)
_ABOVE_MOBILE = np.array([0, 6, *[9] * 9], dtype=np.uint8)
"""The first digit of each place of a mobile number, and how far above it the last one is."""


class Shape:
    """What a text column looks like, learnt from its bytes without reading the values; looked at when asked for."""

    def __init__(self, values: pl.Series) -> None:
        self._nulls = values.null_count()
        self._letters = letters(values)

    @property
    def array(self) -> pa.LargeStringArray:
        """The column as Arrow has it."""
        return self._letters.array

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Bytes of each value, 0 for null."""
        return self._letters.lengths

    @property
    def longest(self) -> int:
        """Bytes of the longest value."""
        return self._letters.longest

    @once
    def is_plain(self) -> bool:
        """Printable ASCII without blanks, and no empty text: nothing to tidy."""
        if self.is_alphanumeric or self._has_empty:
            return self.is_alphanumeric
        data = self._letters.data
        return bool(data.min() >= _FIRST_PLAIN and data.max() <= _LAST_PLAIN)

    @once
    def is_alphanumeric(self) -> bool:
        """Nothing but ASCII letters and digits, and no empty text."""
        return not self._has_empty and (not self._whole or self._whole.isalnum())

    @once
    def may_need_tidying(self) -> bool:
        """Whether control characters, outer blanks or empty texts are possible."""
        data = self._letters.data
        if self.is_plain or not data.size:
            return self._has_empty
        has_control = bool(data.min() < _BLANK) or b"\x7f" in self._whole
        return self._has_empty or has_control or self._has_outer_blanks()

    @once
    def may_name_persons(self) -> bool:
        """Whether a phone number, an ID number, 先生 or 女士 is possible."""
        return self.has_long_number or any(title in self._whole for title in _TITLES)

    @once
    def may_be_phones(self) -> bool:
        """Whether a value is possible that is a phone number, or holds one that stands alone."""
        if self.longest < _PHONE_DIGITS:
            return False
        return (self._may_begin_phones or not self.is_alphanumeric) and self.has_long_number

    @once
    def _may_begin_phones(self) -> bool:
        few = self._letters.few
        if few is not None:
            return any([len(each) in _UNBROKEN and each[:1].isdigit() for each in few])
        unbroken = self._letters.starts[:-1][_MAY_BE_UNBROKEN.take(self.lengths, mode="clip")]
        return bool(np.count_nonzero(self._letters.data[unbroken] - _ZERO < 10))

    @once
    def are_mobile_numbers(self) -> bool:
        """Whether every value is eleven ASCII digits that begin like a mobile number; False where it takes a look."""
        if self._nulls or not self._letters.have_width(_PHONE_DIGITS):
            return False
        table = self._letters.data.reshape(-1, _PHONE_DIGITS)
        return not np.count_nonzero(table - _LEAST_MOBILE > _ABOVE_MOBILE)

    @property
    def _whole(self) -> bytes:
        return self._letters.whole

    @once
    def _has_empty(self) -> bool:
        return self._letters.empties > self._nulls

    @once
    def _is_digit(self) -> npt.NDArray[np.bool_]:
        digits: npt.NDArray[np.bool_] = (self._letters.data - _ZERO) < 10
        return digits

    @once
    def has_long_number(self) -> bool:
        """Whether a value has as many digits as a phone number, or full-width ones."""
        if self.longest < _PHONE_DIGITS:
            return False
        if not self.is_plain and _WIDE_DIGIT in self._whole:
            return True
        few = self._letters.few
        if few is not None:
            return any([len(each.translate(None, _NO_DIGITS)) >= _PHONE_DIGITS for each in few])
        if np.count_nonzero(self._is_digit) < _PHONE_DIGITS:
            return False
        counts = np.zeros(self._letters.data.size + 1, dtype=np.int32)
        np.cumsum(self._is_digit, out=counts[1:])
        ends = counts[self._letters.starts]
        return bool((ends[1:] - ends[:-1]).max() >= _PHONE_DIGITS)

    def _has_outer_blanks(self) -> bool:
        # One byte is found much faster than several, and most texts have none of these.
        if any(blank[:1] in self._whole and blank in self._whole for blank in _WIDE_BLANKS):
            return True
        if b" " not in self._whole:
            return False
        data, starts, ends = self._letters.data, self._letters.starts[:-1], self._letters.starts[1:] - 1
        present = starts <= ends
        return bool((data[starts[present]] == _BLANK).any() or (data[ends[present]] == _BLANK).any())


def shape(values: pl.Series) -> Shape:
    """The shape of a text column, in microseconds per thousand values."""
    return Shape(values)


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
