"""What a traceparent tells, and which spans are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from chassis.settings import CommonSettings
from chassis.telemetry import carry, span, telemetry, told_trace_id, trace_id, within

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


def test_behind_a_span_everything_is_as_before_it():
    with span("outer"):
        before = trace_id(), carry()
        with suppress(KeyError), span("inner"):
            raise KeyError
        behind = trace_id(), carry()

    assert before == behind
    assert trace_id() == ""


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], AbstractContextManager[list[Any]]]:
    """Telemetry as a process has it, with a ratio; the list holds the lines of its file afterwards."""
    # The library takes a provider once in the life of a process.
    monkeypatch.setattr(trace, "set_tracer_provider", lambda provider: _use(provider, monkeypatch))

    # Nor is this test the place to change how all later ones log.
    monkeypatch.setattr(structlog, "configure", lambda **_: None)

    @contextmanager
    def run(ratio: float) -> Iterator[list[Any]]:
        common = CommonSettings(data=tmp_path, trace_ratio=ratio, postgres_url="", nats_url="", redis_url="")
        lines: list[Any] = []
        with telemetry("test", common):
            yield lines
        path = tmp_path / "telemetry" / "test.jsonl"
        lines += [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return run


def _use(provider: trace.TracerProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.telemetry._tracer", provider.get_tracer("test"))


def test_outside_the_ratio_only_spans_that_fail_or_are_slow_are_kept(recorded: Any, monkeypatch: pytest.MonkeyPatch):
    with recorded(0.0) as lines:
        with span("fine", headers={}):
            pass
        with suppress(ValueError), span("fails", headers={}, kind=SpanKind.SERVER, attempt=2) as failing:
            failing.update_name("fails here")
            failing.set_attribute("http.response.status_code", 500)
            told = carry()["traceparent"]
            raise ValueError("never recorded")
        monkeypatch.setattr("chassis.telemetry.SLOW_NS", 0)
        with span("slow", headers={"traceparent": told}):
            child = carry()["traceparent"]

    assert [(each["name"], each["status"]) for each in lines] == [("fails here", "ERROR"), ("slow", "UNSET")]
    assert lines[0]["attributes"] == {"attempt": 2, "http.response.status_code": 500}
    assert told == f"00-{lines[0]['trace_id']}-{lines[0]['span_id']}-00"
    assert (lines[1]["trace_id"], lines[1]["parent_id"]) == (lines[0]["trace_id"], lines[0]["span_id"])
    assert child.split("-")[1] == lines[0]["trace_id"]
    assert "never recorded" not in json.dumps(lines)


def test_inside_the_ratio_all_spans_of_a_trace_are_kept(recorded: Any):
    with recorded(1.0) as lines, span("outer", headers={}):
        told = carry()["traceparent"]
        with span("inner"):
            pass

    assert {each["name"] for each in lines} == {"outer", "inner"}
    assert {each["trace_id"] for each in lines} == {told.split("-")[1]}
    assert int(told[-2:], 16) & 1


def test_the_share_of_traces_that_are_recorded_is_the_ratio(recorded: Any):
    flags = []
    with recorded(0.25):
        for _ in range(4000):
            with span("each", headers={}):
                flags.append(int(carry()["traceparent"][-2:], 16) & 1)

    assert 800 < sum(flags) < 1200


def test_a_caller_who_records_a_trace_has_all_of_it_recorded(recorded: Any):
    asked = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    with recorded(0.0) as lines, span("asked", headers=asked):
        pass

    assert [(each["name"], each["trace_id"], each["parent_id"]) for each in lines] == [("asked", "a" * 32, "b" * 16)]


def test_what_belongs_to_several_traces_goes_on_in_the_first_of_them_that_is_recorded(recorded: Any):
    told = [
        {"traceparent": f"00-{name * 32}-{name * 16}-{flags}"}
        for name, flags in (("a", "00"), ("b", "01"), ("c", "01"))
    ]
    with recorded(0.0) as lines, span("group", headers={}, links=told):
        carried = carry()["traceparent"]

    assert [(each["name"], each["trace_id"], each["parent_id"]) for each in lines] == [("group", "b" * 32, "b" * 16)]
    assert carried == f"00-{'b' * 32}-{lines[0]['span_id']}-01"


def test_a_group_of_which_no_trace_is_recorded_leaves_none(recorded: Any):
    told = [{"traceparent": f"00-{name * 32}-{name * 16}-00"} for name in "ab"]
    with recorded(0.0) as lines, span("group", headers={}, links=told):
        assert carry()["traceparent"].split("-")[1] not in ("a" * 32, "b" * 32)

    assert lines == []
