"""Wiring of the twin service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from chassis.app import Running, background, in_thread, utc_now
from chassis.bus import bus
from chassis.db import database
from chassis.outbox import Relay, prune_inbox
from chassis.rpc import serve
from marketwin.twin.v1.service_pb2_grpc import add_TwinServiceServicer_to_server
from services.twin import usecases
from services.twin.consumers import hear_records
from services.twin.domain.feeding.feeds import Feeds
from services.twin.domain.feeding.regions import region_sightings
from services.twin.domain.fusion.rule_book import RuleBook
from services.twin.domain.model_documents import read_models
from services.twin.domain.twins import Origin
from services.twin.domain.types import Types, shipped_elements, types_of
from services.twin.rpc import TwinServicer
from services.twin.settings import TwinSettings
from services.twin.sources import read_folder
from services.twin.store import CONNECTIONS, INBOX, OUTBOX, SCHEMA, FusionRules, PostgresStore
from services.twin.workers import follow_rules, forget_history, migrate_twins

MIGRATIONS = Path(__file__).parent / "migrations"


@asynccontextmanager
async def app(settings: TwinSettings) -> AsyncIterator[Running]:
    """The twin service, for as long as the block runs."""
    common = settings.common
    files = read_folder(settings.models)
    types = Types(types_of(*read_models([*shipped_elements(), *files])))
    async with (
        database(common.postgres_url, SCHEMA, pool_size=settings.pool_size, **CONNECTIONS) as db,
        bus(common.nats_url, "twin") as log,
        background() as tasks,
    ):
        await db.migrate(MIGRATIONS)
        await log.ensure_stream("twin")
        relay = Relay(db, log, OUTBOX)
        rules = FusionRules(db)
        store = PostgresStore(db, relay, types, RuleBook(types, await rules.rules()))
        await usecases.add_files(store, files, utc_now())
        feeds = Feeds.load(types.base, settings.feeds)
        if settings.regions is not None:
            await _seed_regions(store, settings.regions)
        servicer = (add_TwinServiceServicer_to_server, TwinServicer(store, store, rules, utc_now))
        async with serve([servicer], host=settings.host, port=settings.port) as address:
            tasks.spawn(relay.run(), name="relay")
            tasks.spawn(prune_inbox(db, INBOX), name="prune")
            tasks.spawn(hear_records(log, store, feeds, utc_now), name="records")
            tasks.spawn(migrate_twins(store, utc_now), name="migrations")
            tasks.spawn(follow_rules(store, rules, utc_now), name="rules")
            tasks.spawn(store.indexes.run(), name="indexes")
            if settings.journal_kept_days:
                tasks.spawn(forget_history(store, utc_now, kept_days=settings.journal_kept_days), name="retention")
            yield Running(address, tasks)


async def _seed_regions(store: PostgresStore, path: Path) -> None:
    regions = pl.read_csv(path, schema_overrides={"adcode": pl.String, "parent": pl.String})
    # What the file says is as old as the file: a start says nothing new.
    told_at = datetime.fromtimestamp((await in_thread(path.stat)).st_mtime, UTC)
    await usecases.seed(store, region_sightings(regions, Origin.of(told_at, utc_now(), "regions", "")))
