"""Wiring of the profile service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from chassis.app import Running, background, in_thread, utc_now
from chassis.bus import bus
from chassis.db import database, patiently
from chassis.outbox import Relay, prune_inbox
from chassis.rpc import serve
from marketwin.profile.v1.service_pb2_grpc import add_ProfileServiceServicer_to_server
from services.profile.consumers import hear_records
from services.profile.domain.outcome import feature_names
from services.profile.rpc import ProfileServicer
from services.profile.settings import ProfileSettings
from services.profile.store import INBOX, OUTBOX, SCHEMA, PostgresStore
from services.profile.usecases import Renewer, Yardsticks
from services.profile.wire import ProfileWriter

MIGRATIONS = Path(__file__).parent / "migrations"
IDLE_S = 0.5
log = structlog.get_logger()


@asynccontextmanager
async def app(settings: ProfileSettings) -> AsyncIterator[Running]:
    """The profile service, for as long as the block runs."""
    common = settings.common
    rules = settings.rules()
    writer = ProfileWriter(feature_names(rules), rules.key.threshold)
    async with (
        database(common.postgres_url, SCHEMA, pool_size=settings.pool_size) as db,
        bus(common.nats_url, "profile") as stream,
        background() as tasks,
    ):
        await db.migrate(MIGRATIONS)
        await stream.ensure_stream("profile")
        relay = Relay(db, stream, OUTBOX)
        store = PostgresStore(db, relay, writer)
        renewer = Renewer(store, rules, Yardsticks(), in_thread, utc_now)
        servicer = (add_ProfileServiceServicer_to_server, ProfileServicer(renewer, writer))
        async with serve([servicer], host=settings.host, port=settings.port) as address:
            tasks.spawn(relay.run(), name="relay")
            tasks.spawn(prune_inbox(db, INBOX), name="prune")
            tasks.spawn(hear_records(stream, store), name="records")
            tasks.spawn(keep_renewed(renewer, store, settings), name="renewal")
            yield Running(address, tasks)


async def keep_renewed(renewer: Renewer, store: PostgresStore, settings: ProfileSettings) -> None:
    """Profiles anew for ever: single changes at once, bulk changes gathered, yardsticks when things are quiet."""
    last_bulk = last_yardstick = time.monotonic()
    while True:
        store.stale.clear()
        now = time.monotonic()
        takes_all = store.quiet_s() >= settings.gather_s or now - last_bulk >= settings.gather_at_most_s
        at_most = None if takes_all else settings.live_retailers
        done = await patiently("renewal", partial(renewer.renew_stale, at_most=at_most))
        if done is None:
            renewer.forget()
            continue
        if takes_all:
            last_bulk = time.monotonic()
        if done.stale:
            log.info("profile.renewed", stale=done.stale, changed=done.changed, seconds=round(done.seconds, 3))
        elif takes_all and (store.quiet_s() >= settings.quiet_s or now - last_yardstick >= settings.overdue_s):
            last_yardstick = now
            taken = await patiently("yardsticks", renewer.renew_markets)
            if taken is None:
                renewer.forget()
            elif taken.changed:
                log.info("profile.yardsticks_taken", changed=taken.changed, seconds=round(taken.seconds, 3))
        await _woken(store.stale)


async def _woken(event: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(event.wait(), IDLE_S)
    except TimeoutError:
        return
