"""SHA-256 of whole columns, and HMAC-SHA-256 under a key."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
import polars_hash as plh

from services.ingest.domain.columns import Characters, letters, texts

MANY = 96
"""From so many values on a column is cheaper than a loop over its values."""
DIGEST_FORM = "s:"
"""Before a SHA-256 by which records are compared; without it they are BLAKE2b, of the time before the first release."""
_COLUMN = "value"
_HEX_DIGITS = 64
_SHA256 = plh.col(_COLUMN).chash.sha2_256()


def sha256(values: pl.Series, *, prefix: str, digits: int) -> pl.Series:
    """A prefix and the first hex digits of the SHA-256 of each text; a column without nulls."""
    if len(values) < MANY:
        made = [prefix + hashlib.sha256(text.encode()).hexdigest()[:digits] for text in values.to_list()]
        return pl.Series("", made, dtype=pl.String)
    return texts(_behind(prefix, _hex(values, _SHA256)[:, :digits]))


def keyed(secret: str) -> pl.Expr:
    """The HMAC-SHA-256 of the column that `hmac_sha256` is given; what is printed of it does not hold the secret."""
    return plh.col(_COLUMN).chash.hmac_sha256(key=secret)


def hmac_sha256(values: pl.Series, key: pl.Expr, *, prefix: str) -> pl.Series:
    """A prefix and the hex digits of the keyed digest of each text; a column without nulls."""
    return texts(_behind(prefix, _hex(values, key)))


def _hex(values: pl.Series, digest: pl.Expr) -> Characters:
    made = values.alias(_COLUMN).to_frame().select(digest).to_series()
    return letters(made).data.reshape(len(values), _HEX_DIGITS)


def _behind(prefix: str, characters: Characters) -> Characters:
    first = np.frombuffer(prefix.encode(), dtype=np.uint8)
    table = np.empty((len(characters), len(first) + characters.shape[1]), dtype=np.uint8)
    table[:, : len(first)] = first
    table[:, len(first) :] = characters
    return table
