"""A twin as it was at revision 500 of 1,000, beside eventsourcing."""

from __future__ import annotations

from datetime import timedelta

from bench.twin.house import ORIGIN, Shelf
from bench.twin.market import shop_id
from bench.twin.table import Cost, show
from bench.twin.writes import costs
from services.twin import usecases
from services.twin.domain.statements import Sighting
from services.twin.domain.twins import Origin

READS = 200


async def show_past(built: Shelf, peer: dict[str, Cost], history: int) -> None:
    """The same twin is asked for again and again; nothing is kept between the questions."""
    twin_id = shop_id(SHOP)
    before = (await usecases.get_twin(built.store, twin_id)).revision
    for number in range(history - before):
        then = ORIGIN.changed_at + timedelta(seconds=number + 1)
        origin = Origin.of(then, then, ORIGIN.source, "")
        await usecases.seed(built.store, [Sighting.of(twin_id, {"turnover": number}, (), origin)])
    wanted = history // 2
    found = await usecases.get_twin(built.store, twin_id, wanted)
    assert (found.revision, found.properties["turnover"]) == (wanted, wanted - before - 1)

    async def read() -> None:
        for _ in range(READS):
            await usecases.get_twin(built.store, twin_id, wanted)

    cost = await costs(built, READS, read)
    show(f"state at revision {wanted} of {history:,}", cost, peer.get("past"), "≥ 20 ×")


SHOP = 400
