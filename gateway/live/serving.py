"""How one client is served, whatever it is connected by.

comes new ───────────────────▶ snapshot ─▶ deltas ─▶ ...
comes back, not long ago ────▶ deltas from the ring ─▶ ...
comes back, within 7 days ───▶ deltas from the log, if they are not too many ─▶ deltas from the ring ─▶ ...
falls too far behind, or comes from another life of the log ─▶ snapshot
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING

import structlog

from chassis.bus import Bus
from chassis.errors import Unavailable
from chassis.replay import Missed, replayed
from gateway.auth import Caller, unauthenticated
from gateway.live.filters import Filter
from gateway.live.hub import SUBJECT, Hub, Subscription, Told, delta_heard, mark_at, run_of, snapshot_text
from gateway.live.readings import Readings
from gateway.views.twins import twin_text
from marketwin.twin.v1 import service_pb2 as pb

if TYPE_CHECKING:
    from marketwin.twin.v1.service_pb2_grpc import TwinServiceAsyncStub

log = structlog.get_logger()

LISTENING_WITHIN_S = 5.0
PAGE = 1000
QUIET_S = 15.0
MISSED_MESSAGES = 10_000
MISSED_BYTES = 16 * 1024 * 1024
"""Above that a snapshot is cheaper."""
REPLAYS = 4
REPLAY_WITHIN_S = 5.0
HEARD_WITHIN_S = 2.0


class Live:
    """What serves the clients of the live stream."""

    def __init__(self, hub: Hub, readings: Readings, bus: Bus, twin: TwinServiceAsyncStub) -> None:
        self.hub = hub
        self.readings = readings
        self._bus = bus
        self._twin = twin
        self._replays = asyncio.Semaphore(REPLAYS)

    def told(self, wanted: Filter, after: int | None, *, measured: bool = False) -> AsyncGenerator[Told, None]:
        """All for one client, for ever: changes of twins and, where that is wanted, what is measured meanwhile."""
        changes = self._changes(wanted, after)
        return merged(changes, self.readings.told(wanted)) if measured else changes

    async def _changes(self, wanted: Filter, after: int | None) -> AsyncGenerator[Told, None]:
        """Every change for one client, for ever; at least a mark every 15 s.

        The first one comes at once. It fails with Unavailable while there is no stream of changes, or no twin service
        to take a snapshot from.
        """
        await self._until_listening()
        if after is not None and not self.hub.covers(after):
            async with aclosing(self._missed(wanted, after)) as missed:
                async for told in missed:
                    after = told.sequence
                    yield told
        subscription = self.hub.subscribe(wanted, after)
        if not subscription.needs_snapshot:
            yield mark_at(subscription.sequence, wanted)
        while True:
            if subscription.needs_snapshot:
                async for told in self._snapshot(subscription):
                    yield told
            async for told in _followed(subscription):
                yield told
            subscription = self.hub.subscribe(wanted)

    async def _until_listening(self) -> None:
        try:
            await asyncio.wait_for(self.hub.listening.wait(), LISTENING_WITHIN_S)
        except TimeoutError:
            raise Unavailable("the stream of changes cannot be reached", retry_after_s=1) from None

    async def _missed(self, wanted: Filter, after: int) -> AsyncGenerator[Told, None]:
        """What the log still knows, up to where the hub takes over; nothing, or less, where it does not reach there."""
        try:
            async with asyncio.timeout(REPLAY_WITHIN_S):
                await self._replays.acquire()
        except TimeoutError:
            return
        reached = after
        try:
            source = replayed(self._bus, SUBJECT, after=after, most=MISSED_MESSAGES, most_bytes=MISSED_BYTES)
            async with aclosing(source) as batches:
                async for missed in batches:
                    reached = missed.sequence
                    yield await _retold(missed, wanted)
                    if self.hub.covers(reached):
                        return
            # The end of the log was reached; the hub is about to hear of it, too.
            await self.hub.wait_for(reached, HEARD_WITHIN_S)
        except (LookupError, Unavailable) as error:
            log.info("live.snapshot_instead", error=type(error).__name__)
        finally:
            self._replays.release()

    async def _snapshot(self, subscription: Subscription) -> AsyncGenerator[Told, None]:
        """The twins as they are now, in parts; changes meanwhile wait in the hub. One can go on after the last part."""
        wanted, sequence = subscription.wanted, subscription.sequence
        cursor, more = "", True
        while more:
            asked = pb.ListTwinsRequest(
                model=wanted.model, ids=sorted(wanted.ids), filter=wanted.query, page_size=PAGE, cursor=cursor
            )
            page = await self._twin.ListTwins(asked)
            cursor, more = page.next_cursor, bool(page.next_cursor)
            text = snapshot_text(sequence, [twin_text(twin) for twin in page.twins], more=more)
            yield Told(text, None if more else sequence, "snapshot")


async def merged(first: AsyncGenerator[Told, None], *others: AsyncGenerator[Told, None]) -> AsyncGenerator[Told, None]:
    """What each of them tells, as it comes; nothing of the others before the first has begun."""
    yield await anext(first)
    coming = {asyncio.ensure_future(anext(each)): each for each in (first, *others)}
    try:
        while True:
            done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                teller = coming.pop(each)
                told = each.result()
                coming[asyncio.ensure_future(anext(teller))] = teller
                yield told
    finally:
        for each in coming:
            each.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        for teller in (first, *others):
            await teller.aclose()


async def _followed(subscription: Subscription) -> AsyncGenerator[Told, None]:
    """What comes, until the client is too far behind to go on."""
    while True:
        try:
            yield await subscription.next(QUIET_S)
        except LookupError:
            return


async def _retold(missed: Missed, wanted: Filter) -> Told:
    """A batch of the log as one message; a mark where nothing in it is wanted."""
    selections = []
    for message in missed.messages:
        delta = delta_heard(message)
        if delta is not None:
            selections.append(wanted.select(delta.changes))
        # Each costs what the hub spends on one: others have their turn in between.
        await asyncio.sleep(0)
    return run_of(missed.sequence, selections, wanted)


async def until_gone(
    caller: Caller, *, serving: Coroutine[None, None, None], leaving: Coroutine[None, None, None]
) -> None:
    """Lets a client be served until it leaves, its token expires (Denied), or serving ends or fails."""
    tasks = [asyncio.ensure_future(serving), asyncio.ensure_future(leaving)]
    try:
        left = max(0.0, caller.expires_at - time.time())
        done, _ = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not done:
        raise unauthenticated("the token has expired")
    if tasks[0] in done:
        tasks[0].result()
