"""What searches cost, over a real PostgreSQL with durable writes, before and after indexes were made for them.

    python -m bench.twin.search [--twins 100000] [--times 30]

Each query is asked many times through the store, as the service asks it: text to tree, SQL, one page of 100 twins as
values. Wall time, since most of it is waiting for the database. Shops lie in cities, cities in provinces, provinces in
countries. The service makes indexes every few seconds; here that is waited for.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.twin.house import Shelf, shelf
from bench.twin.market import CITIES, COUNTRIES, PROVINCES, shop_id
from bench.twin.table import quantile, say
from chassis.rql.search import search_for, summary_of
from services.twin import usecases
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin

LIMIT_MS = 10
REWRITTEN = 5000
SEARCHES: dict[str, dict[str, Any]] = {
    "one shop by code": {"filter_text": 'eq(properties/code,"c777")'},
    "equal, 1 in 50": {"filter_text": 'eq(properties/grade,"g7")'},
    "two equal, 1 in 1,500": {"filter_text": 'and(eq(properties/grade,"g7"),eq(properties/tier,12))'},
    "range, half of all": {"filter_text": "gt(properties/tier,15)"},
    "range, 1 in 300": {"filter_text": "lt(properties/turnover,10)"},
    "range of many, sorted by another": {"filter_text": "gt(properties/tier,15)", "sort": "-properties/turnover"},
    "text like, a beginning": {"filter_text": 'like(properties/name,"Shop 777*")'},
    "text like, any part": {"filter_text": 'like(properties/name,"*7777*")'},
    "text ilike": {"filter_text": 'ilike(properties/name,"*P 7777*")'},
    "number()": {"filter_text": "lt(number(properties/turnover),10)"},
    "equal, sorted by a property": {"filter_text": 'eq(properties/grade,"g7")', "sort": "-properties/turnover"},
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


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--twins", type=int, default=100_000)
    options.add_argument("--times", type=int, default=30)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        async with shelf(Path(folder), asked.twins) as built:
            say(f"{asked.twins:,} twins written in {time.perf_counter() - begun:.1f} s; {asked.times} times each, ms")
            await show_searches(built, asked.times)


async def show_searches(built: Shelf, times: int) -> None:
    """Every search before and after, and what the indexes cost a write."""
    first = await _all(built, times)
    wrote_us = await _rewritten(built)
    begun, made = time.perf_counter(), 0
    while await built.store.indexes.tend():
        made += 1
    took_s = time.perf_counter() - begun
    then = await _all(built, times)
    head = f"search, {built.twins:,} twins"
    say(f"{head:<36}{'found':>7}{'p50 ms':>9}{'p95 ms':>9}{'p50':>9}{'p95':>9}  then with indexes")
    for name, (found, before) in first.items():
        after = then[name][1]
        texts = [f"{quantile(each, share):>9.1f}" for each in (before, after) for share in (0.5, 0.95)]
        verdict = "kept" if quantile(after, 0.95) < LIMIT_MS else "MISSED"
        say(f"{name:<36}{found:>7}{''.join(texts)}  p95 < {LIMIT_MS}: {verdict}")
    again_us = await _rewritten(built)
    say(
        f"{made} indexes made in {took_s:.1f} s; a write of a shop in bulk took {wrote_us:.0f} µs before them, "
        f"{again_us:.0f} µs after"
    )


async def _all(built: Shelf, times: int) -> dict[str, tuple[int, list[float]]]:
    asked: dict[str, Callable[[], Awaitable[int]]] = {
        name: lambda query=query: _searched(built, query) for name, query in SEARCHES.items()
    }
    asked["count and avg by grade"] = lambda: _summed(built)
    return {name: await _timed(ask, times) for name, ask in asked.items()}


async def _searched(built: Shelf, query: dict[str, Any]) -> int:
    found, _cursor = await built.store.search(search_for(**query, limit=100))
    return len(found)


async def _summed(built: Shelf) -> int:
    summary = summary_of(group_by="properties/grade", aggregate="count,avg(properties/turnover)")
    return len(await built.store.summarise(summary, limit=1000))


async def _timed(ask: Callable[[], Awaitable[int]], times: int) -> tuple[int, list[float]]:
    taken, found = [], 0
    for _ in range(times):
        begun = time.perf_counter()
        found = await ask()
        taken.append((time.perf_counter() - begun) * 1000)
    return found, taken


async def _rewritten(built: Shelf) -> float:
    """Microseconds of a sighting that changes a number of a shop, 1,000 at once."""
    ids = [shop_id(number) for number in range(min(REWRITTEN, built.twins - CITIES - PROVINCES - COUNTRIES))]
    begun = time.perf_counter()
    for start in range(0, len(ids), 1000):
        now = datetime.now(UTC)
        origin = Origin.of(now, now, "bench", "")
        part = ids[start : start + 1000]
        seen = [Sighting.of(each, {"lon": 100 + time.perf_counter()}, (), origin) for each in part]
        await usecases.seed(built.store, seen)
    return (time.perf_counter() - begun) / len(ids) * 1e6


if __name__ == "__main__":
    asyncio.run(main())
