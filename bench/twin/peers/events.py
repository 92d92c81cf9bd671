"""eventsourcing with a SQLite file: one aggregate a twin, one event a write. Runs in the environment of the peers.

python -m bench.twin.peers.events FOLDER WRITES HISTORY

Prints one JSON object of measures: operations, seconds, CPU seconds. SQLite syncs its log at every commit, as the
library sets it up. As offered, every write reads the history of its aggregate, here of some ten events; with the cache
of aggregates, which is not its default, it reads nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
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
    environ = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": f"{folder}/events.db"}
    app: Application[UUID] = Application(environ)
    cached: Application[UUID] = Application(
        {**environ, "AGGREGATE_CACHE_MAXSIZE": "100000", "AGGREGATE_CACHE_FASTFORWARD": "n"}
    )
    properties = next(each.properties for each in market(10**6) if each.model == "retailer")
    found = {
        "singly": measured(writes, partial(singly, app, shops(app, properties), writes)),
        "singly, cached": measured(writes, partial(singly, cached, shops(cached, properties), writes)),
        "batches": measured(writes, partial(batches, cached, shops(cached, properties), writes)),
    }
    aggregate = with_history(app, dict(properties), history)
    found["past"] = measured(PAST_READS, lambda: past(app, aggregate, history // 2))
    print(json.dumps(found))


def shops(app: Application[UUID], properties: dict[str, Any]) -> list[UUID]:
    """Each measure has aggregates of its own: the cache of another would not know of its events."""
    made = [Shop(dict(properties)) for _ in range(AGGREGATES)]
    app.save(*made)
    return [each.id for each in made]


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
