"""eventsourcing with a SQLite file: one aggregate a twin, one event a write. Runs in the environment of the peers.

python -m bench.twin.peers.events FOLDER WRITES HISTORY

Prints one JSON object of measures: operations, seconds, CPU seconds. SQLite syncs its log at every commit, as the
library sets it up. The cache of aggregates is on, which is not its default: without it every write reads the whole
history anew.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from bench.twin.market import market

AGGREGATES = 100
BATCH = 100
PAST_READS = 30


class Shop(Aggregate):
    @event("Opened")
    def __init__(self, properties: dict[str, Any]) -> None:
        self.properties = properties

    @event("Changed")
    def change(self, name: str, value: Any) -> None:
        self.properties[name] = value


def measured(operations: int, work: Callable[[], object]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "operations": operations,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
    }


def main() -> None:
    folder, writes, history = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    environ = {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": f"{folder}/events.db",
        "AGGREGATE_CACHE_MAXSIZE": "100000",
        "AGGREGATE_CACHE_FASTFORWARD": "n",
    }
    app: Application[UUID] = Application(environ)
    properties = next(each.properties for each in market(10**6) if each.model == "retailer")
    ids = []
    for _ in range(AGGREGATES):
        shop = Shop(dict(properties))
        app.save(shop)
        ids.append(shop.id)
    found = {
        "singly": measured(writes, lambda: singly(app, ids, writes)),
        "batches": measured(writes, lambda: batches(app, ids, writes)),
    }
    aggregate = with_history(app, dict(properties), history)
    plain = Application({**environ, "AGGREGATE_CACHE_MAXSIZE": ""})
    found["past"] = measured(PAST_READS, lambda: past(plain, aggregate, history // 2))
    print(json.dumps(found))


def singly(app: Application[UUID], ids: list[UUID], writes: int) -> None:
    for number in range(writes):
        shop: Shop = app.repository.get(ids[number % len(ids)])
        shop.change("turnover", number)
        app.save(shop)
        read: Shop = app.repository.get(shop.id)
        assert read.properties["turnover"] == number


def batches(app: Application[UUID], ids: list[UUID], writes: int) -> None:
    for start in range(0, writes, BATCH):
        shops: list[Shop] = [app.repository.get(each) for each in ids[:BATCH]]
        for number, shop in enumerate(shops, start):
            shop.change("turnover", -number - 1)
        app.save(*shops)
        read: Shop = app.repository.get(shops[-1].id)
        assert read.properties["turnover"] == -start - len(shops)


def with_history(app: Application[UUID], properties: dict[str, Any], history: int) -> UUID:
    shop = Shop(properties)
    for number in range(history - 1):
        shop.change("turnover", number)
    app.save(shop)
    return shop.id


def past(app: Application[UUID], aggregate: UUID, version: int) -> None:
    for _ in range(PAST_READS):
        shop: Shop = app.repository.get(aggregate, version=version)
        assert shop.version == version


if __name__ == "__main__":
    main()
