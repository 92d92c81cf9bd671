from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.bus import Bus, bus
from chassis.passing import overhear, passing_subject, tell
from chassis.settings import CommonSettings
from chassis.testing import eventually
from marketwin.twin.v1 import events_pb2, types_pb2


def _message(source: str) -> events_pb2.TwinReadings:
    return events_pb2.TwinReadings(readings=[types_pb2.Reading(id="machine:x", source=source)])


@asynccontextmanager
async def _overhearing(log: Bus) -> AsyncIterator[list[str]]:
    """The sources of what is told, once it is sure that it is heard."""
    heard: list[str] = []
    task = asyncio.create_task(
        overhear(log, events_pb2.TwinReadings, lambda event: heard.append(event.readings[0].source))
    )

    async def is_heard() -> bool:
        await tell(log, _message("are you there"))
        return bool(heard)

    try:
        await eventually(is_heard)
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_told_is_heard_in_order_and_what_cannot_be_read_is_left_out(common: CommonSettings):
    run = uuid.uuid4().hex
    async with bus(common.nats_url, "teller") as log, _overhearing(log) as heard:
        await tell(log, _message(f"{run}-1"))
        await log.client.publish(passing_subject(events_pb2.TwinReadings), b"\xff\xff\xff")
        await tell(log, _message(f"{run}-2"))
        await eventually(lambda: _is_in(f"{run}-2", heard))

    assert [each for each in heard if each.startswith(run)] == [f"{run}-1", f"{run}-2"]


async def _is_in(source: str, heard: list[str]) -> bool:
    return source in heard


async def test_no_stream_keeps_what_is_told(common: CommonSettings):
    async with bus(common.nats_url, "teller") as log, _overhearing(log):
        await log.ensure_stream("twin")
        before = (await log.jetstream.stream_info("TWIN")).state.messages
        for number in range(5):
            await tell(log, _message(str(number)))
        await log.client.flush()

        assert (await log.jetstream.stream_info("TWIN")).state.messages == before


async def test_telling_while_nobody_listens_or_the_server_is_away_disturbs_nobody(common: CommonSettings):
    async with bus(common.nats_url, "teller") as log:
        await tell(log, _message("nobody"))
        await log.client.close()
        await tell(log, _message("away"))
