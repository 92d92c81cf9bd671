"""What is told of each source: what waits for a person, and days on which much less came than usual (DQ-40)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from chassis.bus import Bus
from chassis.db import Database
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.domain.cleaning.batch import TRADE_ZONE
from services.ingest.store.tables import DAY
from tests.ingest.builders import sale
from tests.ingest.running import Stub, at, caught_up, now, push


async def _source(ingest: Stub, name: str) -> Any:
    sources = (await ingest.ListSources(pb.ListSourcesRequest())).sources
    return next(source for source in sources if source.name == name)


async def test_a_source_tells_its_partial_days_over_all_its_kinds(ingest: Stub, db: Database):
    today = now().astimezone(TRADE_ZONE).date()
    received = {ago: 1000 for ago in range(28)} | {3: 300, 5: 0}
    rows = [
        {"day": today - timedelta(days=ago), "source": "shops", "kind": kind, "received": count}
        for ago, count in received.items()
        for kind in ("pos_sale", "store_check")
        if count
    ]
    counts = dict.fromkeys(("pending", "stored", "duplicate", "quarantined", "rejected", "repaired"), 0)
    async with db.transaction() as session:
        await session.execute(sa.insert(DAY), [{**row, **counts, "last_at": now()} for row in rows])

    source = await _source(ingest, "shops")

    assert list(source.partial_days) == [(today - timedelta(days=ago)).isoformat() for ago in (3, 5)]


async def test_a_source_tells_how_many_records_wait_for_a_person(ingest: Stub, log: Bus):
    rows = [sale(order_no=f"W{n}", sku_code="nobody", sku_name_raw=None, sold_at=at(hours=1)) for n in range(3)]
    await push(ingest, "pos_sale", [*rows, sale(order_no="W9", sold_at=at(hours=1))], source="waits")
    await caught_up(log)

    source = await _source(ingest, "waits")

    assert source.open_quarantine == 3
    assert list(source.partial_days) == []
