"""Small bodies that come at the same time travel to ingest in one call.

A call costs both sides more than a small body does. While one call for a kind and source is on its way, what comes for
the same waits and shares the next one, which waits a moment for those who were just answered: senders mostly have more.
A body that meets nobody goes at once, and a large one always goes alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chassis.errors import Unavailable
from chassis.rpc import error_of
from chassis.telemetry import carry
from gateway.clients import Services
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import types_pb2

SMALL_BYTES = 32 * 1024
TOGETHER = 128
PAUSE_S = 0.001
GATHERING_S = 0.02

Waiting = tuple[pb.TakeInRequest, asyncio.Future[types_pb2.Receipt]]


class Pushes:
    """Bodies on their way to ingest."""

    def __init__(self, behind: Services) -> None:
        self._behind = behind
        self._waiting: dict[tuple[str, str], list[Waiting]] = {}
        self._lanes: set[asyncio.Task[None]] = set()

    async def take_in(self, request: pb.TakeInRequest) -> types_pb2.Receipt:
        """The receipt of a body; raises what ingest raised."""
        if len(request.body) > SMALL_BYTES:
            return (await self._behind.ingest.TakeIn(request)).receipt
        lane = (request.kind, request.source)
        waiting = self._waiting.get(lane)
        if waiting is not None:
            request.traceparent = carry().get("traceparent", "")
            answer: asyncio.Future[types_pb2.Receipt] = asyncio.get_running_loop().create_future()
            waiting.append((request, answer))
            return await answer
        self._waiting[lane] = []
        try:
            return (await self._behind.ingest.TakeIn(request)).receipt
        finally:
            task = asyncio.create_task(self._run(lane))
            self._lanes.add(task)
            task.add_done_callback(self._lanes.discard)

    async def _run(self, lane: tuple[str, str]) -> None:
        while await self._gathered(lane):
            waiting = self._waiting[lane]
            self._waiting[lane] = waiting[TOGETHER:]
            await self._send(waiting[:TOGETHER])
        del self._waiting[lane]

    async def _gathered(self, lane: tuple[str, str]) -> int:
        """Waits while bodies come, though not for long: who was answered just now mostly has more. How many wait."""
        loop = asyncio.get_running_loop()
        until, before = loop.time() + GATHERING_S, -1
        while before < (count := len(self._waiting[lane])) < TOGETHER and loop.time() < until:
            before = count
            await asyncio.sleep(PAUSE_S)
        return count

    async def _send(self, group: Sequence[Waiting]) -> None:
        bodies = [request for request, answer in group if not answer.done()]
        group = [each for each in group if not each[1].done()]
        try:
            found = await self._behind.ingest.TakeInTogether(pb.TakeInTogetherRequest(bodies=bodies))
        except Unavailable as error:
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), each in zip(group, found.answers, strict=True):
            if answer.done():
                continue
            if each.error_json:
                answer.set_exception(error_of(each.error_json))
            else:
                answer.set_result(each.receipt)
