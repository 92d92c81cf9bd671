"""What searches cost, over a real PostgreSQL with durable writes.

    python -m bench.twin.search [--twins 100000] [--times 30]

Each query is asked many times through the store, as the service asks it: text to tree, SQL, one page of 100 twins as
values. Wall time, since most of it is waiting for the database. Shops lie in cities, cities in provinces, provinces in
countries.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chassis.bus import bus
from chassis.db import database
from chassis.outbox import Relay
from chassis.rql.search import search_for, summary_of
from chassis.testing import fresh_database
from deploy.servers import servers
from services.twin.app import MIGRATIONS
from services.twin.domain.twins import Change, Origin, Relation, Twin
from services.twin.domain.types import Types
from services.twin.store import OUTBOX, SCHEMA, PostgresStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORIGIN = Origin(NOW, NOW, "bench", "")
CITIES, PROVINCES = 400, 30
SEARCHES: dict[str, dict[str, Any]] = {
    "one shop by code": {"filter_text": 'eq(properties/code,"c777")'},
    "equal, 1 in 50": {"filter_text": 'eq(properties/grade,"g7")'},
    "two equal, 1 in 1,500": {"filter_text": 'and(eq(properties/grade,"g7"),eq(properties/tier,12))'},
    "range, half of all": {"filter_text": "gt(properties/tier,15)"},
    "range, 1 in 300": {"filter_text": "lt(properties/turnover,10)"},
    "text like": {"filter_text": 'like(properties/name,"*77*")'},
    "sorted by a property": {"filter_text": 'eq(properties/grade,"g7")', "sort": "-properties/turnover"},
    "all, sorted": {"model": "retailer", "sort": "-properties/turnover"},
    "shops of a city": {"filter_text": 'eq(relations/located_in,"region:C7")'},
    "3 relations": {
        "filter_text": 'and(eq(properties/grade,"g7"),related(located_in,related(part_of,related(part_of,'
        'eq(properties/name,"N0")))))'
    },
    "3 relations, few there": {
        "filter_text": 'and(gt(properties/tier,20),related(located_in,and(eq(properties/name,"C7"),'
        "related(part_of,related(part_of,exists(id))))))"
    },
}


def market(count: int) -> list[Twin]:
    """Shops below cities below provinces below two countries."""
    chance = random.Random(1)
    regions = [_region(f"N{number}", "") for number in range(2)]
    regions += [_region(f"P{number}", f"N{number % 2}") for number in range(PROVINCES)]
    regions += [_region(f"C{number}", f"P{number % PROVINCES}") for number in range(CITIES)]
    return regions + [_shop(number, chance) for number in range(count - len(regions))]


def _region(code: str, parent: str) -> Twin:
    above = (Relation("part_of", f"region:{parent}"),) if parent else ()
    return Twin(f"region:{code}", "region", 1, {"name": code}, {}, above, ORIGIN)


def _shop(number: int, chance: random.Random) -> Twin:
    properties = {
        "code": f"c{number}",
        "name": f"Shop {number}",
        "grade": f"g{chance.randrange(50)}",
        "tier": chance.randrange(30),
        "turnover": chance.randrange(3000),
        "lon": 116 + chance.random(),
        **{f"more_{place}": f"value {place}" for place in range(6)},
    }
    relation = Relation("located_in", f"region:C{chance.randrange(CITIES)}")
    return Twin(f"retailer:R{number:06}", "retailer", 1, properties, {}, (relation,), ORIGIN)


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--twins", type=int, default=100_000)
    options.add_argument("--times", type=int, default=30)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            servers(Path(folder)) as running,
            fresh_database(running.postgres_url) as url,
            database(url, SCHEMA) as db,
            bus(running.nats_url, "bench") as log,
        ):
            await db.migrate(MIGRATIONS)
            store = PostgresStore(db, Relay(db, log, OUTBOX), Types.shipped())
            begun = time.perf_counter()
            twins = market(asked.twins)
            for start in range(0, len(twins), 5000):
                async with store.write() as unit:
                    part = twins[start : start + 5000]
                    await unit.save([(twin, Change(1, {"relations": []}, ORIGIN)) for twin in part])
            async with db.driver() as connection:
                await connection.execute("VACUUM ANALYZE")
            print(f"{asked.twins} twins written in {time.perf_counter() - begun:.1f} s; {asked.times} times each, ms")
            await _measure(store, asked.times)


async def _measure(store: PostgresStore, times: int) -> None:
    print(f"{'search':<26}{'found':>7}{'p50':>9}{'p95':>9}")
    for name, query in SEARCHES.items():
        taken = []
        for _ in range(times):
            begun = time.perf_counter()
            found, _cursor = await store.search(search_for(**query, limit=100))
            taken.append((time.perf_counter() - begun) * 1000)
        _tell(name, len(found), taken)
    taken = []
    for _ in range(max(1, times // 5)):
        begun = time.perf_counter()
        summary = summary_of(group_by="properties/grade", aggregate="count,avg(properties/turnover)")
        groups = await store.summarise(summary, limit=1000)
        taken.append((time.perf_counter() - begun) * 1000)
    _tell("count and avg by grade", len(groups), taken)


def _tell(name: str, found: int, taken: list[float]) -> None:
    ordered = sorted(taken)
    print(f"{name:<26}{found:>7}{ordered[len(ordered) // 2]:>9.2f}{ordered[int(len(ordered) * 0.95)]:>9.2f}")


if __name__ == "__main__":
    asyncio.run(main())
