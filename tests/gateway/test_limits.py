"""A caller who asks too often waits; the others do not."""

from __future__ import annotations

import asyncio

import pytest

from chassis.errors import Unavailable
from gateway.limits import REMEMBERED, RateLimit
from tests.gateway.house import House, door
from tests.gateway.problem import problem_of


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _taken(limit: RateLimit, caller: str, times: int) -> int:
    """How many of so many requests at once are let through."""
    passed = 0
    for _ in range(times):
        try:
            limit.take(caller)
        except Unavailable:
            continue
        passed += 1
    return passed


def test_a_burst_passes_and_then_the_rate():
    clock = Clock()
    limit = RateLimit(10, burst=20, clock=clock)

    at_once = _taken(limit, "ann", 100)
    clock.now_s += 1.0
    after_a_second = _taken(limit, "ann", 100)
    clock.now_s += 3600
    after_an_hour = _taken(limit, "ann", 100)

    assert (at_once, after_a_second, after_an_hour) == (20, 10, 20)


def test_who_is_refused_is_told_when_to_come_again():
    clock = Clock()
    limit = RateLimit(2, burst=1, clock=clock)
    limit.take("ann")

    with pytest.raises(Unavailable) as refused:
        limit.take("ann")
    clock.now_s += refused.value.retry_after_s or 0
    limit.take("ann")

    assert refused.value.code == "too_many_requests"
    assert refused.value.retry_after_s == pytest.approx(0.5, abs=0.01)


def test_callers_do_not_share_their_limit():
    limit = RateLimit(1, burst=1, clock=Clock())

    passed = [_taken(limit, caller, 5) for caller in ("ann", "bob")]

    assert passed == [1, 1]


def test_only_so_many_callers_are_remembered():
    clock = Clock()
    limit = RateLimit(1000, burst=1, clock=clock)

    for number in range(3 * REMEMBERED):
        clock.now_s += 0.001
        limit.take(f"caller {number}")

    assert len(limit._free_at) <= REMEMBERED


async def test_too_many_requests_of_one_caller_are_refused_while_another_passes(whole: House):
    async with door(whole.common, requests_per_s=5, **whole.addresses) as guarded:
        hasty, calm = await guarded.client("admin", user="hasty"), await guarded.client("admin", user="calm")

        answers = await asyncio.gather(*(hasty.get("/api/v1/models") for _ in range(30)))
        other = await calm.get("/api/v1/models")

    refused = [answer for answer in answers if answer.status_code == 429]
    assert 10 <= len(answers) - len(refused) <= 20
    assert int(refused[0].headers["retry-after"]) >= 1
    problem_of(refused[0], 429, "too_many_requests")
    assert other.status_code == 200
