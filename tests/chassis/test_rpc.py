from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.errors import KINDS, ChassisError, Conflict, Invalid, Problem, Unavailable
from chassis.rpc import connect, is_serving, serve
from chassis.telemetry import span, trace_id
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import service_pb2_grpc

Answer = Callable[[pb.CountTwinsRequest], Any]


class _Servicer(service_pb2_grpc.TwinServiceServicer):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def CountTwins(self, request: pb.CountTwinsRequest, context: Any) -> pb.CountTwinsResponse:
        return await self._answer(request)


@asynccontextmanager
async def _calling(answer: Answer, deadline_s: float = 5) -> AsyncIterator[Any]:
    servicer = (service_pb2_grpc.add_TwinServiceServicer_to_server, _Servicer(answer))
    async with (
        serve([servicer], host="127.0.0.1", port=0) as address,
        connect(address, service_pb2_grpc.TwinServiceStub, deadline_s=deadline_s) as stub,
    ):
        yield stub


@pytest.mark.parametrize("kind", KINDS.values())
async def test_each_error_arrives_as_it_was_raised(kind: type[ChassisError]):
    raised = kind("说明", code="special", errors=[Problem("/a/0", "DQ-01", "fill it in")], retry_after_s=3)

    async def answer(_: pb.CountTwinsRequest) -> pb.CountTwinsResponse:
        raise raised

    async with _calling(answer) as stub:
        with pytest.raises(kind) as caught:
            await stub.CountTwins(pb.CountTwinsRequest())

    assert type(caught.value) is kind
    assert caught.value.as_dict() == raised.as_dict()


async def test_a_fault_at_a_place_with_an_endless_name_is_pointed_at_by_what_it_lies_in():
    faults = [Problem(f"/properties/{'x' * 1_000_000}", "rule", "no" * 1_000_000)]

    async def answer(_: pb.CountTwinsRequest) -> pb.CountTwinsResponse:
        raise Invalid("no", errors=faults)

    async with _calling(answer) as stub:
        with pytest.raises(Invalid) as caught:
            await stub.CountTwins(pb.CountTwinsRequest())

    assert caught.value.errors == [Problem("/properties", "rule", "no" * 500)]


async def test_a_subclass_arrives_as_its_kind():
    class Stale(Conflict):
        default_code = "stale"

    async def answer(_: pb.CountTwinsRequest) -> pb.CountTwinsResponse:
        raise Stale("read again")

    async with _calling(answer) as stub:
        with pytest.raises(Conflict) as caught:
            await stub.CountTwins(pb.CountTwinsRequest())

    assert caught.value.code == "stale"


async def test_an_unexpected_error_tells_the_caller_nothing_of_its_text():
    async def answer(_: pb.CountTwinsRequest) -> pb.CountTwinsResponse:
        raise ValueError("13812345678")

    async with _calling(answer) as stub:
        with pytest.raises(Unavailable) as caught:
            await stub.CountTwins(pb.CountTwinsRequest())

    assert caught.value.code == "internal"
    assert "138" not in str(caught.value.as_dict())


async def test_a_call_that_takes_too_long_ends_at_its_deadline():
    async def answer(_: pb.CountTwinsRequest) -> pb.CountTwinsResponse:
        await asyncio.sleep(30)
        return pb.CountTwinsResponse()

    async with _calling(answer, deadline_s=0.1) as stub:
        with pytest.raises(Unavailable) as caught:
            await stub.CountTwins(pb.CountTwinsRequest())

    assert caught.value.code == "deadline_exceeded"


async def test_a_server_that_is_away_is_unavailable():
    async with connect("127.0.0.1:1", service_pb2_grpc.TwinServiceStub, deadline_s=2) as stub:
        with pytest.raises(Unavailable):
            await stub.CountTwins(pb.CountTwinsRequest())

    assert not await is_serving("127.0.0.1:1")


async def test_the_trace_of_the_caller_goes_on_in_the_service():
    seen = []

    async def answer(_: pb.CountTwinsRequest) -> pb.CountTwinsResponse:
        seen.append(trace_id())
        return pb.CountTwinsResponse()

    async with _calling(answer) as stub:
        with span("calling"):
            called_in = trace_id()
            await stub.CountTwins(pb.CountTwinsRequest())

    assert called_in
    assert seen == [called_in]
