"""What goes on beside calls and messages: requests to forget are carried out, and everybody who writes knows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog
from nats.errors import Error as NatsError
from redis.exceptions import RedisError

from chassis.app import background, first, utc_now
from chassis.db import patiently
from services.ingest.domain.privacy.erasing import Forgotten
from services.ingest.domain.privacy.retention import Kept
from services.ingest.store import Leases
from services.ingest.usecases import Eraser, Erasures, erase_waiting, renew_forgotten
from services.ingest.usecases.retaining import Perishable, RetentionBook, retain

log = structlog.get_logger()

ALSO = (RedisError, NatsError)
"""What else may be away."""
LOOK_S = 0.5
DAY_S = 86_400.0
AGAIN_S = 5.0


async def alone(held: Leases, name: str, works: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Does the named works whenever this replica is the one that does, for ever."""
    while True:
        async with held.hold(name) as lease, background() as work:
            for each, begin in works.items():
                work.spawn(begin(), name=each)
            await first(lease.lost(), work.failed())
        work.raise_failure()


async def erase(eraser: Eraser) -> None:
    """Carries out requests to forget, for ever."""
    while True:
        done, waiting = await patiently("erasing", lambda: erase_waiting(eraser), also=ALSO) or (0, 0)
        if done:
            log.info("erasure.done", requests=done)
        if waiting:
            log.warning("erasure.left", requests=waiting)
        await asyncio.sleep(AGAIN_S if waiting else LOOK_S)


async def keep_within(stores: Sequence[Perishable], book: RetentionBook, kept: Kept) -> None:
    """Removes once a day what is older than it may be, for ever."""
    while True:
        removed = await patiently("retention", lambda: retain(stores, book, kept, now=utc_now()), also=ALSO)
        for each in removed or ():
            log.info(
                "retention.removed",
                kind=each.kind,
                store=each.store,
                rows=each.rows,
                before=each.before.isoformat(),
            )
        await asyncio.sleep(AGAIN_S if removed is None else DAY_S)


async def learn_forgotten(forgotten: Forgotten, erasures: Erasures, *, every_s: float) -> None:
    """Keeps in step with what was erased, for ever."""
    while True:
        await asyncio.sleep(every_s)
        await patiently("forgotten", lambda: renew_forgotten(forgotten, erasures, now=utc_now()), also=ALSO)
