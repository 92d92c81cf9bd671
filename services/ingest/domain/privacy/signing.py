"""Signed deliveries: who sent a body, and that it is fresh."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

_HEX = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})")
_SECONDS = re.compile(r"[0-9]{1,12}")


def signature_of(secret: bytes, timestamp: str, body: bytes) -> str:
    """Hex HMAC-SHA-256 (RFC 2104) over `TIMESTAMP.BODY`."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def is_signed(secrets: Sequence[bytes], signature: str, timestamp: str, body: bytes) -> bool:
    """Whether one of the secrets made the signature; takes as long whichever it was, and when none was."""
    given = _HEX.fullmatch(signature.strip())
    compared = given.group(1).lower() if given else "0" * 64
    matches = [hmac.compare_digest(signature_of(secret, timestamp, body), compared) for secret in secrets]
    return any(matches) and given is not None


def is_fresh(timestamp: str, now: datetime, window_s: float) -> bool:
    """Whether the timestamp, seconds since 1970, is at most `window_s` away from now, before or after."""
    return _SECONDS.fullmatch(timestamp) is not None and abs(int(timestamp) - now.timestamp()) <= window_s
