"""Twins that are asked for at the same time travel in one call.

A call costs both sides several times what a twin does. While two calls are on their way, who asks waits and shares the
next one; who meets nobody is served at once. A twin that several want is asked for once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice

from chassis.errors import ChassisError, NotFound, Unavailable
from gateway.clients import Services
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import types_pb2

TOGETHER = 128
LANES = 2

Answer = asyncio.Future[types_pb2.Twin]


class Lookups:
    """Twins on their way from the twin service."""

    def __init__(self, behind: Services) -> None:
        self._behind = behind
        self._waiting: dict[str, list[Answer]] = {}
        self._lanes: set[asyncio.Task[None]] = set()

    async def get(self, twin_id: str) -> types_pb2.Twin:
        """The newest state of a twin; NotFound where there is none. Nobody gets a state older than the question."""
        answer: Answer = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(twin_id)
        if waiting is not None:
            waiting.append(answer)
            return await answer
        self._waiting[twin_id] = [answer]
        if len(self._lanes) < LANES:
            task = asyncio.create_task(self._run())
            self._lanes.add(task)
            task.add_done_callback(self._lanes.discard)
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            group = {each: self._waiting.pop(each) for each in list(islice(self._waiting, TOGETHER))}
            error: ChassisError = Unavailable("the question was not asked to its end", retry_after_s=1)
            try:
                found = await self._behind.twin.ReadTwins(pb.ReadTwinsRequest(ids=list(group)))
                for twin in found.twins:
                    _answer(group.pop(twin.id), twin)
                for twin_id in list(group):
                    _fail(group.pop(twin_id), NotFound(f"there is no twin {twin_id}", code="twin_not_found"))
            except ChassisError as raised:
                error = raised
            finally:
                for answers in group.values():
                    _fail(answers, error)


def _answer(answers: Iterable[Answer], twin: types_pb2.Twin) -> None:
    """Who went away meanwhile hears nothing."""
    for answer in answers:
        if not answer.done():
            answer.set_result(twin)


def _fail(answers: Iterable[Answer], error: ChassisError) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
