"""Waiting to the end whatever happens."""

from __future__ import annotations

import asyncio

import pytest

from deploy.tasks import uninterrupted


async def test_putting_in_order_goes_on_when_it_is_told_to_stop_and_the_stop_is_not_forgotten() -> None:
    done: list[str] = []
    goes_on = asyncio.Event()

    async def put_in_order() -> None:
        await goes_on.wait()
        done.append("in order")

    task = asyncio.create_task(uninterrupted(put_in_order()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    goes_on.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["in order"]


async def test_its_result_and_its_failure_are_passed_on() -> None:
    async def work(number: int) -> float:
        return 1 / number

    assert await uninterrupted(work(2)) == 0.5
    with pytest.raises(ZeroDivisionError):
        await uninterrupted(work(0))
