"""Messages fetched ahead of a consumer: kept alive while they wait, given back when it stops.

server ─▶ waiting ─take─▶ handler ─settled─▶ forgotten
             └───────┬───────┘
          alive until settled; given back on leaving
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

log = structlog.get_logger()

PULL_BATCH = 64
PULL_EXPIRES_S = 5.0
ALIVE_TIMES = 3
"""How often within its time a message that waits is said to be alive."""


class Pull:
    """A continuous pull with an inbox of its own: asks for more before it runs dry.

    `PullSubscription.fetch` of nats-py opens and times out a request per call and can stall after a reconnect.
    """

    def __init__(self, client: Client, stream: str, durable: str, *, ack_wait_s: float) -> None:
        self._client = client
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._inbox = client.new_inbox()
        self._ack_wait_s = ack_wait_s
        self._waiting: deque[Msg] = deque()
        self._unsettled: dict[int, Msg] = {}
        self._came = asyncio.Event()
        self._asked = 0
        self._broken = False
        self._connection = 0

    async def take(self, most: int = 1, most_bytes: int = 0) -> list[Msg]:
        """The next messages that are there, in order: at least one, at most so many and, from the second on, so large.

        Each must be settled when it is acknowledged in one way or another.
        """
        while not self._waiting:
            await self._wait_for_more()
        taken = [self._waiting.popleft()]
        size = len(taken[0].data)
        while self._waiting and len(taken) < most:
            size += len(self._waiting[0].data)
            if size > most_bytes:
                break
            taken.append(self._waiting.popleft())
        if self._asked + len(self._waiting) < PULL_BATCH // 2:
            await self._ask()
        return taken

    def settled(self, raw: Msg) -> None:
        """This message was acknowledged, given back or ended."""
        self._unsettled.pop(id(raw), None)

    async def _wait_for_more(self) -> None:
        connection = self._client.stats["reconnects"]
        if connection != self._connection:
            # What was asked of the lost connection will not come.
            self._connection, self._asked = connection, 0
        if self._broken:
            self._broken = False
            await asyncio.sleep(0.2)
        if self._asked < PULL_BATCH // 2:
            await self._ask()
        self._came.clear()
        try:
            async with asyncio.timeout(PULL_EXPIRES_S + 5):
                while not (self._waiting or self._broken or self._asked == 0):
                    await self._came.wait()
                    self._came.clear()
        except TimeoutError:
            self._asked = 0

    async def _ask(self) -> None:
        request = b'{"batch": %d, "expires": %d}' % (PULL_BATCH, int(PULL_EXPIRES_S * 1e9))
        try:
            await self._client.publish(self._next, request, reply=self._inbox)
            self._asked = PULL_BATCH
        except nats.errors.Error:
            self._broken = True

    async def _hear(self, raw: Msg) -> None:
        if raw.headers and "Status" in raw.headers and not raw.reply:
            self._asked = 0
            self._broken = raw.headers["Status"] not in ("404", "408")
        else:
            self._asked -= 1
            self._waiting.append(raw)
            self._unsettled[id(raw)] = raw
        self._came.set()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._ack_wait_s / ALIVE_TIMES)
            try:
                for raw in [raw for raw in self._unsettled.values() if not raw.is_acked]:
                    await raw.in_progress()
            except nats.errors.Error as error:
                log.warning("bus.error", error=type(error).__name__)

    async def _give_back(self) -> None:
        """Everything that was fetched and not settled comes again at once, here or elsewhere."""
        unsettled = [raw for raw in self._unsettled.values() if not raw.is_acked]
        for raw in unsettled:
            await raw.nak()
        if unsettled:
            await self._client.flush()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pull]:
        """Fetches for as long as the block runs."""
        subscription = await self._client.subscribe(self._inbox, cb=self._hear)
        alive = asyncio.create_task(self._keep_alive(), name="keep-alive")
        try:
            yield self
        finally:
            alive.cancel()
            if not self._client.is_closed:
                try:
                    # Leaving asks the server first, so that what is on its way is given back too.
                    await subscription.drain()  # type: ignore[no-untyped-call]  # as nats-py has it
                    await self._give_back()
                except (nats.errors.Error, TimeoutError, OSError) as error:
                    log.warning("bus.error", error=type(error).__name__)
