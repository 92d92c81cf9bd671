"""Waiting for facts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(fact: Callable[[], object], *, limit_s: float = 10.0) -> None:
    """Wait until `fact` holds; fails when it does not within `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while not await asyncio.to_thread(fact):
        assert time.monotonic() < deadline, f"did not happen within {limit_s} s"
        await asyncio.sleep(0.02)
