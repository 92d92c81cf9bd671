"""Inbox and outbox: what was heard and what must be told commit together with the state.

transaction { state + inbox mark + outbox rows } ─▶ ack ; relay ─▶ JetStream ─▶ row deleted
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

import sqlalchemy as sa
import structlog
from google.protobuf.message import Message as ProtoMessage
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.bus import Bus, subject_of
from chassis.connections import FAILURES
from chassis.db import Database, driver_of, is_away, patiently
from chassis.errors import Unavailable
from chassis.telemetry import carry

log = structlog.get_logger()

RELAY_BATCH = 64
IDLE_S = 1.0
INBOX_KEPT = sa.text("interval '14 days'")


def inbox_table(metadata: sa.MetaData) -> sa.Table:
    """Messages already handled, by consumer."""
    return sa.Table(
        "inbox",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    """Messages not yet published."""
    return sa.Table(
        "outbox",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


async def is_new(session: AsyncSession, inbox: sa.Table, consumer: str, message_id: str) -> bool:
    """Marks a message as handled; False when it had been. The mark is the fence: it commits with the state."""
    statement = (
        insert(inbox)
        .values(consumer=consumer, message_id=message_id)
        .on_conflict_do_nothing()
        .returning(inbox.c.message_id)
    )
    return (await session.execute(statement)).first() is not None


async def mark_new(session: AsyncSession, inbox: sa.Table, consumer: str, message_ids: Sequence[str]) -> set[str]:
    """Marks several messages as handled; answers those that had not been."""
    driver = await driver_of(session)
    marked = await driver.fetch(
        f"INSERT INTO {inbox.fullname} (consumer, message_id) SELECT $1, unnest($2::text[]) "
        "ON CONFLICT DO NOTHING RETURNING message_id",
        consumer,
        list(message_ids),
    )
    return {row["message_id"] for row in marked}


async def tell(session: AsyncSession, outbox: sa.Table, events: Sequence[ProtoMessage], *, key: str = "") -> None:
    """Puts events into the outbox, in order, with the current trace."""
    if not events:
        return
    traceparent = carry().get("traceparent", "")
    rows = [
        {
            "message_id": uuid.uuid4().hex,
            "subject": subject_of(event, key),
            "payload": event.SerializeToString(),
            "traceparent": traceparent,
        }
        for event in events
    ]
    await session.execute(insert(outbox), rows)


class Relay:
    """Publishes the outbox of one service, in order. `wake` after a commit saves the wait.

    Several may run, one a replica: each begins with the oldest row that is left and goes on when that is in the log, so
    that none publishes a row before those in front of it; what two of them publish is known by its id.
    """

    def __init__(self, db: Database, bus: Bus, outbox: sa.Table) -> None:
        self._db = db
        self._bus = bus
        self._next = (
            f"SELECT id, message_id, subject, payload, traceparent FROM {outbox.fullname} "
            f"WHERE id <> ALL($1::bigint[]) ORDER BY id LIMIT {RELAY_BATCH}"
        )
        self._gone = f"DELETE FROM {outbox.fullname} WHERE id = ANY($1::bigint[])"
        self._published: list[int] = []
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Tells the relay that there is something to publish."""
        self._woken.set()

    async def run(self) -> None:
        """Publishes for ever; what cannot be published now stays and is tried again."""
        while True:
            self._woken.clear()
            try:
                left = await self._publish_some()
            except Unavailable as error:
                log.warning("outbox.waits", error=type(error).__name__)
                left = False
                await asyncio.sleep(IDLE_S)
            if not left and not self._woken.is_set():
                await self._idle()

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(IDLE_S):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _publish_some(self) -> bool:
        """Publishes the oldest rows; whether there may be more.

        What comes next does not wait for a deletion: rows go when nothing else is to be told, or many are to go.
        """
        try:
            async with self._db.driver() as connection:
                rows = await connection.fetch(self._next, self._published)
                for row in rows:
                    headers = {"traceparent": row["traceparent"]} if row["traceparent"] else {}
                    await self._bus.publish(
                        row["subject"], row["payload"], message_id=row["message_id"], headers=headers
                    )
                    self._published.append(row["id"])
                if len(self._published) >= RELAY_BATCH or (self._published and not self._woken.is_set()):
                    await connection.execute(self._gone, self._published)
                    self._published.clear()
        except FAILURES as error:
            if is_away(error):
                raise Unavailable("PostgreSQL went away", retry_after_s=1) from error
            raise
        return len(rows) == RELAY_BATCH


async def prune_inbox(db: Database, inbox: sa.Table) -> None:
    """Forgets marks older than 14 days (the log keeps messages for 7), once an hour, for ever."""

    async def prune() -> bool:
        async with db.transaction() as session:
            await session.execute(sa.delete(inbox).where(inbox.c.handled_at < sa.func.now() - INBOX_KEPT))
        return True

    while True:
        if await patiently("old marks", prune):
            await asyncio.sleep(3600)
