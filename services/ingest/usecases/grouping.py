"""Bodies of one source and kind go through the door together.

    body ─▶ lane ─▶ known? ─▶ decode, map, clean: one pass ─▶ log ─▶ receipt of each body
              ▲ bodies that come while a pass runs wait for the next one ┘

A pass over columns costs some milliseconds whether it holds one record or a thousand, so a busy lane makes larger
passes, never a longer queue. A large body goes alone, beside the event loop and beside its lane.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine, Sequence
from functools import partial

from chassis.errors import Conflict
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.usecases.arrival import Arrival
from services.ingest.usecases.passing import Failed, Passed, pass_over
from services.ingest.usecases.ports import FrontDoor
from services.ingest.usecases.publishing import publish, repeated

FEW = 4
PAUSE_S = 0.001
GATHERING_S = 0.005
"""A pass behind one of more than a few bodies waits while others come: until a pause in which none came, and no longer
than this."""
GROUP_BODIES = 256
GROUP_BYTES = 4 * 1024 * 1024
INLINE_BYTES = 64 * 1024
"""Larger passes run beside the event loop."""
ALONE_BYTES = 1024 * 1024
"""Larger bodies wait for nobody, and nobody waits for them."""
UNACKNOWLEDGED = 4
"""Passes of one lane that may wait for the log."""


class Lanes:
    """The bodies on their way, by source and kind."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], list[Arrival]] = {}
        self._on_the_way: dict[str, Arrival] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on_the_way(self, batch: str) -> asyncio.Future[Receipt] | None:
        """The answer of the body of that batch that is on its way, to be waited for and not to be cancelled."""
        arrival = self._on_the_way.get(batch)
        return None if arrival is None else arrival.answer

    def answer(self, door: FrontDoor, arrival: Arrival) -> asyncio.Future[Receipt]:
        """The receipt of a body; it goes on its way even when nobody waits for it any more."""
        batch = arrival.stamp.batch_id
        self._on_the_way[batch] = arrival
        arrival.forget = partial(self._on_the_way.pop, batch, None)
        if arrival.size > ALONE_BYTES:
            self._spawn(self._alone(door, arrival), arrival.trace())
            return arrival.answer
        key = (arrival.stamp.source, arrival.kind.name)
        lane = self._waiting.get(key)
        if lane is not None:
            lane.append(arrival)
            return arrival.answer
        self._waiting[key] = [arrival]
        self._spawn(self._run(door, key), arrival.trace())
        return arrival.answer

    async def settled(self) -> None:
        """Waits until nothing is on its way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def _spawn(self, work: Coroutine[None, None, None], context: contextvars.Context) -> asyncio.Task[None]:
        task = asyncio.create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, door: FrontDoor, key: tuple[str, str]) -> None:
        """Makes passes for as long as bodies wait; the next pass begins while earlier ones wait for the log."""
        unacknowledged: set[asyncio.Task[None]] = set()
        # Who finds nobody waits for nobody.
        arrivals = self._next(key)
        while arrivals:
            passed = await _through(door, arrivals)
            if passed:
                publishing = _publish_all(door, passed)
                unacknowledged.add(self._spawn(publishing, passed[0].arrivals[0].trace()))
            if len(unacknowledged) >= UNACKNOWLEDGED:
                _, unacknowledged = await asyncio.wait(unacknowledged, return_when=asyncio.FIRST_COMPLETED)
            # After a pass of few none is waited for: it would cost them more time than it saves work.
            arrivals = self._next(key) if len(arrivals) < FEW else await self._gathered(key)

    async def _gathered(self, key: tuple[str, str]) -> list[Arrival]:
        loop = asyncio.get_running_loop()
        until, before = loop.time() + GATHERING_S, -1
        while before < (count := len(self._waiting[key])) < GROUP_BODIES and loop.time() < until:
            before = count
            await asyncio.sleep(PAUSE_S)
        return self._next(key)

    def _next(self, key: tuple[str, str]) -> list[Arrival]:
        waiting = self._waiting[key]
        size = count = 0
        for arrival in waiting[:GROUP_BODIES]:
            size += arrival.size
            if count and size > GROUP_BYTES:
                break
            count += 1
        self._waiting[key] = waiting[count:]
        if not count:
            del self._waiting[key]
        return waiting[:count]

    async def _alone(self, door: FrontDoor, arrival: Arrival) -> None:
        passed = await _through(door, [arrival])
        await _publish_all(door, passed)


async def _through(door: FrontDoor, arrivals: Sequence[Arrival]) -> list[Passed]:
    """What is new among the bodies, cleaned; the others have their answer."""
    try:
        if sum(arrival.size for arrival in arrivals) <= INLINE_BYTES:
            passed, failed = await _while_asked(door, arrivals)
        else:
            passed, failed = await _beside(door, await _unknown(door, arrivals))
    except Exception as error:  # each caller hears it
        for arrival in arrivals:
            arrival.fail(error)
        return []
    for arrival, fault in failed:
        arrival.fail(fault)
    return passed


async def _while_asked(door: FrontDoor, arrivals: Sequence[Arrival]) -> tuple[list[Passed], Failed]:
    """A pass here and now, while it is found out which bodies are known: nearly always none is."""
    asked = asyncio.create_task(_unknown(door, arrivals))
    # So the question is on its way before the pass begins.
    await asyncio.sleep(0)
    try:
        found = pass_over(door, arrivals)
    finally:
        fresh = await asked
    return found if len(fresh) == len(arrivals) else pass_over(door, fresh)


async def _beside(door: FrontDoor, fresh: Sequence[Arrival]) -> tuple[list[Passed], Failed]:
    """A pass beside the event loop."""
    work = partial(pass_over, door, fresh)
    is_alone = len(fresh) == 1 and fresh[0].size > ALONE_BYTES
    return await (door.off_loop(work) if is_alone else asyncio.to_thread(work))


async def _unknown(door: FrontDoor, arrivals: Sequence[Arrival]) -> list[Arrival]:
    known = await door.memory.recall([arrival.stamp.batch_id for arrival in arrivals])
    fresh = []
    for arrival in arrivals:
        before = known.get(arrival.stamp.batch_id)
        if before is None:
            fresh.append(arrival)
        elif before.digest != arrival.digest:
            arrival.fail(Conflict("the idempotency key was used for another body; use a new one", code="key_reused"))
        else:
            arrival.succeed(repeated(door, before, arrival))
    return fresh


async def _publish_all(door: FrontDoor, passed: Sequence[Passed]) -> None:
    if len(passed) == 1:
        # A task of its own costs one body as much as what is done here.
        await _publish_one(door, passed[0])
    else:
        await asyncio.gather(*(_publish_one(door, each) for each in passed))


async def _publish_one(door: FrontDoor, passed: Passed) -> None:
    try:
        receipts = await publish(door, passed)
    except Exception as error:  # each caller hears it
        for arrival in passed.arrivals:
            arrival.fail(error)
        return
    for arrival, receipt in zip(passed.arrivals, receipts, strict=True):
        arrival.succeed(receipt)
