"""Rows that predicates are asked of, and the CPU that it takes. Needs nothing but the standard library."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any


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
