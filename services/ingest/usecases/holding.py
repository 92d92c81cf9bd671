"""How much the door may hold: bodies that wait, are cleaned, or are not acknowledged yet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chassis.errors import Unavailable

WAIT_S = 1.0


class Holding:
    """Bytes of bodies held, of all sources together and of each; what is one too many is refused before it is read."""

    def __init__(self, *, max_bytes: int, source_quota: int) -> None:
        self._max_bytes = max_bytes
        self._source_quota = source_quota
        self._by_source: dict[str, int] = {}
        self.held = 0

    def take(self, source: str, size: int) -> Callable[[], None]:
        """Counts a body until the returned function is called; raises Unavailable where it does not fit.

        A body that is alone fits, however large: its own limit is another one.
        """
        of_source = self._by_source.get(source, 0)
        if of_source and of_source + size > self._source_quota:
            message = "this source has too much on the way; wait for the receipts of what was sent"
            raise Unavailable(message, code="too_many_requests", retry_after_s=WAIT_S)
        if self.held and self.held + size > self._max_bytes:
            raise Unavailable("the door holds as much as it may; send this again", retry_after_s=WAIT_S)
        self.held += size
        self._by_source[source] = of_source + size
        return partial(self._release, source, size)

    def _release(self, source: str, size: int) -> None:
        self.held -= size
        self._by_source[source] -= size
        if not self._by_source[source]:
            del self._by_source[source]
