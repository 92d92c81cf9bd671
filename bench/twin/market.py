"""A market that every side of the benchmark has the same: shops below cities below provinces below two countries.

Needs nothing but the standard library, since peers make it in environments of their own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CITIES, PROVINCES, COUNTRIES = 400, 30, 2
GRADES, TIERS, TURNOVERS = 50, 30, 3000


@dataclass(frozen=True, slots=True)
class Thing:
    """A twin as every side knows it; `above` is the thing it lies in, "" for a country."""

    id: str
    model: str
    properties: dict[str, Any]
    above: str


def market(count: int) -> Iterator[Thing]:
    """So many things; the regions are among them."""
    chance = random.Random(1)
    yield from regions()
    yield from (shop(number, chance) for number in range(count - CITIES - PROVINCES - COUNTRIES))


def regions() -> Iterator[Thing]:
    for number in range(COUNTRIES):
        yield _region(f"N{number}", "")
    for number in range(PROVINCES):
        yield _region(f"P{number}", f"region:N{number % COUNTRIES}")
    for number in range(CITIES):
        yield _region(f"C{number}", f"region:P{number % PROVINCES}")


def _region(code: str, above: str) -> Thing:
    return Thing(f"region:{code}", "region", {"name": code}, above)


def shop_id(number: int) -> str:
    return f"retailer:R{number:06}"


def shop(number: int, chance: random.Random) -> Thing:
    properties = {
        "code": f"c{number}",
        "name": f"Shop {number}",
        "grade": f"g{chance.randrange(GRADES)}",
        "tier": chance.randrange(TIERS),
        "turnover": chance.randrange(TURNOVERS),
        "lon": 116 + chance.random(),
        **{f"more_{place}": f"value {place}" for place in range(6)},
    }
    return Thing(shop_id(number), "retailer", properties, f"region:C{chance.randrange(CITIES)}")
