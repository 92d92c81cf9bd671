"""Webhooks: signed bodies that come from outside, each taken once.

delivery ─▶ signed? fresh? ─▶ the door, under the delivery's id ─▶ receipt
                                        └▶ how it goes, written behind the answer
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from chassis.errors import Denied
from chassis.telemetry import trace_id
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.domain.privacy.signing import is_fresh, is_signed
from services.ingest.domain.values.text import mask_text
from services.ingest.sources.connection import Connection, Ledger
from services.ingest.usecases import Body

log = structlog.get_logger()

NOTE_EVERY_S = 1.0
MAX_ID_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A body as it was posted, with what proves who sent it."""

    connection: str
    signature: str
    timestamp: str
    delivery_id: str
    content_type: str
    content: bytes


class Webhooks:
    """All connections of the type `webhook`."""

    def __init__(
        self,
        connections: Mapping[str, Connection],
        ledger: Ledger,
        take_in: Callable[[Body], Awaitable[Receipt]],
        now: Callable[[], datetime],
    ) -> None:
        self._connections = {name: each for name, each in connections.items() if each.type == "webhook"}
        self._ledger = ledger
        self._take_in = take_in
        self._now = now
        self._heard: dict[str, tuple[int, str]] = {}
        self._nobody = os.urandom(32)

    async def receive(self, delivery: Delivery) -> Receipt:
        """Takes a signed body; the same delivery again is a duplicate.

        Raises Denied, always with the same words, for an unknown name, a wrong signature and a stale timestamp.
        """
        connection = self._connections.get(delivery.connection)
        self._check(connection, delivery)
        assert connection is not None  # noqa: S101  # the check has refused it
        body = Body(
            kind=connection.kind,
            source=connection.source,
            content_type=delivery.content_type,
            idempotency_key=delivery.delivery_id[:MAX_ID_CHARS],
            content=delivery.content,
            sent_by=f"connection:{connection.name}",
            trace_id=trace_id(),
        )
        receipt = await self._take_in(body)
        count, _ = self._heard.get(connection.name, (0, ""))
        self._heard[connection.name] = count + receipt.sent, mask_text(delivery.delivery_id[:MAX_ID_CHARS])
        return receipt

    def _check(self, connection: Connection | None, delivery: Delivery) -> None:
        options = connection.options if connection else {}
        secrets = [secret.get_secret_value().encode() for secret in options.get("secrets", ())] or [self._nobody]
        signed = is_signed(secrets, delivery.signature, delivery.timestamp, delivery.content)
        fresh = is_fresh(delivery.timestamp, self._now(), options.get("window_s", 0))
        if connection is not None and signed and fresh:
            return
        if connection is not None:
            # Only the operator hears which: who guesses learns nothing.
            log.warning("webhook.refused", connection=connection.name, is_signed=signed, is_fresh=fresh)
        raise Denied("the delivery is not accepted; check name, secret, signature and clock", code="unauthenticated")

    async def run(self) -> None:
        """Writes how the webhooks go, for ever."""
        while True:
            await asyncio.sleep(NOTE_EVERY_S)
            await self.written()

    async def written(self) -> None:
        """Writes what was heard since the last time."""
        heard, self._heard = self._heard, {}
        for name, (records, last) in heard.items():
            try:
                await self._ledger.note(name, {"delivery": last}, records, self._now())
            except Exception as error:
                # What is shown may lag; what was acknowledged is in the log.
                log.warning("source.untold", connection=name, error=type(error).__name__)
