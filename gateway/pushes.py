"""Small bodies that come at the same time travel to ingest in one call.

A call costs both sides more than a small body does, but to wait for others costs time. So few go at once, each alone;
while so many of one kind and source are on their way, what comes for the same waits and shares the next call, which
waits a moment for those who were just answered: senders mostly have more. A large body always goes alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chassis.errors import ChassisError, Unavailable
from chassis.rpc import error_of
from chassis.telemetry import carry
from gateway.clients import Services
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import types_pb2

SMALL_BYTES = 32 * 1024
TOGETHER = 128
FEW = 4
"""Bodies of one kind and source that may be on their way before others wait for each other."""
PAUSE_S = 0.001
GATHERING_S = 0.02

Waiting = tuple[pb.TakeInRequest, asyncio.Future[types_pb2.Receipt]]


class _Lane:
    """The bodies of one kind and source."""

    def __init__(self) -> None:
        self.alone = 0
        """Calls of one body that are on their way."""
        self.waiting: list[Waiting] = []
        self.group = 0
        """Bodies of the last shared call: after a large one its senders are waited for."""
        self.running: asyncio.Task[None] | None = None
        """Sends those who wait, until nobody does."""

    @property
    def is_calm(self) -> bool:
        return self.alone + self.group + len(self.waiting) < FEW

    async def gathered(self) -> int:
        """Waits while bodies come, though not for long: who was answered just now mostly has more. How many wait."""
        loop = asyncio.get_running_loop()
        until, before = loop.time() + GATHERING_S, -1
        while before < (count := len(self.waiting)) < TOGETHER and loop.time() < until:
            before = count
            await asyncio.sleep(PAUSE_S)
        return count


class Pushes:
    """Bodies on their way to ingest."""

    def __init__(self, behind: Services) -> None:
        self._behind = behind
        self._lanes: dict[tuple[str, str], _Lane] = {}

    @property
    def sources(self) -> int:
        """Of how many kinds and sources bodies are on their way."""
        return len(self._lanes)

    async def take_in(self, request: pb.TakeInRequest) -> types_pb2.Receipt:
        """The receipt of a body; raises what ingest raised."""
        if len(request.body) > SMALL_BYTES:
            return (await self._behind.ingest.TakeIn(request)).receipt
        name = (request.kind, request.source)
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane()
        if lane.is_calm:
            return await self._alone(name, lane, request)
        request.traceparent = carry().get("traceparent", "")
        answer: asyncio.Future[types_pb2.Receipt] = asyncio.get_running_loop().create_future()
        lane.waiting.append((request, answer))
        return await answer

    async def _alone(self, name: tuple[str, str], lane: _Lane, request: pb.TakeInRequest) -> types_pb2.Receipt:
        lane.alone += 1
        try:
            return (await self._behind.ingest.TakeIn(request)).receipt
        finally:
            lane.alone -= 1
            if lane.waiting and lane.running is None:
                lane.running = asyncio.create_task(self._run(name, lane))
            self._let_go(name, lane)

    async def _run(self, name: tuple[str, str], lane: _Lane) -> None:
        try:
            while await lane.gathered():
                group, lane.waiting = lane.waiting[:TOGETHER], lane.waiting[TOGETHER:]
                lane.group = len(group)
                await self._send(group)
        finally:
            # Whatever ended it, nobody is left waiting, and the next body finds a lane that goes.
            _fail(lane.waiting, _unknown())
            lane.waiting, lane.group, lane.running = [], 0, None
            self._let_go(name, lane)

    def _let_go(self, name: tuple[str, str], lane: _Lane) -> None:
        if not lane.alone and lane.running is None:
            del self._lanes[name]

    async def _send(self, group: Sequence[Waiting]) -> None:
        group = [each for each in group if not each[1].done()]
        bodies = [request for request, _ in group]
        try:
            found = await self._behind.ingest.TakeInTogether(pb.TakeInTogetherRequest(bodies=bodies))
            for (_, answer), each in zip(group, found.answers, strict=True):
                if answer.done():
                    continue
                if each.error_json:
                    answer.set_exception(error_of(each.error_json))
                else:
                    answer.set_result(each.receipt)
        except ChassisError as error:
            _fail(group, error)
        finally:
            _fail(group, _unknown())


def _fail(waiting: Sequence[Waiting], error: ChassisError) -> None:
    for _, answer in waiting:
        if not answer.done():
            answer.set_exception(error)


def _unknown() -> Unavailable:
    return Unavailable("nobody knows whether it was taken in; send it again", retry_after_s=1)
