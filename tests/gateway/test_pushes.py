"""Small bodies that come at the same time travel together, and each caller hears of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.errors import Conflict, Unavailable
from chassis.rpc import connect, error_text, serve
from chassis.testing import eventually
from gateway.pushes import FEW, SMALL_BYTES, TOGETHER, Pushes
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import types_pb2
from marketwin.ingest.v1.service_pb2_grpc import (
    IngestServiceServicer,
    IngestServiceStub,
    add_IngestServiceServicer_to_server,
)


class SlowIngest(IngestServiceServicer):  # type: ignore[misc]  # generated without types
    """Answers when it is let; the body says what."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.asked = asyncio.Semaphore(0)
        self.calls: list[int] = []

    async def TakeIn(self, request: pb.TakeInRequest, context: Any) -> pb.TakeInResponse:
        self.calls.append(1)
        self.asked.release()
        await self.let.wait()
        return pb.TakeInResponse(receipt=types_pb2.Receipt(batch_id=request.body.decode()[:10]))

    async def TakeInTogether(self, request: pb.TakeInTogetherRequest, context: Any) -> pb.TakeInTogetherResponse:
        self.calls.append(len(request.bodies))
        if any(body.body == b"break" for body in request.bodies):
            raise Unavailable("away")
        if any(body.body == b"short" for body in request.bodies):
            return pb.TakeInTogetherResponse(answers=map(_answer, request.bodies[1:]))
        return pb.TakeInTogetherResponse(answers=map(_answer, request.bodies))


def _answer(body: pb.TakeInRequest) -> pb.TakeInAnswer:
    if body.body == b"used":
        return pb.TakeInAnswer(error_json=error_text(Conflict("used", code="key_reused")))
    return pb.TakeInAnswer(receipt=types_pb2.Receipt(batch_id=body.body.decode()))


@asynccontextmanager
async def pushes() -> AsyncIterator[tuple[Pushes, SlowIngest]]:
    service = SlowIngest()
    async with (
        serve([(add_IngestServiceServicer_to_server, service)], host="127.0.0.1", port=0) as address,
        connect(address, IngestServiceStub) as stub,
    ):
        yield Pushes(SimpleNamespace(ingest=stub)), service  # type: ignore[arg-type]  # only one service is asked


def body(text: str) -> pb.TakeInRequest:
    return pb.TakeInRequest(kind="pos_sale", source="till", body=text.encode())


async def few_asked(service: SlowIngest) -> None:
    """All that go alone have reached the service, so that no shared call overtakes them."""
    async with asyncio.timeout(10):
        for _ in range(FEW):
            await service.asked.acquire()


async def all_of(door: Pushes, service: SlowIngest, texts: list[str]) -> list[Any]:
    calls = [asyncio.create_task(door.take_in(body(text))) for text in texts]
    await few_asked(service)
    service.let.set()
    return await asyncio.gather(*calls, return_exceptions=True)


async def _none_left(door: Pushes) -> bool:
    return door.sources == 0


FIRST = [f"first {number}" for number in range(FEW)]


async def test_few_bodies_go_at_once_and_wait_for_nobody():
    async with pushes() as (door, service):
        answers = await all_of(door, service, FIRST)

    assert service.calls == [1] * FEW
    assert [answer.batch_id for answer in answers] == FIRST


async def test_bodies_that_meet_many_share_a_call_and_each_hears_its_own():
    async with pushes() as (door, service):
        answers = await all_of(door, service, [*FIRST, "a", "used", "b"])

    assert service.calls == [1] * FEW + [3]
    assert [getattr(answer, "batch_id", "") for answer in answers] == [*FIRST, "a", "", "b"]
    assert isinstance(answers[FEW + 1], Conflict)
    assert answers[FEW + 1].code == "key_reused"


async def test_a_call_that_fails_is_told_to_all_who_were_in_it_and_the_next_goes_on():
    async with pushes() as (door, service):
        answers = await all_of(door, service, [*FIRST, "break", "a"])
        later = await door.take_in(body("later"))

    assert [type(answer) for answer in answers[FEW:]] == [Unavailable, Unavailable]
    assert later.batch_id == "later"


async def test_an_answer_that_nobody_foresaw_leaves_nobody_waiting_and_the_next_goes_on():
    group = ["short", *map(str, range(TOGETHER))]
    async with pushes() as (door, service), asyncio.timeout(10):
        answers = await all_of(door, service, [*FIRST, *group])
        others = await all_of(door, service, [*FIRST, "a"])
        await eventually(lambda: _none_left(door))

    assert Unavailable in {type(answer) for answer in answers}
    assert len(answers) == FEW + len(group)
    assert others[-1].batch_id == "a"


async def test_a_call_holds_a_bounded_number_of_bodies():
    async with pushes() as (door, service):
        await all_of(door, service, [str(number) for number in range(FEW + TOGETHER + 2)])

    assert service.calls == [1] * FEW + [TOGETHER, 2]


async def test_senders_who_have_more_meet_again_in_one_call():
    async def sender(door: Pushes, name: int) -> None:
        for place in range(5):
            await door.take_in(body(f"{name}.{place}"))

    async with pushes() as (door, service):
        service.let.set()

        await asyncio.gather(*(sender(door, name) for name in range(8)))

    assert sum(service.calls) == 40
    assert service.calls.count(8) >= 3


async def test_nothing_is_kept_of_a_source_that_nobody_sends_for_any_more():
    async with pushes() as (door, service):
        await all_of(door, service, [*FIRST, "a", "b"])

        await eventually(lambda: _none_left(door))


async def test_a_large_body_goes_alone_at_once():
    async with pushes() as (door, service):
        service.let.set()
        large = ["x" * (SMALL_BYTES + 1)] * 3

        await asyncio.gather(*(door.take_in(body(text)) for text in large))

    assert service.calls == [1, 1, 1]


async def test_a_caller_who_goes_away_does_not_hold_up_the_others():
    async with pushes() as (door, service):
        calls = [asyncio.create_task(door.take_in(body(text))) for text in (*FIRST, "gone", "stays")]
        await few_asked(service)
        calls[FEW].cancel()
        service.let.set()
        answers = await asyncio.gather(*calls, return_exceptions=True)

    with pytest.raises(asyncio.CancelledError):
        raise answers[FEW]
    assert answers[FEW + 1].batch_id == "stays"
    assert service.calls == [1] * FEW + [1]
