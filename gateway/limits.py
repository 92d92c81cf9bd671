"""How much one caller may ask for, and how much may be in hand at once.

Both are kept in the process, not in Valkey: what they protect is this process, a decision costs under a microsecond
instead of a round trip on every request, and there is no store whose loss could open or shut the door. With N
replicas a caller may get N times the rate; the rate is a guard against runaway clients, not a price list.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import Request

from chassis.errors import Unavailable
from gateway.bodies import WITHIN_S, read_parts

REMEMBERED = 10_000
ROUNDING_S = 1e-6


class RateLimit:
    """So many requests a second per caller, and a burst on top (generic cell rate algorithm, ITU-T I.371).

    A caller is one number: the time at which it has used up nothing.
    """

    def __init__(self, per_s: float, *, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 1 / per_s
        self._tolerance_s = burst / per_s + ROUNDING_S
        self._clock = clock
        self._free_at: dict[str, float] = {}

    def take(self, caller: str) -> None:
        """Counts a request; Unavailable (429) when it is one too many, with the time to wait."""
        now = self._clock()
        free_at = max(self._free_at.get(caller, now), now) + self._interval_s
        if free_at - now > self._tolerance_s:
            wait_s = free_at - now - self._tolerance_s
            raise Unavailable("too many requests; slow down", code="too_many_requests", retry_after_s=wait_s)
        if caller not in self._free_at and len(self._free_at) >= REMEMBERED:
            self._forget(now)
        self._free_at[caller] = free_at

    def _forget(self, now: float) -> None:
        self._free_at = {caller: at for caller, at in self._free_at.items() if at > now}
        if len(self._free_at) >= REMEMBERED:
            self._free_at.clear()


class Intake:
    """The memory that bodies of records may take, all requests together, and how long one may take to come.

    What has come counts, not what is announced: who sends slowly holds little, and is sent away in the end.
    """

    def __init__(self, capacity: int, *, within_s: float = WITHIN_S) -> None:
        self._capacity = capacity
        self._within_s = within_s
        self.held = 0

    @asynccontextmanager
    async def body(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """A body of at most `limit` bytes, counted for as long as the block runs; Unavailable when too many are."""
        parts: list[bytes] = []

        def keep(part: bytes) -> None:
            parts.append(part)
            self.held += len(part)
            if self.held > self._capacity:
                raise Unavailable("too many large bodies at once; send this one again", retry_after_s=1)

        try:
            await read_parts(request, limit, keep, within_s=self._within_s)
            yield b"".join(parts)
        finally:
            self.held -= sum(map(len, parts))
