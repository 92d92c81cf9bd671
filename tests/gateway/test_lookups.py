"""Twins that are asked for at the same time travel together, and each caller gets its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.errors import NotFound, Unavailable
from chassis.rpc import connect, serve
from gateway.lookups import LANES, TOGETHER, Lookups
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import types_pb2
from marketwin.twin.v1.service_pb2_grpc import (
    TwinServiceServicer,
    TwinServiceStub,
    add_TwinServiceServicer_to_server,
)


class SlowTwins(TwinServiceServicer):  # type: ignore[misc]  # generated without types
    """Answers when it is let; knows all but `none:...`."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.asked = asyncio.Event()
        self.calls: list[list[str]] = []

    async def ReadTwins(self, request: pb.ReadTwinsRequest, context: Any) -> pb.ReadTwinsResponse:
        self.calls.append(list(request.ids))
        self.asked.set()
        await self.let.wait()
        if "break:1" in request.ids:
            raise Unavailable("away")
        known = [each for each in reversed(request.ids) if not each.startswith("none:")]
        return pb.ReadTwinsResponse(twins=[types_pb2.Twin(id=each, revision=len(self.calls)) for each in known])


@asynccontextmanager
async def lookups() -> AsyncIterator[tuple[Lookups, SlowTwins]]:
    service = SlowTwins()
    async with (
        serve([(add_TwinServiceServicer_to_server, service)], host="127.0.0.1", port=0) as address,
        connect(address, TwinServiceStub) as stub,
    ):
        yield Lookups(SimpleNamespace(twin=stub)), service  # type: ignore[arg-type]  # only one service is asked


async def test_those_who_ask_while_calls_are_on_their_way_share_the_next_one():
    async with lookups() as (twins, service):
        first = [asyncio.create_task(twins.get(f"sku:first{n}")) for n in range(LANES)]
        await asyncio.wait_for(service.asked.wait(), 10)
        rest = [asyncio.create_task(twins.get(f"sku:{n}")) for n in range(TOGETHER)]
        await asyncio.sleep(0)
        service.let.set()

        found = await asyncio.gather(*first, *rest)

    assert [each.id for each in found] == [f"sku:first{n}" for n in range(LANES)] + [
        f"sku:{n}" for n in range(TOGETHER)
    ]
    assert sum(map(len, service.calls)) == LANES + TOGETHER
    assert len(service.calls) <= LANES + 2


async def test_a_twin_that_many_want_is_asked_for_once():
    async with lookups() as (twins, service):
        asking = [asyncio.create_task(twins.get("sku:1")) for _ in range(50)]
        service.let.set()

        found = await asyncio.gather(*asking)

    assert {each.id for each in found} == {"sku:1"}
    assert service.calls == [["sku:1"]]


async def test_nobody_gets_a_state_that_is_older_than_the_question():
    async with lookups() as (twins, service):
        before = asyncio.create_task(twins.get("sku:1"))
        await asyncio.wait_for(service.asked.wait(), 10)

        after = asyncio.create_task(twins.get("sku:1"))
        await asyncio.sleep(0)
        service.let.set()

        assert (await after).revision > (await before).revision - 1
        assert service.calls == [["sku:1"], ["sku:1"]]


async def test_what_is_not_there_is_not_found_and_spares_the_others():
    async with lookups() as (twins, service):
        service.let.set()

        found = await asyncio.gather(twins.get("sku:1"), twins.get("none:1"), return_exceptions=True)

    assert isinstance(found[0], types_pb2.Twin)
    assert isinstance(found[1], NotFound)


async def test_a_service_that_is_away_is_told_to_all_who_asked():
    async with lookups() as (twins, service):
        service.let.set()
        asking = [asyncio.create_task(twins.get(each)) for each in ("break:1", "sku:1")]

        found = await asyncio.gather(*asking, return_exceptions=True)

        assert isinstance(found[0], Unavailable)
        assert (await twins.get("sku:2")).id == "sku:2"


async def test_one_who_goes_away_takes_nothing_from_the_others():
    async with lookups() as (twins, service):
        gone = asyncio.create_task(twins.get("sku:1"))
        stays = asyncio.create_task(twins.get("sku:1"))
        await asyncio.wait_for(service.asked.wait(), 10)
        gone.cancel()
        service.let.set()

        assert (await stays).id == "sku:1"
        with pytest.raises(asyncio.CancelledError):
            await gone
