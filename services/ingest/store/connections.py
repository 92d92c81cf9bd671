"""How connections go and where they go on, and which replica runs each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert

from chassis.connections import FAILURES
from chassis.db import CONNECT_TIMEOUT_S, Database
from services.ingest.sources.connection import Checkpoint, Connection
from services.ingest.store.tables import CONNECTION, NEWS
from services.ingest.usecases import ConnectionSeen

log = structlog.get_logger()

PING_S = 2.0
ANSWER_S = 5.0
MAX_SHOWN_CHARS = 300
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended($1, 0))"
# A replica whose machine is gone gives its connections up within half a minute.
_KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}


async def note_news(db: Database, topic: str) -> None:
    """Notes that a source said that something of the topic changed; the connections that wait for it look now."""
    new = insert(NEWS).values(topic=topic, told=1, told_at=sa.func.now())
    grown = {"told": NEWS.c.told + 1, "told_at": sa.func.now()}
    async with db.transaction() as session:
        await session.execute(new.on_conflict_do_update(index_elements=["topic"], set_=grown))


class Connections:
    """The table of connections, and the leases on them."""

    def __init__(self, db: Database, leases: Leases) -> None:
        self._db = db
        self._leases = leases

    def hold(self, name: str) -> AbstractAsyncContextManager[HeldLease]:
        """Waits until no other replica runs the connection, and keeps it for as long as the block runs."""
        return self._leases.hold(name)

    async def news(self, topic: str) -> int:
        """How often a source said that something of the topic changed."""
        async with self._db.transaction() as session:
            return int(await session.scalar(sa.select(NEWS.c.told).where(NEWS.c.topic == topic)) or 0)

    async def declare(self, connections: list[Connection]) -> None:
        """Makes rows for new connections; one that now means something else forgets where it was."""
        if not connections:
            return
        rows = [
            {"name": c.name, "type": c.type, "source": c.source, "kind": c.kind, "state": "waiting"}
            for c in sorted(connections, key=lambda each: each.name)
        ]
        new = insert(CONNECTION).values(rows)
        what = ("type", "source", "kind")
        changed = sa.or_(*(CONNECTION.c[name] != new.excluded[name] for name in what))
        statement = new.on_conflict_do_update(
            index_elements=["name"],
            set_={**{name: new.excluded[name] for name in what}, "checkpoint": None},
            where=changed,
        )
        async with self._db.transaction() as session:
            await session.execute(statement)

    async def recall(self, name: str) -> Checkpoint | None:
        """Where the connection goes on."""
        statement = sa.select(CONNECTION.c.checkpoint).where(CONNECTION.c.name == name)
        async with self._db.transaction() as session:
            found: Checkpoint | None = (await session.execute(statement)).scalar_one_or_none()
        return found

    async def note(self, name: str, checkpoint: Checkpoint, records: int, at: datetime) -> None:
        """Keeps a checkpoint; the connection is well."""
        values = {
            "checkpoint": checkpoint,
            "records": CONNECTION.c.records + records,
            "last_success_at": at,
            "state": "running",
            "last_error": "",
        }
        await self._update(name, values)

    async def state(self, name: str, state: str, error: str | None = None) -> None:
        """Says how the connection goes; without an error the last one stays."""
        await self._update(name, {"state": state} if error is None else {"state": state, "last_error": error})

    async def _update(self, name: str, values: dict[str, Any]) -> None:
        async with self._db.transaction() as session:
            await session.execute(sa.update(CONNECTION).where(CONNECTION.c.name == name).values(**values))


async def seen(db: Database, names: Sequence[str]) -> list[ConnectionSeen]:
    """How the named connections go, by name."""
    statement = sa.select(CONNECTION).where(CONNECTION.c.name.in_(names)).order_by(CONNECTION.c.name)
    async with db.transaction() as session:
        rows = (await session.execute(statement)).all()
    return [
        ConnectionSeen(
            name=row.name,
            type=row.type,
            source=row.source,
            state=row.state,
            last_success_at=row.last_success_at,
            last_error=row.last_error,
            records=row.records,
            checkpoint=_shown(row.checkpoint),
        )
        for row in rows
    ]


def _shown(checkpoint: Checkpoint | None) -> str:
    """A checkpoint as a person reads it: `cursor=abc, page=3`."""
    shown = {name: value for name, value in (checkpoint or {}).items() if not name.startswith("_")}
    parts = [f"{name}={_plain(value)}" for name, value in sorted(shown.items()) if value not in (None, "", {}, [], 0)]
    return ", ".join(parts)[:MAX_SHOWN_CHARS]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class HeldLease:
    """A lease that is held until the connection to the database breaks."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def lost(self) -> None:
        await self.gone.wait()


class Leases:
    """Advisory locks of one replica, all on one connection of their own: they end with it, however it ends."""

    def __init__(self, url: str, *, ping_s: float = PING_S) -> None:
        self._url = url
        self._ping_s = ping_s
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()
        self._held: dict[str, HeldLease] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[HeldLease]:
        """Waits for the lease and keeps it for as long as the block runs, unless it is lost."""
        while not await self._try(name):  # noqa: ASYNC110  # another replica gives it up, nobody signals
            await asyncio.sleep(self._ping_s)
        lease = self._held[name]
        try:
            yield lease
        finally:
            if self._held.get(name) is lease:
                del self._held[name]
                await self._ask(_UNLOCK, name)

    async def watch(self) -> None:
        """Asks the database again and again whether it is there, for ever; when it is not, all leases are lost.

        They are lost too when nobody asks any more.
        """
        try:
            while True:
                await asyncio.sleep(self._ping_s)
                if self._held:
                    await self._ask("SELECT $1", "")
        finally:
            self._lose_all()

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

    async def _try(self, name: str) -> bool:
        if not await self._ask(_LOCK, name):
            return False
        self._held[name] = HeldLease()
        return True

    async def _ask(self, question: str, name: str) -> Any:
        async with self._turn:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S + ANSWER_S):
                    return await (await self._connected()).fetchval(question, f"{name}@ingest" if name else "")
            except FAILURES as error:
                log.warning("source.leases_wait", error=type(error).__name__)
                self._lose_all()
                return None
            except asyncio.CancelledError:
                # The answer to a question that was given up would be taken for that of the next one.
                self._lose_all()
                raise

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None:
            self._connection = await asyncpg.connect(
                self._url,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=ANSWER_S,
                server_settings={"application_name": "marketwin-ingest-leases", **_KEEPALIVE},
            )
        return self._connection

    def _lose_all(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.terminate()
        lost, self._held = self._held, {}
        for lease in lost.values():
            lease.gone.set()


@asynccontextmanager
async def leases(url: str, *, ping_s: float = PING_S) -> AsyncIterator[Leases]:
    """The leases of one replica; leaving gives them all up."""
    kept = Leases(url, ping_s=ping_s)
    watching = asyncio.create_task(kept.watch(), name="leases")
    try:
        yield kept
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await kept.close()
