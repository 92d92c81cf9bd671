"""How many may follow the live stream at once: each holds a connection, a place and what waits to be sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from chassis.errors import Unavailable

AGAIN_S = 5.0


class Seats:
    """So many subscriptions of one caller, and so many of all."""

    def __init__(self, *, per_caller: int, overall: int) -> None:
        self._per_caller = per_caller
        self._overall = overall
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        return self._taken.total()

    @contextmanager
    def taken_by(self, caller: str) -> Iterator[None]:
        """A seat for as long as the block runs; Unavailable (429 or 503) when there is none."""
        if self._taken[caller] >= self._per_caller:
            message = f"you have {self._per_caller} subscriptions already; close one, or let one carry several filters"
            raise Unavailable(message, code="too_many_requests", retry_after_s=AGAIN_S)
        if self.taken >= self._overall:
            raise Unavailable("there are too many subscriptions at once; come again", retry_after_s=AGAIN_S)
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]
