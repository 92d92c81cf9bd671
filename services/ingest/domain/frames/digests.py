"""Digests of whole columns: one by which records are compared, and HMAC-SHA-256 under a key."""

from __future__ import annotations

import numpy as np
import polars as pl
import polars_hash as plh

from services.ingest.domain.frames.columns import FEW, Characters, letters, texts
from services.ingest.domain.frames.native import evaluated, framed, listed, of_texts, to_array

MANY = 96
"""From so many values on a column is cheaper than a loop over its values."""
DIGEST_FORM = "x:"
"""Before an XXH3-64 by which records are compared; other marks, or none, are of the time before the first release."""
_COLUMN = "value"
_AS_GIVEN = {_COLUMN: pl.Series([None], dtype=pl.String)}
_HMAC_DIGITS, _XXH3_DIGITS = 64, 16
_XXH3 = plh.col(_COLUMN).nchash.xxh3_64()
_HEX = np.array([f"{byte:02x}".encode() for byte in range(256)], dtype="S2").view(np.uint16)


def digests(values: pl.Series) -> pl.Series:
    """The mark of the form and 16 hex digits, XXH3-64 of each text; a column without nulls.

    It tells versions of one record apart. It keeps no secret and no liar away: https://xxhash.com.
    """
    made = evaluated(framed({_COLUMN: values}, _AS_GIVEN, len(values)), _XXH3)
    if len(values) <= FEW:
        return of_texts([f"{DIGEST_FORM}{each:0{_XXH3_DIGITS}x}" for each in listed(made)])
    characters = _HEX[to_array(made).astype(">u8").view(np.uint8)].view(np.uint8)
    return texts(_behind(DIGEST_FORM, characters.reshape(len(values), _XXH3_DIGITS)))


def keyed(secret: str) -> pl.Expr:
    """The HMAC-SHA-256 of the column that `hmac_sha256` is given; what is printed of it does not hold the secret."""
    return plh.col(_COLUMN).chash.hmac_sha256(key=secret)


def hmac_sha256(values: pl.Series, key: pl.Expr, *, prefix: str) -> pl.Series:
    """A prefix and the hex digits of the keyed digest of each text; a column without nulls."""
    made = evaluated(framed({_COLUMN: values}, _AS_GIVEN, len(values)), key)
    return texts(_behind(prefix, letters(made).data.reshape(len(values), _HMAC_DIGITS)))


def _behind(prefix: str, characters: Characters) -> Characters:
    first = np.frombuffer(prefix.encode(), dtype=np.uint8)
    table = np.empty((len(characters), len(first) + characters.shape[1]), dtype=np.uint8)
    table[:, : len(first)] = first
    table[:, len(first) :] = characters
    return table
