"""What it costs to apply records to twins, over a real PostgreSQL with durable writes.

    python -m bench.twin.feed [--messages 64] [--group 16] [KIND ...]

Messages of 1,000 records, as ingest publishes them, are read and taken in as the service does it, several in a
transaction: first of twins that nobody knows yet, then the same a week later. CPU, not wall time: of this process, and
of PostgreSQL. `read` is the part that makes sightings of records, measured by itself before.

Not counted: taking messages from NATS, and handing over what is told (the outbox is filled, its relay does not run).
What is known changes much: each shop moves and has another tier, each order another time.

The last lines are a mix: each kind that the pack in demo/real loads counts as often as the pack has records of it. They
are computed from the lines above, so a kind that is not among them is left out; its share is told.
"""

from __future__ import annotations

import argparse
import gc
import io
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import uvloop
import yaml

from bench.cpu import postgres_cpu_s
from chassis.app import GARBAGE_FROM
from chassis.bus import bus
from chassis.db import database
from chassis.outbox import Relay
from chassis.testing import fresh_database
from deploy.servers import servers
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.schema import polars_schema
from services.twin import usecases
from services.twin.app import MIGRATIONS
from services.twin.consumers import in_groups
from services.twin.domain.feeding.feeds import Feeds
from services.twin.domain.types import Types
from services.twin.store import OUTBOX, SCHEMA, PostgresStore
from services.twin.usecases import Part

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MESSAGE = 1000
SHOPS, SKUS, LINES = 20_000, 300, 15
PACK = Path(__file__).parents[2] / "demo" / "real"
Row = dict[str, Any]


def _order(number: int, _chance: random.Random) -> Row:
    """Lines of an order of a shop, one order behind the other."""
    order = number // LINES
    at = NOW + timedelta(seconds=order)
    shop = f"R{order * 7919 % SHOPS}"
    return {
        "retailer_code": shop,
        "order_no": f"O{order}",
        "line_no": number % LINES,
        "ordered_at": at,
        "occurred_at": at,
    }


def _sale(number: int, chance: random.Random) -> Row:
    """Sales at the tills of all shops, as they come in."""
    at = NOW + timedelta(milliseconds=72 * number)
    return {"retailer_code": f"R{chance.randrange(SHOPS)}", "order_no": f"P{number}", "sold_at": at, "occurred_at": at}


def _shop(number: int, chance: random.Random) -> Row:
    """Each shop once."""
    return {
        "retailer_code": f"R{number}",
        "name": f"Shop {number}",
        "license_no": f"{number:012}",
        "license_status": "valid",
        "store_format": "grocery",
        "market_type": "urban",
        "adcode": f"{chance.randrange(3000)}",
        "city_org": "C1",
        "tier": chance.randrange(1, 31),
        "lon": 117 + chance.random(),
        "lat": 31 + chance.random(),
    }


def _sample(number: int, chance: random.Random) -> Row:
    """1,600 signals once a second."""
    tag = number % 1600
    at = NOW + timedelta(seconds=number // 1600)
    name = f"P1.make.M{tag // 20}.maker.{'speed' if tag % 20 == 0 else f's{tag % 20}'}"
    return {
        "tag": name,
        "machine": f"M{tag // 20}",
        "value": chance.random(),
        "quality": "good",
        "sampled_at": at,
        "occurred_at": at,
    }


def _state(number: int, chance: random.Random) -> Row:
    at = NOW + timedelta(seconds=number)
    state = chance.choice(["run", "idle", "stop"])
    return {
        "machine": f"M{chance.randrange(200)}",
        "line_code": "L1",
        "plant": "P1",
        "state": state,
        "from_at": at,
        "occurred_at": at,
    }


def _stock(number: int, chance: random.Random) -> Row:
    """A day's stock of each company and product."""
    company, sku = divmod(number, SKUS)
    return {
        "org_code": f"C{company}",
        "sku_code": f"S{sku}",
        "stock_base": chance.randrange(10**8),
        "adcode": f"{company}",
    }


def _oms(number: int, chance: random.Random) -> Row:
    at = NOW + timedelta(seconds=number // 3)
    return {
        "oms_no": f"X{number // 3}",
        "line_no": number % 3,
        "buyer_org": "C1",
        "sku_code": f"S{chance.randrange(SKUS)}",
        "qty_base": 50_000,
        "status": "checked",
        "status_at": at,
        "occurred_at": at,
    }


def _region_sale(number: int, _chance: random.Random) -> Row:
    week, place = divmod(number, 99 * 50)
    at = NOW + timedelta(weeks=week)
    return {
        "org_code": "C1",
        "sku_code": f"S{place % 50}",
        "period": "week",
        "biz_date": at.date(),
        "occurred_at": at,
        "qty_base": 500,
        "adcode": f"{place // 50}",
    }


MADE: dict[str, Callable[[int, random.Random], Row]] = {
    "commercial_order": _order,
    "pos_sale": _sale,
    "retailer": _shop,
    "scada_sample": _sample,
    "equipment_state": _state,
    "commercial_stock": _stock,
    "oms_order": _oms,
    "commercial_sale": _region_sale,
}


def messages(kind: str, count: int, week: int = 0) -> Iterator[bytes]:
    """Messages of 1,000 records with all the columns that they have in the log."""
    chance = random.Random(week)
    later = timedelta(weeks=week)
    schema = polars_schema(KINDS[kind])
    envelope = {**dict.fromkeys(schema), "source": "bench", "occurred_at": NOW, "op": "upsert", "quality_status": "ok"}
    for number in range(count):
        rows = [{**envelope, **MADE[kind](number * MESSAGE + place, chance)} for place in range(MESSAGE)]
        for row in rows:
            row.update({name: value + later for name, value in row.items() if isinstance(value, date)})
        sink = io.BytesIO()
        pl.DataFrame(rows, schema).write_ipc_stream(sink)
        yield sink.getvalue()


def shares() -> dict[str, float]:
    """By kind, which part it is of the records that the pack loads."""
    counts: Counter[str] = Counter()
    for each in yaml.safe_load((PACK / "pack.yaml").read_text(encoding="utf-8"))["load"]:
        path = PACK / each["file"]
        rows = pl.scan_csv(path, infer_schema=False) if path.suffix == ".csv" else pl.scan_parquet(path)
        counts[each["kind"]] += rows.select(pl.len()).collect().item()
    return {kind: count / counts.total() for kind, count in counts.items()}


def _show_mix(twins: str, costs: Mapping[str, tuple[float, float]]) -> None:
    """Own CPU and that of the database, µs a record by kind, as the pack mixes them."""
    parts = {kind: part for kind, part in shares().items() if kind in costs}
    if len(parts) < 2:
        return
    own, database = (sum(part * costs[kind][place] for kind, part in parts.items()) for place in (0, 1))
    covered = sum(parts.values())
    own, database = own / covered, database / covered
    print(
        f"{'mix of the pack':<18}{twins:<8}{f'{covered:.1%} of it':>20}{'':>10}{1e6 / own:>11,.0f}"
        f"{own:>7.1f}{database:>12.1f}{1e6 / (own + database):>9,.0f}"
    )


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=64)
    options.add_argument("--group", type=int, default=16)
    options.add_argument("kinds", nargs="*", default=list(MADE))
    asked = options.parse_args()
    print("kind              twins     records  sightings    read/s  applied/s     µs  + database   both/s")
    costs: dict[str, dict[str, tuple[float, float]]] = {"new": {}, "known": {}}
    with tempfile.TemporaryDirectory() as folder:
        async with servers(Path(folder)) as running, bus(running.nats_url, "bench") as log:
            for kind in asked.kinds:
                async with fresh_database(running.postgres_url) as url, database(url, SCHEMA) as db:
                    await db.migrate(MIGRATIONS)
                    types = Types.shipped()
                    store = PostgresStore(db, Relay(db, log, OUTBOX), types)
                    for week, twins in enumerate(costs):
                        made = list(messages(kind, asked.messages, week))
                        groups = [made[start : start + asked.group] for start in range(0, len(made), asked.group)]
                        feeds = Feeds.load(types)
                        pid = running.pids["postgres"]
                        costs[twins][kind] = await _measure(store, feeds, kind, groups, twins, database_pid=pid)
    for twins, measured in costs.items():
        _show_mix(twins, measured)


async def _measure(
    store: PostgresStore, feeds: Feeds, kind: str, made: list[list[bytes]], twins: str, *, database_pid: int
) -> tuple[float, float]:
    """CPU of this process and of the database, µs a record."""
    count = sum(map(len, made)) * MESSAGE
    # As the service does when it has started.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_FROM, *gc.get_threshold()[1:])
    began, sightings = time.process_time(), 0
    for group in made:
        frames = [_frame(each) for each in group]
        sightings += len(feeds.read(kind, pl.concat(frames), NOW, store.types).sightings)
    read_s = time.process_time() - began
    began, database_began = time.process_time(), postgres_cpu_s(database_pid)
    for place, group in enumerate(made):
        parts = [Part(f"{twins}.{place}.{number}", kind, _frame(each)) for number, each in enumerate(group)]
        for together in in_groups(parts, feeds):
            await usecases.take_in_records(store, feeds, together, consumer="bench", known_at=NOW)
    own_s, database_s = time.process_time() - began, postgres_cpu_s(database_pid) - database_began
    print(
        f"{kind:<18}{twins:<8}{count:>9,}{sightings:>11,}{count / read_s:>10,.0f}{count / own_s:>11,.0f}"
        f"{own_s / count * 1e6:>7.1f}{database_s / count * 1e6:>12.1f}{count / (own_s + database_s):>9,.0f}"
    )
    return own_s / count * 1e6, database_s / count * 1e6


def _frame(message: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(message))


if __name__ == "__main__":
    uvloop.run(main())
