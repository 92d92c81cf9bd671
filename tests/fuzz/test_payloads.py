"""Payloads of machines, whatever they are: each gives samples that can be counted, and never an error."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.ingest.domain.scada.payloads import MAX_SAMPLES, Sample, read_payload
from tests.fuzz.bodies import examples

ARRIVED_US = 1_742_036_551_000_000
LATEST_US = 253_402_300_799_000_000
"""The last second of the year 9999."""
TIMES = st.sampled_from(
    [
        *(1_742_036_551, 1_742_036_551.25, 1_742_036_551_000, 0, -1, 1e300, 10**400, True, None, "", "soon", [], {}),
        *("2025-03-15T11:02:31Z", "2025-03-15T11:02:31", "2025-03-15", "20250315T110231+08", "2025-W11-6T00:00+00:00"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-12-31T23:59:59Z", "2025-02-30T00:00:00Z"),
    ]
)
VALUES = st.one_of(
    st.floats(),
    st.integers(),
    st.booleans(),
    st.none(),
    st.text(max_size=8),
    st.sampled_from(["12.5", "1e999", "nan", "-inf", "１２", 10**400, [], {}, "on"]),
)
QUALITIES = st.sampled_from(["good", "GOOD", "uncertain", "bad", "fine", None, 192, [], {"good": 1}])
SAMPLES = VALUES | st.fixed_dictionaries(
    {}, optional={"ts": TIMES, "value": VALUES, "quality": QUALITIES, "unit": VALUES}
)
WRITTEN = st.one_of(SAMPLES, st.lists(SAMPLES, max_size=5)).map(json.dumps)
ODD = st.sampled_from(
    [
        *(
            "[" * 100_000,
            '{"value":' * 100_000,
            "[" * 5000 + "]" * 5000,
            '[{"value":1},' + "[" * 2000 + "]" * 2000 + "]",
        ),
        *("9" * 5000, '{"value":' + "9" * 5000 + "}", '{"ts":' + "9" * 5000 + ',"value":1}', "1e999", "-1e999", "NaN"),
        *("", " ", "\0", "true", "ON", "12,5", "１２", '{"value":1}{"value":2}', '{"value":1,"value":2}', "\ufeff1"),
        *('"\\ud800"', '{"quality":"\\ud800","value":1}', '{"ts":"\\u0000","value":1}', '{"":1}', "{}", "[]", "[null]"),
    ]
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"])


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """What a machine may send: samples in one of the forms, in some encoding, and sometimes damaged."""
    text: str = draw(WRITTEN | ODD)
    payload = bytearray(text.encode(draw(ENCODINGS)))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(payload)))
        payload[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(payload)


def assert_countable(sample: Sample) -> None:
    at_us, value, quality = sample
    assert type(at_us) is int
    assert 0 <= at_us <= LATEST_US
    assert quality in ("good", "uncertain", "bad")
    if value is None:
        assert quality == "bad"
    else:
        assert type(value) is float
        assert math.isfinite(value)


@settings(max_examples=examples(300))
@given(payloads() | st.binary(max_size=64))
@example(b"9" * 5000)
@example(b'{"ts": "0001-01-01T00:00:00+14:00", "value": 1}')
def test_any_payload_gives_samples_that_can_be_counted(payload: bytes):
    samples = read_payload(payload, ARRIVED_US)

    for sample in samples:
        assert_countable(sample)


@settings(max_examples=examples(300))
@given(st.lists(SAMPLES.filter(lambda sample: not isinstance(sample, list)), max_size=6))
def test_every_sample_of_a_list_is_read_as_it_is_alone(samples: list[Any]):
    alone = [read_payload(json.dumps(each).encode(), ARRIVED_US) for each in samples]

    together = read_payload(json.dumps(samples).encode(), ARRIVED_US)

    if all(_is_json(each) for each in samples):
        assert together == [sample for each in alone for sample in each]
    else:
        assert together == [(ARRIVED_US, None, "bad")]


def _is_json(value: Any) -> bool:
    """Not so where Python writes NaN or Infinity, which JSON does not know."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("more", [0, 1, 5])
def test_a_list_that_is_too_long_is_read_to_its_bound_and_one_bad_sample_says_so(more: int):
    payload = json.dumps([{"ts": ARRIVED_US // 1000 + place, "value": place} for place in range(MAX_SAMPLES + more)])

    samples = read_payload(payload.encode(), ARRIVED_US)

    assert [value for _, value, _ in samples[:MAX_SAMPLES]] == list(range(MAX_SAMPLES))
    assert samples[MAX_SAMPLES:] == ([(ARRIVED_US, None, "bad")] if more else [])
