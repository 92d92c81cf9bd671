"""Senders who send a few bytes now and then: others are served beside them, and they hold what they sent, no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from chassis.testing import eventually
from tests.gateway.house import Door, House, door
from tests.gateway.scripted import ScriptedIngest, scripted_ingest

SENDERS = 64
PART, PAUSE_S = b" " * 16, 0.05
ANNOUNCED = 1024 * 1024
WITHIN_S = 3.0


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(whole: House) -> AsyncIterator[tuple[ScriptedIngest, Door]]:
    """A gateway that waits seconds for a body and holds 1 MiB, in front of a scripted ingest."""
    async with scripted_ingest() as (service, address):
        addresses = {**whole.addresses, "ingest_address": address}
        bounds = {"body_within_s": WITHIN_S, "max_bodies_bytes": ANNOUNCED}
        async with door(whole.common, **addresses, **bounds) as opened:
            yield service, opened


class Slow:
    """One who announces a large body and sends it in small parts, until somebody answers or `parts` have gone."""

    def __init__(self, opened: Door, *, size: int, parts: int) -> None:
        self._host, self._port = opened.url.removeprefix("http://").split(":")
        self._token = opened.token("partner", user="slow")
        self._size = size
        self._parts = parts
        self.sent = 0

    async def status(self) -> int:
        reader, writer = await asyncio.open_connection(self._host, int(self._port))
        head = f"POST /api/v1/records/sku?source=slow HTTP/1.1\r\nHost: {self._host}\r\n"
        head += f"Authorization: Bearer {self._token}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {self._size}\r\n\r\n".encode())
        answer = asyncio.create_task(reader.readline())
        while not answer.done() and self.sent < self._parts * len(PART):
            writer.write(PART)
            self.sent += len(PART)
            await asyncio.wait([answer], timeout=PAUSE_S)
        line = await answer
        writer.close()
        return int(line.split()[1])


async def test_slow_senders_are_sent_away_while_another_is_served_and_nothing_of_theirs_is_stored(
    guarded: tuple[ScriptedIngest, Door],
):
    service, opened = guarded
    client = await opened.client("partner", user="quick")
    intake = opened.web.state.intake
    slow = [Slow(opened, size=ANNOUNCED, parts=ANNOUNCED) for _ in range(SENDERS)]
    sending = [asyncio.create_task(each.status()) for each in slow]
    await eventually(lambda: _holds(intake, SENDERS * len(PART)))

    served, held = [], []
    for number in range(20):
        response = await client.post("/api/v1/records/sku", json=[{"sku_code": f"Q-{number}"}])
        served.append(response.status_code)
        held.append(intake.held)
    cut = await asyncio.gather(*sending)

    assert served == [202] * 20
    assert max(held) <= sum(each.sent for each in slow) + 1000 < ANNOUNCED
    assert cut == [408] * SENDERS
    assert intake.held == 0
    assert {taken.sent_by for taken in service.taken} == {"quick"}


async def test_a_slow_sender_who_comes_to_the_end_in_time_is_served(guarded: tuple[ScriptedIngest, Door]):
    service, opened = guarded
    slow = Slow(opened, size=5 * len(PART), parts=5)

    status = await slow.status()

    assert status == 202
    assert [taken.body for taken in service.taken] == [PART * 5]


async def _holds(intake: object, size: int) -> bool:
    return int(getattr(intake, "held", 0)) >= size
