"""Door to twin to live client: `python -m bench.twin.live`, 200 sales a second, each of another shop.

PostgreSQL, NATS and Valkey from their wheels (NATS syncs every message), and an ingest, a twin and a gateway process. A
sale is one POST of one JSON record over one of 16 kept connections, sent when its time has come and not when the one
before was answered. It changes the twin of its shop (`last_pos_sale_at`). A client has subscribed to the shops over
WebSocket beforehand and has its snapshot. Of each sale is taken

    door      from the first byte sent until the record is published in the log
    twin      from there until the change of its twin is published in the log
    gateway   from there until the client has read it
    in all    from the first byte sent until the client has read it

all on the clock of this process, which hears the log as an ordinary subscriber of NATS; that and the sending cost CPU
that a real machine would not spend. CPU is that of each process by the event. `--parts door,book` has ingest write its
book at the same time, as it does by default; `--query` subscribes by RQL instead of by model; `--clients` has more
clients follow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from bench.ingest.house import House, house
from bench.ingest.load import cpu_s, request
from bench.ingest.tills import SHOPS, sales
from bench.twin.table import quantile, say
from chassis.bus import Bus, bus, subject_of
from marketwin.ingest.v1.events_pb2 import RecordsAccepted
from marketwin.twin.v1.events_pb2 import TwinChanged

CONNECTIONS = 16
WARM_S = 3.0
QUIET_S = 3.0
LIMIT_S = 60.0
SHOP_CODE, SHOP_TEXT = re.compile(rb"R3401[0-9]{8}"), re.compile(r'"id": ?"retailer:(R3401[0-9]{8})"')
STAGES = ("door", "twin", "gateway", "in all")
STEPS_MS = (2, 4, 6, 8, 10, 15, 20, 25, 30, 40, 50, 75, 100, 200, 500)


@dataclass(slots=True)
class Way:
    """When a sale passed where; by the shop it is of, which is in no other sale on its way."""

    sent: float
    accepted: float = 0.0
    changed: float = 0.0
    seen: float = 0.0


@dataclass(slots=True)
class Watch:
    """Sales on their way, by shop, and those that have arrived."""

    on_the_way: dict[str, Way] = field(default_factory=dict)
    arrived: list[Way] = field(default_factory=list)

    def pass_by(self, shops: list[str], place: str) -> None:
        now = time.perf_counter()
        for shop in shops:
            way = self.on_the_way.get(shop)
            if way is not None and not getattr(way, place):
                setattr(way, place, now)
                if place == "seen":
                    # The client may be read before the log is.
                    way.changed = way.changed or now
                    way.accepted = way.accepted or way.changed
                    self.arrived.append(self.on_the_way.pop(shop))


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--per-second", type=int, default=200)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--parts", default="door")
    options.add_argument("--query", default="")
    options.add_argument("--clients", type=int, default=1)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with house(Path(folder), parts=asked.parts, has_twin=True) as built:
            await _measure(built, asked)


async def _measure(built: House, asked: argparse.Namespace) -> None:
    wanted = {"filter": asked.query} if asked.query else {"model": "retailer"}
    watch = Watch()
    async with bus(built.servers.nats_url, "bench") as log, AsyncExitStack() as clients:
        await _shops_are_told(built)
        sockets = [(await clients.enter_async_context(_following(built, wanted)))[0] for _ in range(asked.clients)]
        await _hear(log, watch)
        readers = [asyncio.create_task(_read(socket, watch if not n else None)) for n, socket in enumerate(sockets)]
        await _send(built, watch, sales(0, int(WARM_S * asked.per_second)), asked.per_second)
        watch.arrived.clear()
        before = {name: cpu_s(pids) for name, pids in built.pids.items()}
        rows = sales(int(WARM_S * asked.per_second), int(asked.seconds * asked.per_second))
        await _send(built, watch, rows, asked.per_second)
        spent = {name: (cpu_s(pids) - before[name]) / len(rows) * 1e6 for name, pids in built.pids.items()}
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    _show(watch.arrived, len(rows), spent)


async def _shops_are_told(built: House) -> None:
    """Every shop has its twin, and nothing of that is told any more."""
    async with asyncio.timeout(LIMIT_S):
        known = 0
        while known < SHOPS:
            async with _following(built, {"model": "retailer"}) as (_, known):
                await asyncio.sleep(QUIET_S)


@asynccontextmanager
async def _following(built: House, wanted: dict[str, Any]) -> AsyncIterator[tuple[ClientConnection, int]]:
    """A client that has its snapshot, of so many twins."""
    address = f"ws://{built.address}/api/v1/live"
    protocols: list[Any] = ["marketwin.v1", f"bearer.{built.token}"]
    async with connect(address, subprotocols=protocols, proxy=None, compression=None, max_size=None) as socket:
        await socket.send(json.dumps({"subscribe": wanted}))
        known, more = 0, True
        while more:
            part = json.loads(await socket.recv())
            known, more = known + len(part["twins"]), part.get("more", False)
        yield socket, known


async def _hear(log: Bus, watch: Watch) -> None:
    """Notes when records and changes are published. Shops are looked for in the bytes: reading would cost CPU that is
    measured."""

    async def accepted(raw: Any) -> None:
        watch.pass_by([f"retailer:{code.decode()}" for code in SHOP_CODE.findall(raw.data)], "accepted")

    async def changed(raw: Any) -> None:
        watch.pass_by([f"retailer:{code.decode()}" for code in SHOP_CODE.findall(raw.data)], "changed")

    await log.client.subscribe(subject_of(RecordsAccepted, "pos_sale"), cb=accepted)
    await log.client.subscribe(subject_of(TwinChanged, "retailer"), cb=changed)


async def _read(socket: ClientConnection, watch: Watch | None) -> None:
    async for text in socket:
        if watch is not None:
            watch.pass_by([f"retailer:{code}" for code in SHOP_TEXT.findall(str(text))], "seen")


async def _send(built: House, watch: Watch, rows: list[dict[str, Any]], per_second: int) -> None:
    """Sends each sale at its time; returns when all have been seen, or after a while."""
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    host, port = built.address.split(":")
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection(host, int(port)))
    path = "/api/v1/records/pos_sale?source=bench"

    async def one(row: dict[str, Any]) -> None:
        reader, writer = await free.get()
        body = json.dumps(row, ensure_ascii=False).encode()
        watch.on_the_way[f"retailer:{row['retailer_code']}"] = Way(time.perf_counter())
        writer.write(request(built.address, path, built.token, body, "application/json"))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        receipt = json.loads(await reader.readexactly(length))
        if receipt.get("accepted") != 1:
            raise SystemExit(f"the door answered {receipt}")
        free.put_nowait((reader, writer))

    begun = time.perf_counter()
    sending = []
    for number, row in enumerate(rows):
        await asyncio.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
        row["sold_at"] = _now()
        sending.append(asyncio.create_task(one(row)))
    await asyncio.gather(*sending)
    until = time.perf_counter() + QUIET_S
    while watch.on_the_way and time.perf_counter() < until:  # noqa: ASYNC110  # one that never comes would not signal
        await asyncio.sleep(0.05)
    watch.on_the_way.clear()
    while not free.empty():
        free.get_nowait()[1].close()


def _now() -> str:
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1e6):06}Z"


def _show(arrived: list[Way], sent: int, spent: dict[str, float]) -> None:
    parts = {
        "door": [way.accepted - way.sent for way in arrived],
        "twin": [way.changed - way.accepted for way in arrived],
        "gateway": [way.seen - way.changed for way in arrived],
        "in all": [way.seen - way.sent for way in arrived],
    }
    say(f"{len(arrived):,} of {sent:,} changes seen; ms")
    say(f"{'':<10}{'p50':>9}{'p90':>9}{'p99':>9}{'most':>9}")
    for name in STAGES:
        figures = [quantile(parts[name], share) * 1000 for share in (0.5, 0.9, 0.99, 1.0)]
        say(f"{name:<10}" + "".join(f"{each:>9.1f}" for each in figures))
    say("CPU µs by the event: " + ", ".join(f"{name} {cost:,.0f}" for name, cost in spent.items()))
    _histogram([each * 1000 for each in parts["in all"]])


def _histogram(found_ms: list[float]) -> None:
    lower = 0
    for upper in STEPS_MS:
        share = sum(lower <= each < upper for each in found_ms) / len(found_ms)
        if share:
            say(f"{lower:>5} to {upper:>4} ms {share:>7.1%}  {'#' * round(60 * share)}")
        lower = upper
    beyond = sum(each >= lower for each in found_ms) / len(found_ms)
    say(f"{lower:>5} and more {beyond:>7.1%}") if beyond else None


if __name__ == "__main__":
    uvloop.run(main())
