"""Signatures of deliveries."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.privacy.signing import is_fresh, is_signed, signature_of

NOW = datetime(2025, 3, 14, tzinfo=UTC)
SECONDS = str(int(NOW.timestamp()))


def test_the_signature_is_the_keyed_hash_of_timestamp_stop_and_body():
    expected = hmac.digest(b"secret", b'1700000000.{"a":1}', "sha256").hex()

    assert signature_of(b"secret", "1700000000", b'{"a":1}') == expected


@given(st.binary(max_size=50), st.text("0123456789", max_size=12), st.text(max_size=80))
def test_only_the_signature_itself_is_accepted(body: bytes, timestamp: str, guess: str):
    right = signature_of(b"secret", timestamp, body)

    assert is_signed([b"other", b"secret"], right, timestamp, body)
    assert not is_signed([b"other"], right, timestamp, body)
    assert not is_signed([b"secret"], right, timestamp, body + b"x")
    assert not is_signed([b"secret"], right, timestamp + "1", body)
    assert is_signed([b"secret"], guess, timestamp, body) == (guess == right)
    assert not is_signed([], right, timestamp, body)


def test_a_timestamp_is_fresh_within_the_window_on_both_sides():
    late, early = str(int(SECONDS) - 300), str(int(SECONDS) + 300)

    assert is_fresh(late, NOW, 300)
    assert is_fresh(early, NOW, 300)
    assert not is_fresh(str(int(late) - 1), NOW, 300)
    assert not is_fresh(str(int(early) + 1), NOW, 300)
    assert not any(is_fresh(text, NOW, 300) for text in ("", "soon", "-1", "1e9", "٣", SECONDS + "0" * 20))
