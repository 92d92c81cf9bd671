"""A CSV of orders through file drop: seconds from the file in the folder to the last receipt, and to the book.

    python -m bench.ingest.file_drop [RECORDS] [--json]

Starts its own PostgreSQL, NATS and Valkey. The whole ingest service runs in this process, book and history included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import uvloop
from pydantic import SecretStr

from chassis.bus import Bus, bus
from chassis.rpc import connect
from chassis.settings import CommonSettings
from deploy.servers import servers
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest.app import app
from services.ingest.consumers import DURABLE, STREAM
from services.ingest.settings import IngestSettings

SHOPS, PRODUCTS = 20_000, 300
PART = 20_000
CONNECTION = """connection: orders
type: file_drop
source: city_orders
kind: commercial_order
options:
  folder: {folder}
  settle_s: 0
  every_s: 0.05
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one file cost."""

    records: int
    bytes: int
    taken_s: float
    """Until the last part had its receipt and the file lay in `done`."""
    taken_cpu_s: float
    """CPU of the whole process until then, book and history included."""
    booked_s: float
    """Until the book held all of it."""
    cpu_s: float
    memory_mb: float


def orders(records: int) -> pl.DataFrame:
    """Order lines of a week as a city company exports them."""
    number = pl.int_range(records, eager=True)
    moment = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return pl.DataFrame({"number": number}).select(
        order_no=pl.format("D{}", pl.col("number") // 20),
        line_no=pl.col("number") % 20 + 1,
        retailer_code=pl.format("R3401{}", (pl.col("number") // 20 % SHOPS).cast(pl.String).str.zfill(8)),
        sku_code=pl.format("3401{}", (pl.col("number") * 11 % PRODUCTS).cast(pl.String).str.zfill(4)),
        qty_demand_base=pl.lit(2000),
        qty_order_base=pl.lit(1000),
        price_wholesale=pl.lit("230.00"),
        amount=pl.lit("1150.00"),
        ordered_at=pl.lit(moment),
        state=pl.lit("confirmed"),
    )


async def drop_file(records: int, common: CommonSettings, folder: Path) -> Taken:
    """Drops a CSV of so many orders before a fresh ingest service on the given servers."""
    drop, connections = folder / "drop", folder / "connections"
    for each in (drop, connections):
        each.mkdir(parents=True, exist_ok=True)  # nothing else runs yet
    (connections / "orders.yaml").write_text(CONNECTION.format(folder=drop))
    aside = drop / "orders.csv.part"
    orders(records).write_csv(aside)
    settings = IngestSettings(common=common, token_key=SecretStr("k" * 32), connections=connections)
    async with (
        app(settings) as running,
        connect(running.address, service_pb2_grpc.IngestServiceStub, deadline_s=60) as stub,
        bus(common.nats_url, "bench") as log,
    ):
        await _master_data(stub)
        await _booked(log)
        began, cpu = time.monotonic(), time.process_time()
        size = aside.stat().st_size
        aside.rename(drop / "orders.csv")
        done = drop / "done" / "orders.csv"
        while not done.exists():  # noqa: ASYNC110  # the folder is all that a sender sees
            await asyncio.sleep(0.02)
        taken, taken_cpu = time.monotonic() - began, time.process_time() - cpu
        await _booked(log)
        booked = time.monotonic() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found = await stub.GetQuality(pb.GetQualityRequest())
        (row,) = [each for each in found.balances if each.source == "city_orders"]
        if (row.received, row.stored) != (records, records):
            raise SystemExit(f"{row.received} received, {row.stored} stored of {records}")
        return Taken(records, size, taken, taken_cpu, booked, time.process_time() - cpu, memory)


async def _booked(log: Bus) -> None:
    while await log.pending(STREAM, DURABLE):  # noqa: ASYNC110  # the server is asked, nobody signals
        await asyncio.sleep(0.05)


async def _master_data(stub: service_pb2_grpc.IngestServiceStub) -> None:
    shops = pl.DataFrame({"number": pl.int_range(SHOPS, eager=True)}).select(
        retailer_code=pl.format("R3401{}", pl.col("number").cast(pl.String).str.zfill(8)),
        license_no=pl.format("3401021{}", pl.col("number").cast(pl.String).str.zfill(5)),
        name=pl.lit("徽州路便利店"),
        adcode=pl.lit("340100"),
        city_org=pl.lit("C340100"),
    )
    products = pl.DataFrame({"number": pl.int_range(PRODUCTS, eager=True)}).select(
        sku_code=pl.format("3401{}", pl.col("number").cast(pl.String).str.zfill(4)),
        name_zh=pl.lit("黄山(硬)"),
        price_wholesale=pl.lit("230.00"),
        price_guide=pl.lit("260.00"),
    )
    org = pl.DataFrame({"org_code": ["C340100"], "name": ["合肥市公司"], "adcode": ["340100"]})
    for kind, frame in (("sku", products), ("org", org), ("retailer", shops)):
        body = frame.write_csv().encode()
        await stub.TakeIn(pb.TakeInRequest(kind=kind, source="crm", content_type="text/csv", body=body))


async def _measured(records: int) -> Taken:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with servers(folder) as running:
            common = CommonSettings(
                postgres_url=running.postgres_url,
                nats_url=running.nats_url,
                redis_url=running.redis_url,
                data=folder,
                environment="bench",
            )
            return await drop_file(records, common, folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("records", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print the figures as a JSON object")
    given = parser.parse_args()
    taken = uvloop.run(_measured(given.records))
    if given.json:
        print(json.dumps(asdict(taken)))
        return
    print(
        f"{taken.records:,} orders, {taken.bytes / 1e6:.0f} MB: taken in {taken.taken_s:.1f} s "
        f"({taken.records / taken.taken_s:,.0f}/s, {taken.taken_cpu_s:.1f} s CPU), "
        f"in the book after {taken.booked_s:.1f} s, "
        f"{taken.cpu_s / taken.records * 1e6:.1f} µs CPU a record, at most {taken.memory_mb:.0f} MB"
    )


if __name__ == "__main__":
    main()
