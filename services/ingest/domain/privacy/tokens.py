"""Tokens for what must not be kept: keyed digests of phone numbers and consumer ids (DQ-31, DQ-32).

An unkeyed digest of a phone number is undone in half an hour by trying all numbers, so the digest is an HMAC whose key
lives outside the store. The version before the colon tells which key made a token.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import polars as pl

from services.ingest.domain.frames.columns import empty, filled, letters, spread_out
from services.ingest.domain.frames.digests import hmac_sha256, keyed
from services.ingest.domain.frames.native import of_array, of_texts

TOKEN = re.compile(r"k\d+:[0-9a-f]{64}")
TOKEN_BYTES = 67
"""No token is shorter."""
MIN_KEY_BYTES = 32
COLUMN_FROM = 40
"""From so many values on a keyed digest of the column is cheaper than one of each value."""
_BLOCK = 64


class TokenKey:
    """A secret of at least 32 bytes and its version, e.g. `k1`."""

    def __init__(self, version: str, secret: bytes) -> None:
        if not re.fullmatch(r"k\d+", version):
            raise ValueError("a key version looks like k1")
        if len(secret) < MIN_KEY_BYTES:
            raise ValueError("a token key has at least 32 bytes")
        self.version = version
        # RFC 2104, with both pads hashed once: half the time of hmac.digest per value.
        block = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
        self._of_columns = _of_columns(secret)

    def __repr__(self) -> str:
        return f"TokenKey({self.version})"

    def token(self, value: str) -> str:
        """`k1:` and the HMAC-SHA-256 of the value as 64 hex digits."""
        inner = self._inner.copy()
        inner.update(value.encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return f"{self.version}:{outer.hexdigest()}"

    def tokens(self, values: pl.Series, *, longest: int | None = None) -> pl.Series:
        """Tokens of a column; null stays null. `longest` are the bytes of the longest value, where they are known.

        What is a token already, say in a record that comes back from quarantine, stays as it is.
        """
        if not values.null_count() and len(values):
            return self._made(values, longest).alias(values.name)
        known = filled(values)
        given = values.filter(of_array(known))
        if given.is_empty():
            return empty(pl.String(), len(values), values.name)
        return spread_out(self._made(given, longest), known).alias(values.name)

    def _made(self, values: pl.Series, longest: int | None) -> pl.Series:
        if self._of_columns is None or len(values) < COLUMN_FROM:
            return self._one_by_one(values.to_list())
        if (letters(values).longest if longest is None else longest) >= TOKEN_BYTES:
            return self._one_by_one(values.to_list())
        return hmac_sha256(values, self._of_columns, prefix=f"{self.version}:")

    def _one_by_one(self, texts: list[str]) -> pl.Series:
        tokens: dict[str, str] = {}
        prefix, inner, outer = f"{self.version}:", self._inner.copy, self._outer.copy
        for value in set(texts):
            if value[:1] == "k" and TOKEN.fullmatch(value):
                tokens[value] = value
                continue
            # `token`, without two calls a value.
            first = inner()
            first.update(value.encode())
            second = outer()
            second.update(first.digest())
            tokens[value] = prefix + second.hexdigest()
        return of_texts(list(map(tokens.__getitem__, texts)))


def _of_columns(secret: bytes) -> pl.Expr | None:
    """The digest of a whole column, whose key is a text; a secret that is none takes the way of single values."""
    try:
        return keyed(secret.decode())
    except UnicodeDecodeError:
        return None


class TokenKeys:
    """The key that makes tokens, and those that made some before; an old token cannot be turned into a new one."""

    def __init__(self, newest: TokenKey, older: Iterable[TokenKey] = ()) -> None:
        self.newest = newest
        self._all = (newest, *older)
        if len({key.version for key in self._all}) != len(self._all):
            raise ValueError("two token keys have one version")

    def tokens_of(self, value: str) -> list[str]:
        """Every token that a value may have been given, the newest first: all of them are the same person."""
        return [key.token(value) for key in self._all]
