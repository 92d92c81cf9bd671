from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from chassis.connections import Connections, Driver
from chassis.settings import CommonSettings
from chassis.testing import eventually


@asynccontextmanager
async def _some(
    common: CommonSettings, *, size: int = 2, idle_s: float = 60.0, within_s: float = 10.0
) -> AsyncIterator[Connections]:
    connections = Connections(lambda: asyncpg.connect(common.postgres_url), size=size, idle_s=idle_s, within_s=within_s)
    try:
        yield connections
    finally:
        connections.terminate()


async def _process(connections: Connections) -> int:
    async with connections.one() as driver:
        return int(await driver.fetchval("SELECT pg_backend_pid()"))


async def test_one_given_back_is_taken_again(common: CommonSettings):
    async with _some(common) as connections:
        assert await _process(connections) == await _process(connections)


async def test_who_finds_none_free_waits_for_one(common: CommonSettings):
    async with _some(common, size=2) as connections:
        found = await asyncio.gather(*(_process(connections) for _ in range(20)))

    assert len(set(found)) == 2


async def test_who_waits_too_long_is_told(common: CommonSettings):
    async with _some(common, size=1, within_s=0.05) as connections, connections.one():
        with pytest.raises(TimeoutError):
            await _process(connections)


async def test_one_that_nobody_uses_is_ended(common: CommonSettings):
    async with _some(common, idle_s=0.05) as connections:
        async with connections.one() as driver:
            pass

        async def ended() -> bool:
            return driver.is_closed()

        await eventually(ended)
        assert await _process(connections)


async def test_one_that_the_server_ended_is_not_taken_again(common: CommonSettings):
    async with _some(common) as connections:
        async with connections.one() as driver, connections.one() as other:
            gone = await driver.fetchval("SELECT pg_backend_pid()")
            await other.execute("SELECT pg_terminate_backend($1)", gone)
            await _until_closed(driver)

        assert gone not in [await _process(connections) for _ in range(3)]


async def test_one_that_the_server_ended_while_it_rested_is_not_taken_again(common: CommonSettings):
    async with _some(common) as connections:
        gone = await _process(connections)
        async with connections.one() as resting:
            pass
        other = await asyncpg.connect(common.postgres_url)
        await other.execute("SELECT pg_terminate_backend($1)", gone)
        await other.close()
        await _until_closed(resting)

        assert await _process(connections) != gone


async def test_one_whose_statement_failed_is_used_on(common: CommonSettings):
    async with _some(common) as connections:
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with connections.one() as driver:
                await driver.execute("SELECT 1 / 0")

        async with connections.one() as again:
            assert again is driver


async def test_one_left_in_the_middle_is_not_used_on(common: CommonSettings):
    async with _some(common, size=1) as connections:

        async def sleep() -> None:
            async with connections.one() as driver:
                begun.set_result(driver)
                await driver.execute("SELECT pg_sleep(30)")

        begun: asyncio.Future[Driver] = asyncio.get_running_loop().create_future()
        sleeping = asyncio.create_task(sleep())
        left = await begun
        sleeping.cancel()
        await asyncio.gather(sleeping, return_exceptions=True)

        async with connections.one() as driver:
            assert driver is not left
            assert await driver.fetchval("SELECT 1") == 1


async def test_none_stays_open_behind_the_end(common: CommonSettings):
    async with _some(common) as connections:
        async with connections.one() as idle:
            pass
        async with connections.one() as used:
            connections.terminate()

    assert idle.is_closed()
    assert used.is_closed()


async def _until_closed(driver: Driver) -> None:
    async def closed() -> bool:
        return driver.is_closed()

    await eventually(closed)
