"""Messages that nobody keeps: told to whoever listens at that moment, in no stream, with no acknowledgement.

For what is old a second later. Everything else goes through `bus.py`, where nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import nats
import structlog
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtoMessage

from chassis.bus import Bus, subject_of

log = structlog.get_logger()
M = TypeVar("M", bound=ProtoMessage)

PREFIX = "passing"
MOST_BYTES = 8 * 1024 * 1024
"""What waits for a listener; what is more is lost."""


def passing_subject(message: ProtoMessage | type[ProtoMessage]) -> str:
    return f"{PREFIX}.{subject_of(message)}"


async def tell(bus: Bus, message: ProtoMessage) -> None:
    """Tells whoever listens; nobody hears it while the server is away."""
    if not bus.is_connected:
        return
    try:
        await bus.client.publish(passing_subject(message), message.SerializeToString())
    except (nats.errors.Error, OSError) as error:
        log.warning("passing.not_told", subject=passing_subject(message), error=type(error).__name__)


async def overhear(bus: Bus, kind: type[M], handle: Callable[[M], None]) -> None:
    """Feeds what is told from now on to `handle`, for ever; what comes while the server is away is missed."""
    await bus.connected()
    subscription = await bus.client.subscribe(passing_subject(kind), pending_bytes_limit=MOST_BYTES)
    try:
        async for raw in subscription.messages:
            try:
                message = kind.FromString(raw.data)
            except DecodeError:
                log.error("passing.unreadable", subject=raw.subject)
                continue
            handle(message)
    finally:
        await subscription.unsubscribe()
