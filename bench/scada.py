"""What signals of machines cost, by `python bench/scada.py [--seconds 15]`: CPU per second of load, and what was lost.

The reference load is 1,600 tags at 1 Hz (2 plants x 20 lines x 40 tags); R-02 asks for five times as much. OPC UA
servers, the MQTT broker and its publisher are processes of their own; the figure is that of the ingest process alone,
with its door, book, history and minutes. PostgreSQL, NATS and Valkey are beside it. A lost sample is in no minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from aiomqtt import Client, ProtocolVersion

from chassis.db import Database, database, read_frame
from chassis.settings import CommonSettings
from deploy.servers import servers
from services.ingest.app import app
from services.ingest.settings import IngestSettings
from services.ingest.store import SCHEMA
from tests.ingest.peers import PASSWORD, USER, broker, plant
from tests.ingest.peers.opcua_server import FOLDER

TAGS = 1600
WAIT_S = 60
OPCUA = 'options: {{address: "{address}", journal: "{journal}", browse: [{{folder: "{folder}", tag: {name}}}]}}'
MQTT = (
    "options: {{host: 127.0.0.1, port: {port}, username: {user}, password: BENCH_PASSWORD, journal: {journal}, "
    'topics: [{{topic: "{name}/{{machine}}/{{signal}}", tag: "{name}.{{machine}}.{{signal}}"}}]}}'
)


async def measure(road: str, times: int, seconds: int, postgres_url: str, common: CommonSettings) -> None:
    """One road at some times the reference load; prints its row."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        files = folder / "connections"
        files.mkdir()
        plants, port = [], 0
        if road == "opcua":
            plants = [await stack.enter_async_context(plant(TAGS)) for _ in range(times)]
            for place, each in enumerate(plants):
                name = f"opcua{times}x{place}"
                text = OPCUA.format(address=each.address, journal=folder, folder=FOLDER, name=name)
                (files / f"{name}.yaml").write_text(_file(name, "opcua", text))
        else:
            port = (await stack.enter_async_context(broker(folder, saves_each=False))).port
            name = f"mqtt{times}x0"
            (files / f"{name}.yaml").write_text(
                _file(name, "mqtt", MQTT.format(port=port, user=USER, journal=folder, name=name))
            )
        settings = IngestSettings(common=common, token_key="a key of the benchmark, long enough", connections=files)  # type: ignore[arg-type]  # pydantic takes the text
        await stack.enter_async_context(app(settings))
        db = await stack.enter_async_context(database(postgres_url, SCHEMA))
        before = TAGS * times if plants else 1
        if not plants:
            await _subscribed(port, name, db)
        await _holds(db, f"{road}{times}x%", before)
        await asyncio.sleep(3)
        cpu, begun = time.process_time(), time.monotonic()
        if plants:
            await asyncio.gather(*(each.ask(f"write {seconds} 1000") for each in plants))
        else:
            command = ("-m", "tests.ingest.peers.mqtt_publisher", str(port), name, str(TAGS * times), str(seconds))
            publisher = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdout=asyncio.subprocess.DEVNULL
            )
            await publisher.wait()
        wanted = before + TAGS * times * seconds
        held = await _holds(db, f"{road}{times}x%", wanted)
        took = time.monotonic() - begun
        used_ms = (time.process_time() - cpu) * 1000
        lost, per_s = wanted - held, used_ms / seconds
        print(
            f"{road:6} {TAGS * times:6}/s {seconds:3} s  {per_s:7.0f} ms CPU/s of load"
            f"  {per_s / TAGS / times * 1000:5.0f} us/sample  all in minutes after {took:5.1f} s  lost {lost}",
            flush=True,
        )


async def _subscribed(port: int, name: str, db: Database) -> None:
    """Sends one sample until it is there: what is published before the first subscription is for nobody."""
    client = Client("127.0.0.1", port, username=USER, password=PASSWORD, protocol=ProtocolVersion.V5)
    async with client:
        at = time.time()
        while not await _held(db, f"{name}.%"):
            await client.publish(f"{name}/probe/p", json.dumps({"ts": at, "value": 1}), qos=1)
            await asyncio.sleep(0.5)


async def _held(db: Database, tags: str) -> int:
    """Samples in the minutes of tags."""
    async with db.transaction() as session:
        statement = "SELECT coalesce(sum(n), 0)::bigint AS n FROM ingest.scada_minute WHERE tag LIKE :tags"
        return int((await read_frame(session, statement, {"tags": tags}))["n"][0])


def _file(name: str, type: str, options: str) -> str:
    return f"connection: {name}\ntype: {type}\nsource: {name}\nkind: scada_sample\n{options}\n"


async def _holds(db: Database, tags: str, wanted: int) -> int:
    """Samples in the minutes of tags; waits until there are as many as wanted."""
    until = time.monotonic() + WAIT_S
    while (held := await _held(db, tags)) < wanted and time.monotonic() < until:  # noqa: ASYNC110  # the database signals nobody
        await asyncio.sleep(0.5)
    return held


async def main(seconds: int, roads: list[str], loads: list[int]) -> None:
    os.environ["BENCH_PASSWORD"] = PASSWORD
    with tempfile.TemporaryDirectory() as folder:
        async with servers(Path(folder)) as running:
            common = CommonSettings(
                postgres_url=running.postgres_url,
                nats_url=running.nats_url,
                redis_url=running.redis_url,
                data=Path(folder),
                environment="test",
            )
            for road in roads:
                for times in loads:
                    await measure(road, times, seconds, running.postgres_url, common)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--roads", nargs="+", default=["opcua", "mqtt"])
    parser.add_argument("--loads", nargs="+", type=int, default=[1, 5], help="times the reference load")
    given = parser.parse_args()
    asyncio.run(main(given.seconds, given.roads, given.loads))
