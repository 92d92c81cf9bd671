"""Feeds the door records with known numbers by every road, then searches every byte that is left for each of them.

    python -m tests.ingest.canary [RECORDS]

What is packed (Parquet, Arrow in the log) is unpacked before it is searched, and the databases are searched as files
and as text. That the search finds what is there is shown by values that are planted in every place.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import nats
import polars as pl
import redis.asyncio

from chassis.rpc import is_serving
from chassis.testing import eventually
from deploy.embedded import free_port
from deploy.servers import Servers
from gateway.auth import Tokens
from marketwin.ingest.v1 import events_pb2
from services.ingest.wire import from_ipc
from tests.ingest.builders import ARROW, CSV, JSON, NDJSON, sale, shop
from tests.ingest.outage import Nats, restartable_nats, spawned
from tests.ingest.running import at

KEY = "a secret of the canary, long enough for all"
PARQUET = "application/vnd.apache.parquet"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SMALL_BODY, LARGE_BODY = 2_000, 20_000
LIMIT_S = 1800.0
# Elsewhere than inside a longer number or name: a digest holds eleven digits in a row by chance.
PHONES = re.compile(rb"(?<![0-9A-Za-z])1990[0-9]{7}(?![0-9A-Za-z])")
PERSONS = re.compile(rb"wxcanary[0-9]{7}")


def phone(number: int) -> str:
    return f"1990{number:07d}"


def person(number: int) -> str:
    return f"wxcanary{number:07d}"


@dataclass(slots=True)
class Search:
    """Looks for every known value in one pass over whatever it is given."""

    records: int
    searched_bytes: int = 0
    found: dict[str, set[str]] = field(default_factory=dict)

    def look(self, place: str, content: bytes) -> None:
        self.searched_bytes += len(content)
        hits = {match.group().decode() for pattern in (PHONES, PERSONS) for match in pattern.finditer(content)}
        known = {hit for hit in hits if int(hit[-7:]) < self.records}
        if known:
            self.found.setdefault(place, set()).update(known)


def bodies(records: int) -> Iterator[tuple[str, bytes]]:
    """All records, in every format in turn: most are good, some are set aside, refused, or hold numbers elsewhere."""
    writers: list[tuple[str, Callable[[pl.DataFrame], bytes]]] = [
        (NDJSON, lambda frame: frame.write_ndjson().encode()),
        (CSV, lambda frame: frame.write_csv().encode()),
        (ARROW, lambda frame: _written(frame.write_ipc_stream)),
        (JSON, lambda frame: json.dumps(frame.to_dicts()).encode()),
        (PARQUET, lambda frame: _written(frame.write_parquet)),
        (XLSX, lambda frame: _written(frame.write_excel)),
    ]
    size = SMALL_BODY if records < 100_000 else LARGE_BODY
    for turn, first in enumerate(range(0, records, size)):
        rows = pl.DataFrame([_row(number) for number in range(first, min(first + size, records))])
        media, write = writers[turn % len(writers)]
        yield media, write(rows.select(pl.all().cast(pl.String)))


def _written(write: Callable[[io.BytesIO], Any]) -> bytes:
    sink = io.BytesIO()
    write(sink)
    return sink.getvalue()


def _row(number: int) -> dict[str, Any]:
    telling = {"consumer_phone": phone(number), "consumer_id": person(number), "consent_ref": f"cn-{number}"}
    row = {**sale(order_no=f"C{number}", sold_at=at(hours=1)), **telling, "note": None}
    odd: dict[int, dict[str, Any]] = {
        11: {"sold_at": "never"},
        12: {"sold_at": phone(number)},
        13: {"order_no": None},
        14: {"sku_name_raw": f"call {phone(number)}"},
        15: {"order_no": phone(number)},
        16: {"note": f"{phone(number)} {person(number)}"},
        17: {"consent_ref": None},
        18: {"amount": phone(number), "sku_code": "NOBODY-KNOWS"},
        19: {"qty": "-1"},
    }
    return {**row, **odd.get(number % 20, {})}


@dataclass(frozen=True, slots=True)
class House:
    """Servers, ingest and gateway in one folder, with their logs in it."""

    folder: Path
    running: Servers
    nats: Nats
    client: httpx.AsyncClient

    async def post(self, kind: str, body: bytes, media: str, **headers: str) -> httpx.Response:
        return await self.client.post(
            f"/api/v1/records/{kind}", content=body, headers={"content-type": media, **headers}, timeout=300
        )

    async def written(self) -> None:
        """Waits until the log is in the book and in the history."""
        client = await nats.connect(self.nats.url)
        try:
            await eventually(lambda: _nothing_waits(client), within_s=LIMIT_S, every_s=0.2)
        finally:
            await client.close()


async def _nothing_waits(client: Any) -> bool:
    consumers = [each for each in await client.jsm().consumers_info("INGEST") if each.config.durable_name]
    return len(consumers) >= 2 and not any(each.num_pending or each.num_ack_pending for each in consumers)


async def opened(folder: Path, rooms: AsyncExitStack) -> House:
    """Everything started in an empty folder."""
    log = await rooms.enter_async_context(restartable_nats(folder))
    running = Servers(folder / "servers", environ={"MARKETWIN_NATS_URL": log.url})
    rooms.push_async_callback(running.stop)
    await running.start()
    ingest, gateway = free_port(), free_port()
    environ = os.environ | running.environment | {"MARKETWIN_NATS_URL": log.url, "MARKETWIN_TRACE_RATIO": "1"}
    environ |= {"MARKETWIN_DATA": str(folder / "data"), "INGEST_TOKEN_KEY": KEY, "INGEST_PORT": str(ingest)}
    environ |= {"GATEWAY_JWT_KEY": KEY, "GATEWAY_PORT": str(gateway), "GATEWAY_INGEST_ADDRESS": f"127.0.0.1:{ingest}"}
    for module in ("services.ingest", "gateway"):
        process = spawned([sys.executable, "-m", module], folder / f"{module}.log", environ)
        rooms.callback(process.wait)
        rooms.callback(process.terminate)
    token = Tokens(KEY).issue("canary", "canary", ["admin"], hours=2)
    client = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{gateway}", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )
    await rooms.enter_async_context(client)
    await eventually(lambda: is_serving(f"127.0.0.1:{ingest}"), within_s=60)
    await eventually(lambda: _is_healthy(client), within_s=60)
    return House(folder, running, log, client)


async def _is_healthy(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx.HTTPError:
        return False


async def fed(house: House, records: int) -> dict[str, int]:
    """Everything through the door, by good roads and by bad ones; returns what became of the records."""
    sku = {"sku_code": "34010021", "name_zh": "黄山(硬)", "price_guide": "260.00", "price_wholesale": "230.00"}
    for kind, row in (("sku", sku), ("retailer", shop(retailer_code="R340100000001"))):
        assert (await house.post(kind, json.dumps([row]).encode(), JSON)).status_code == 202
    counts = dict.fromkeys(("accepted", "quarantined", "rejected", "duplicates"), 0)
    for turn, (media, body) in enumerate(bodies(records)):
        answer = await house.post("pos_sale", body, media, **{"idempotency-key": phone(turn)})
        assert answer.status_code == 202, (media, answer.text[:300])
        counts = {name: count + answer.json()[name] for name, count in counts.items()}
    await _broken(house)
    await house.written()
    await _dead(house)
    return counts


async def _broken(house: House) -> None:
    """Bodies that cannot be read, by every decoder."""
    text = f'[{{"consumer_phone": "{phone(1)}", "consumer_id": "{person(1)}"'.encode()
    for media in (JSON, NDJSON, CSV, ARROW, PARQUET, XLSX, "text/plain"):
        answer = await house.post("pos_sale", text, media)
        assert phone(1) not in answer.text
        assert person(1) not in answer.text
    for path in (f"/api/v1/records/pos_sale?source={phone(2)}", f"/api/v1/records/{phone(2)}"):
        await house.client.post(path, content=text, headers={"content-type": JSON})


async def _dead(house: House) -> None:
    """A message of the log that cannot be read becomes a dead letter."""
    client = await nats.connect(house.nats.url)
    try:
        stream = client.jetstream()
        whole = await stream.get_msg("INGEST", subject="marketwin.ingest.v1.RecordsAccepted.pos_sale", next=True, seq=1)
        event = events_pb2.RecordsAccepted.FromString(whole.data)
        torn = events_pb2.RecordsAccepted(kind="pos_sale", batch_id="torn", arrow_ipc=event.arrow_ipc[:-100])
        await stream.publish("marketwin.ingest.v1.RecordsAccepted.pos_sale", torn.SerializeToString())

        async def is_buried() -> bool:
            streams = await client.jsm().streams_info()
            return any(each.config.name == "DEAD" and each.state.messages for each in streams)

        await eventually(is_buried, within_s=60)
    finally:
        await client.close()


async def spooled(house: House, records: int) -> None:
    """Records that come while the log is away wait on the disk."""
    await house.nats.stop()
    rows = [_row(number) for number in range(0, records, max(1, records // 100))]
    answer = await house.post("pos_sale", json.dumps(rows).encode(), JSON, **{"idempotency-key": "while away"})
    assert answer.status_code == 202, answer.text


async def search(house: House, records: int) -> Search:
    """Looks through files, unpacked files, the log, the caches and every table."""
    found = Search(records)
    await asyncio.to_thread(_search_files, house.folder, found)
    await _search_tables(house.running.postgres_url, found)
    await _search_cache(house.running.redis_url, found)
    await _search_log(house.nats.url, found)
    return found


def _search_files(folder: Path, found: Search) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_socket():
            found.look(str(path.relative_to(folder)), path.read_bytes())
            if path.suffix == ".parquet" and "_delta_log" not in path.parts:
                found.look(f"unpacked {path.relative_to(folder)}", _text(pl.read_parquet(path)))


def _text(frame: pl.DataFrame) -> bytes:
    return frame.select(pl.col(pl.String)).write_csv().encode()


async def _search_tables(url: str, found: Search) -> None:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, name in tables:
            sink = io.BytesIO()
            await connection.copy_from_query(f'SELECT t::text FROM "{schema}"."{name}" t', output=sink)
            found.look(f"table {schema}.{name}", sink.getvalue())
    finally:
        await connection.close()


async def _search_cache(url: str, found: Search) -> None:
    client = redis.asyncio.from_url(url)
    async for key in client.scan_iter(count=1000):
        found.look("cache", key + b"\n" + (await client.get(key) if await client.type(key) == b"string" else b""))
        found.look("cache dump", await client.dump(key) or b"")
    await client.aclose()


async def _search_log(url: str, found: Search) -> None:
    client = await nats.connect(url)
    try:
        for stream in await client.jsm().streams_info():
            for sequence in range(max(1, stream.state.first_seq), stream.state.last_seq + 1):
                message = await client.jsm().get_msg(str(stream.config.name), sequence)
                found.look(f"log {stream.config.name}", message.subject.encode() + b"\n" + (message.data or b""))
                if ".RecordsAccepted." in message.subject:
                    event = events_pb2.RecordsAccepted.FromString(message.data or b"")
                    if event.batch_id != "torn":
                        found.look("unpacked log", _text(from_ipc(event.arrow_ipc)))
    finally:
        await client.close()


async def planted(house: House, number: int) -> None:
    """One known number in a file, packed, in a table, in the cache and in the log: the search must find each."""
    (house.folder / "planted.bin").write_bytes(b"\x00\x0b" + phone(number).encode() + b"\x12")
    pl.DataFrame({"a": [person(number)] * 100}).write_parquet(house.folder / "planted.parquet", compression="zstd")
    connection = await asyncpg.connect(house.running.postgres_url)
    await connection.execute("CREATE TABLE planted (a text)")
    await connection.execute("INSERT INTO planted VALUES ($1)", f"tel:{phone(number)}")
    await connection.close()
    client = redis.asyncio.from_url(house.running.redis_url)
    await client.set("planted", person(number))
    await client.aclose()
    bus = await nats.connect(house.nats.url)
    await bus.jetstream().publish("dead.planted", phone(number).encode())
    await bus.close()


async def _main(records: int) -> int:
    with tempfile.TemporaryDirectory() as place:
        async with AsyncExitStack() as rooms:
            house = await opened(Path(place), rooms)
            began = time.perf_counter()
            counts = await fed(house, records)
            sys.stdout.write(f"{records:,} records in {time.perf_counter() - began:.0f} s: {counts}\n")
            began = time.perf_counter()
            found = await search(house, records)
            seconds = time.perf_counter() - began
            sys.stdout.write(f"{found.searched_bytes / 1e9:.2f} GB searched in {seconds:.0f} s\n")
            sys.stdout.write(f"found: {found.found or 'nothing'}\n")
            return 1 if found.found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)))
