"""What a traceparent tells."""

from __future__ import annotations

import pytest

from chassis.telemetry import carry, told_trace_id, trace_id, within

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", TRACE),
        (f"00-{TRACE}-{SPAN}-00", TRACE),
        (f"01-{TRACE}-{SPAN}-01-later", TRACE),
        (f"00-{'0' * 32}-{SPAN}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE[:-1]}g-{SPAN}-01", ""),
        ("", ""),
    ],
)
def test_the_trace_id_that_is_told_is_that_of_the_context_it_makes(told: str, expected: str):
    assert told_trace_id(told) == within(told).run(trace_id) == expected


def test_what_goes_on_within_a_told_trace_is_carried_on_and_leaves_no_trace_behind():
    told = f"00-{TRACE}-{SPAN}-01"

    carried = within(told).run(carry)

    assert carried == {"traceparent": told}
    assert trace_id() == ""
