"""Wiring of the ingest service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import redis.asyncio
import structlog
from redis.asyncio import Redis

from chassis.app import Background, Running, background, in_thread, utc_now
from chassis.bus import Bus, bus
from chassis.db import Database, database, patiently
from chassis.outbox import prune_inbox
from chassis.rpc import serve
from marketwin.ingest.v1.service_pb2_grpc import add_IngestServiceServicer_to_server
from services.ingest.consumers import (
    DURABLE,
    HISTORY_DURABLE,
    STREAM,
    hear_master_data,
    write_book,
    write_history,
    write_minutes,
)
from services.ingest.domain.known.directory import Directory
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.privacy.erasing import Forgotten
from services.ingest.rpc import IngestServicer
from services.ingest.settings import IngestSettings
from services.ingest.sources import Connection, Runner, Webhooks, check_kinds, load_connections, load_mappings, running
from services.ingest.store import (
    INBOX,
    SCHEMA,
    Connections,
    Leases,
    PostgresReports,
    PostgresShelf,
    PostgresStore,
    PostgresTrail,
    StreamLog,
    WriteBehind,
    leases,
    spooling,
)
from services.ingest.store.erase_book import ErasableBook
from services.ingest.store.erase_cache import ErasableCache
from services.ingest.store.erase_history import ErasableHistory
from services.ingest.store.erase_log import ErasableLog
from services.ingest.store.erasures import PostgresErasures
from services.ingest.store.history import History, history
from services.ingest.store.history_upkeep import keep_swift
from services.ingest.store.retention import PerishableBook, PerishableHistory, PostgresRetention
from services.ingest.store.scada import Minutes
from services.ingest.usecases import Eraser, FrontDoor, Holding, Lanes, Newest, renew_forgotten, take_in
from services.ingest.workers import alone, erase, keep_within, learn_forgotten

MIGRATIONS = Path(__file__).parent / "migrations"
SCADA_UPKEEP_S = 600.0
log = structlog.get_logger()


@asynccontextmanager
async def app(settings: IngestSettings) -> AsyncIterator[Running]:
    """The ingest service, for as long as the block runs."""
    common = settings.common
    check_kinds()
    mappings = load_mappings(settings.mappings)
    connections = load_connections(settings.connections)
    regions = Regions.from_csv(settings.regions.read_bytes()) if settings.regions else Regions({})
    async with (
        database(common.postgres_url, SCHEMA, pool_size=settings.pool_size) as db,
        bus(common.nats_url, "ingest", at_once=True) as stream,
        valkey(common.redis_url) as redis_client,
        leases(common.postgres_url) as held,
        spooling(settings.spool_folder, max_bytes=settings.spool_bytes) as spool,
        history(settings.history_address, kept_days=settings.history_kept_days) as past,
        background() as tasks,
    ):
        await db.migrate(MIGRATIONS)
        await _stream_made(stream, tasks)
        memory = WriteBehind(db, redis_client, kept_s=settings.receipt_kept_s)
        store = PostgresStore(db, memory)
        directory = Directory()
        await store.fill(directory)
        door_log = StreamLog(stream, spool)
        newest = Newest(await store.newest_days())
        forgotten = await _forgotten(settings, db, tasks)
        tasks.spawn(memory.run(), name="memory")
        tasks.spawn(door_log.run(), name="spool")
        _hear(tasks, stream, store, directory, newest, forgotten=forgotten, parts=settings.parts)
        _keep_minutes(settings, db, stream, tasks)
        if "history" in settings.parts:
            works = _history_works(settings, stream, past, forgotten, db=db, redis_client=redis_client)
            tasks.spawn(alone(held, "part:history", works), name="history")
        await _caught_up(stream, settings.catch_up_s)
        door = FrontDoor(
            log=door_log,
            memory=memory,
            directory=directory,
            regions=regions,
            tokens=settings.tokens(),
            mappings=mappings,
            limits=settings.limits(),
            newest=newest,
            now=utc_now,
            off_loop=in_thread,
            passage=Lanes(),
            forgotten=forgotten,
            holding=Holding(max_bytes=settings.max_held_bytes, source_quota=settings.source_quota),
            counted=_note_rules,
        )
        async with _open(settings, door, store, connections, held, db) as address:
            yield Running(address, tasks)
        await door.passage.settled()
        # What was acknowledged is booked before the door goes: a message that is let go comes back only much later.
        await _caught_up(stream, settings.catch_up_s)
        await memory.written()


@asynccontextmanager
async def _open(  # noqa: PLR0917  # wiring
    settings: IngestSettings,
    door: FrontDoor,
    store: PostgresStore,
    connections: Mapping[str, Connection],
    held: Leases,
    db: Database,
) -> AsyncIterator[str]:
    """The door stands open: calls, webhooks and connections; yields its address."""
    runner = Runner(ledger=Connections(db, held), take_in=partial(take_in, door), now=utc_now)
    webhooks = Webhooks(connections, runner.ledger, runner.take_in, utc_now)
    answers = IngestServicer(
        door,
        store,
        shelf=PostgresShelf(db),
        reports=PostgresReports(db, settings.fusion),
        trail=PostgresTrail(db),
        connections=connections,
        webhooks=webhooks,
        erasures=PostgresErasures(db),
        minutes=Minutes(db),
    )
    async with (
        background() as tasks,
        serve([(add_IngestServiceServicer_to_server, answers)], host=settings.host, port=settings.port) as address,
        running(runner, connections if "sources" in settings.parts else {}),
    ):
        tasks.spawn(webhooks.run(), name="webhooks")
        yield address
    await webhooks.written()


def _hear(
    tasks: Background,
    stream: Bus,
    store: PostgresStore,
    directory: Directory,
    newest: Newest,
    *,
    forgotten: Forgotten,
    parts: frozenset[str],
) -> None:
    """The log becomes the book, and the directory hears of master data."""
    for kind in directory.kinds:
        tasks.spawn(hear_master_data(stream, directory, kind), name=f"{kind}-news")
    if "book" in parts:
        tasks.spawn(write_book(stream, store, directory, newest, forgotten), name="book")


async def _forgotten(settings: IngestSettings, db: Database, tasks: Background) -> Forgotten:
    """What was erased, known before anything of the log is written."""
    erasures, forgotten = PostgresErasures(db), Forgotten()
    await renew_forgotten(forgotten, erasures, now=utc_now())
    tasks.spawn(learn_forgotten(forgotten, erasures, every_s=settings.forgotten_s), name="forgotten")
    return forgotten


def _history_works(
    settings: IngestSettings,
    stream: Bus,
    past: History,
    forgotten: Forgotten,
    *,
    db: Database,
    redis_client: Redis,
) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
    """What the one replica that writes the history does: all that touches its files."""
    messages = ErasableLog(stream.jetstream)
    eraser = Eraser(
        erasures=PostgresErasures(db),
        stores=(ErasableBook(db), ErasableHistory(past), ErasableCache(redis_client), messages),
        settled=partial(messages.settle, STREAM, (DURABLE, HISTORY_DURABLE)),
        now=utc_now,
        known_after=timedelta(seconds=2 * settings.forgotten_s),
    )
    return {
        "history-writer": partial(write_history, stream, past, wait_s=settings.history_wait_s, forgotten=forgotten),
        "history-upkeep": partial(keep_swift, past, every_s=settings.history_upkeep_s),
        "erasing": partial(erase, eraser),
        "retention": partial(
            keep_within, (PerishableBook(db), PerishableHistory(past)), PostgresRetention(db), settings.kept
        ),
    }


def _keep_minutes(settings: IngestSettings, db: Database, stream: Bus, tasks: Background) -> None:
    """A replica that keeps the book makes the minutes of signals, and clears away what is old."""
    if "book" in settings.parts:
        tasks.spawn(prune_inbox(db, INBOX), name="prune")
        tasks.spawn(write_minutes(stream, Minutes(db)), name="minutes")
        tasks.spawn(_let_minutes_go(settings, Minutes(db)), name="minutes-prune")


async def _let_minutes_go(settings: IngestSettings, minutes: Minutes) -> None:
    """Lets go of what the minutes of signals need not keep any more, for ever."""
    while True:
        merged, kept = timedelta(days=settings.scada_merge_days), timedelta(days=settings.scada_kept_days)
        await patiently("minutes", partial(minutes.prune, utc_now(), merged_for=merged, kept_for=kept))
        await asyncio.sleep(SCADA_UPKEEP_S)


def _note_rules(kind: str, source: str, counts: dict[tuple[str, str], int]) -> None:
    """One line a body on which rules fired: how many records, by rule and severity."""
    if counts:
        fired = {f"{rule} {severity}": count for (rule, severity), count in sorted(counts.items())}
        log.info("ingest.rules_fired", kind=kind, source=source, fired=fired)
    minors = sum(count for (rule, _), count in counts.items() if rule == "DQ-34")
    if minors:
        log.warning("ingest.minor_unlinked", kind=kind, source=source, records=minors)


async def _stream_made(stream: Bus, tasks: Background) -> None:
    """A door that finds no log opens before it: the spool stands in."""
    if stream.is_connected:
        await stream.ensure_stream("ingest")
    else:
        log.warning("ingest.log_away")
        tasks.spawn(stream.ensure_stream("ingest"), name="stream")


async def _caught_up(stream: Bus, within_s: float) -> None:
    """Waits until the book holds what the log holds: the directory of a door that starts is as new as its log."""
    if not stream.is_connected:
        return
    try:
        async with asyncio.timeout(within_s):
            while await stream.pending(STREAM, DURABLE):  # noqa: ASYNC110  # the server is asked, nobody signals
                await asyncio.sleep(0.05)
    except TimeoutError:
        log.warning("ingest.book_behind", waited_s=within_s)


@asynccontextmanager
async def valkey(url: str) -> AsyncIterator[Redis]:
    """A client of Valkey; losing what it holds is harmless."""
    client = redis.asyncio.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
    try:
        yield client
    finally:
        await client.aclose()
