"""Wiring of the recommend service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import redis.asyncio
import structlog

from chassis.app import Running, background, in_thread, utc_now
from chassis.bus import bus
from chassis.db import database, patiently
from chassis.outbox import Relay, prune_inbox
from chassis.rpc import serve
from marketwin.recommend.v1.service_pb2_grpc import add_RecommendServiceServicer_to_server
from services.recommend.clients import WeComPostman
from services.recommend.consumers import hear_demand, hear_products, hear_profiles
from services.recommend.rpc import RecommendServicer
from services.recommend.settings import RecommendSettings
from services.recommend.store import INBOX, OUTBOX, SCHEMA, PostgresStore
from services.recommend.usecases.delivering import deliver_next
from services.recommend.usecases.ranking import Models, Ranker, RankSettings
from services.recommend.wecom import WeComClient, WeComSettings

MIGRATIONS = Path(__file__).parent / "migrations"
IDLE_S = 0.5
REFRESH_S = 5.0
log = structlog.get_logger()


@asynccontextmanager
async def app(settings: RecommendSettings) -> AsyncIterator[Running]:
    """The recommend service, for as long as the block runs."""
    common = settings.common
    async with (
        AsyncExitStack() as stack,
        database(common.postgres_url, SCHEMA, pool_size=settings.pool_size) as db,
        bus(common.nats_url, "recommend") as stream,
        background() as tasks,
    ):
        await db.migrate(MIGRATIONS)
        await stream.ensure_stream("recommend")
        relay = Relay(db, stream, OUTBOX)
        store = PostgresStore(db, relay)
        postman = await stack.enter_async_context(_postman(settings))
        rules = RankSettings(settings.ranking(), settings.delivery(), settings.reject_cycles, settings.rerank_cycles)
        ranker = Ranker(store, rules, Models(), in_thread, utc_now)
        servicer = (add_RecommendServiceServicer_to_server, RecommendServicer(store, utc_now))
        async with serve([servicer], host=settings.host, port=settings.port) as address:
            tasks.spawn(relay.run(), name="relay")
            tasks.spawn(prune_inbox(db, INBOX), name="prune")
            tasks.spawn(hear_products(stream, store), name="products")
            tasks.spawn(hear_demand(stream, store, growth=rules.ranking.trend_from), name="demand")
            tasks.spawn(hear_profiles(stream, store, live_profiles=settings.live_profiles), name="profiles")
            tasks.spawn(keep_ranked(ranker, store, settings), name="ranking")
            if postman is not None:
                tasks.spawn(keep_delivered(store, postman), name="cards")
            yield Running(address, tasks)


@asynccontextmanager
async def _postman(settings: RecommendSettings) -> AsyncIterator[WeComPostman | None]:
    """A postman, or None where no corp is configured: cards wait in the queue then."""
    if not settings.wecom_corp_id:
        log.warning("cards.not_delivered", advice="set RECOMMEND_WECOM_CORP_ID, _SECRET and _AGENT_ID")
        yield None
        return
    wecom = WeComSettings(
        corp_id=settings.wecom_corp_id,
        secret=settings.wecom_secret.get_secret_value(),
        agent_id=settings.wecom_agent_id,
        account_cap=settings.wecom_account_cap,
        base_url=settings.wecom_base_url,
    )
    async with (
        redis.asyncio.from_url(settings.common.redis_url) as valkey,
        WeComClient(wecom, valkey) as client,
    ):
        yield WeComPostman(client, settings.console_url)


async def keep_ranked(ranker: Ranker, store: PostgresStore, settings: RecommendSettings) -> None:
    """Ranks for ever: single changes at once, bulk changes when they are over, worn models when things are quiet."""
    last_bulk = last_refresh = time.monotonic()
    while True:
        store.stale.clear()
        now = time.monotonic()
        is_quiet = now - store.heard_at >= settings.quiet_s
        takes_all = is_quiet or now - last_bulk >= settings.overdue_s
        done = await patiently("ranking", partial(ranker.rank_stale, live_only=not takes_all))
        if done is None:
            # What was learnt in a round that broke off may not have reached the lists.
            ranker.forget()
            continue
        if takes_all:
            last_bulk = time.monotonic()
        if done.stale:
            log.info(
                "recommend.ranked",
                stale=done.stale,
                changed=done.changed,
                cards=done.cards,
                seconds=round(done.seconds, 3),
            )
        elif is_quiet and now - last_refresh >= REFRESH_S:
            last_refresh = now
            if await patiently("models", ranker.refresh) is None:
                ranker.forget()
        await _woken(store.stale)


async def keep_delivered(store: PostgresStore, postman: WeComPostman) -> None:
    """Delivers due cards for ever."""
    while True:
        store.cards.clear()
        while await patiently("cards", partial(deliver_next, store, postman, utc_now)):
            pass
        await _woken(store.cards)


async def _woken(event: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(event.wait(), IDLE_S)
    except TimeoutError:
        return
