"""What one evaluation of a query costs, beside pyrql.

    python -m bench.twin.predicate [--rows 10000] [--peer FOLDER]

Both say of the same rows which fulfil the same query, as each offers it: ours a predicate that is compiled once, the
peer `Query(rows).query(text).all()`, which copies the rows first, and, since that is no part of the question, also its
compiled filters alone. CPU of this process, best of five. The peer is not installed with the house:
`uv pip install --target FOLDER pyrql`. Not equal: the peer compares Python values as they are (text beside a number is
an error there, so no row has that), and does not know the difference of absent and null.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chassis.rql.parser import parse
from chassis.rql.predicate import predicate
from services.twin.domain.twins import Origin, Twin

NOW = datetime(2026, 3, 1, tzinfo=UTC)
QUERIES = {
    "one text": ("eq(properties/city,'c7')", "eq(properties.city,c7)"),
    "one number": ("gt(properties/tier,15)", "gt(properties.tier,15)"),
    "three of and": (
        "and(eq(properties/city,'c7'),gt(properties/tier,15),lt(properties/lon,117.5))",
        "and(eq(properties.city,c7),gt(properties.tier,15),lt(properties.lon,117.5))",
    ),
    "or of and": (
        "or(and(eq(properties/city,'c7'),ge(properties/tier,25)),in(properties/city,'c1','c2','c3'))",
        "or(and(eq(properties.city,c7),ge(properties.tier,25)),in(properties.city,(c1,c2,c3)))",
    ),
}


def rows(count: int) -> list[dict[str, Any]]:
    """Shops with twenty properties, as a customer has them."""
    chance = random.Random(1)
    return [
        {
            "id": f"retailer:R{number}",
            "properties": {
                "city": f"c{chance.randrange(50)}",
                "tier": chance.randrange(30),
                "lon": 116 + chance.random() * 3,
                **{f"property_{place}": f"value {number} {place}" for place in range(17)},
            },
        }
        for number in range(count)
    ]


def cpu_s(work: Callable[[], object]) -> float:
    """Seconds of CPU, the best of five."""
    times = []
    for _ in range(5):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument("--peer", default="", help="folder that pyrql is installed in")
    asked = options.parse_args()
    if asked.peer:
        sys.path.insert(0, asked.peer)
    try:
        from pyrql import Query
    except ImportError:
        Query = None
        print("pyrql is not installed: the peer is left out")
    plain = rows(asked.rows)
    origin = Origin(NOW, NOW, "bench", "")
    twins = [Twin(row["id"], "retailer", 1, row["properties"], {}, (), origin) for row in plain]
    peers_columns = f"{'peer ns':>10}{'ratio':>8}{'its filters ns':>16}{'ratio':>8}" if Query is not None else ""
    print(f"{'query':<14}{'found':>7}{'ours ns':>10}{peers_columns}{'compile µs':>12}")
    for name, (ours, peers) in QUERIES.items():
        fulfils = predicate(parse(ours))
        found = [twin for twin in twins if fulfils(twin)]
        own = cpu_s(lambda fulfils=fulfils: [twin for twin in twins if fulfils(twin)]) / len(twins) * 1e9
        once = cpu_s(lambda ours=ours: predicate(parse.__wrapped__(ours))) * 1e6
        line = f"{name:<14}{len(found):>7}{own:>10.0f}"
        if Query is not None:
            line += _beside(Query, plain, peers, len(found), own)
        print(f"{line}{once:>12.0f}")


def _beside(query: Any, plain: list[dict[str, Any]], text: str, found: int, own: float) -> str:
    assert len(query(plain).query(text).all()) == found
    offered = cpu_s(lambda: query(plain).query(text).all()) / len(plain) * 1e9
    nodes = query(plain).query(text).pipeline

    def filters() -> list[dict[str, Any]]:
        kept = plain
        for node in nodes:
            kept = node.feed(kept)
        return kept

    alone = cpu_s(filters) / len(plain) * 1e9
    return f"{offered:>10.0f}{offered / own:>8.1f}{alone:>16.0f}{alone / own:>8.1f}"


if __name__ == "__main__":
    main()
