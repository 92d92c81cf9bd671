"""Secrets of a local stack: random, made once, in files that only their owner may read."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import jwt

from deploy.children import write_private

ISSUER = "marketwin"
AUDIENCE = "marketwin"
ROLES = ("admin", "analyst", "account_manager", "partner")


def secret(data: Path, name: str, *, size: int = 32) -> str:
    """The secret of that name: hexadecimal text of `size` random bytes."""
    return secret_file(data, name, size=size).read_text()


def secret_file(data: Path, name: str, *, size: int = 32) -> Path:
    """The file of a secret, made when first asked for.

    They live beside the databases, never in them: what they protect must not lie next to its key in a dump.
    """
    path = data / "keys" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, secrets.token_hex(size))
    return path


def bearer_token(key: str, *, user: str, roles: Sequence[str], hours: float) -> str:
    """A JWT (HS256) that the gateway accepts for `hours`."""
    now = int(time.time())
    claims = {
        "sub": user,
        "name": user,
        "roles": list(roles),
        "iat": now,
        "exp": now + int(hours * 3600),
        "iss": ISSUER,
        "aud": AUDIENCE,
    }
    return jwt.encode(claims, key, algorithm="HS256")
