"""Taking in a body: recognise it, hand it to the next pass over its kind and source, answer when that is durable.

body ─▶ known already? ─▶ the lane of its kind and source ─▶ one pass for all that wait there ─▶ receipt
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache

from msgspec.structs import replace

from chassis.errors import Invalid, NotFound, Problem
from services.ingest.domain.cleaning.clean import Stamp
from services.ingest.domain.cleaning.identity import batch_id
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.fields import Kind
from services.ingest.domain.values.text import mask_text
from services.ingest.usecases.arrival import Arrival, Body, nothing
from services.ingest.usecases.ports import FrontDoor

SOURCE_NAME = re.compile(r"[a-z][a-z0-9_.\-]{0,62}")
UNNAMED_SOURCE = "api"
NAMES = 1000
"""Names of sources, and types of content, that are remembered as they were understood."""


def known_kind(name: str) -> Kind:
    """The kind of that name; raises NotFound."""
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound(f"there is no such record kind; the kinds are {', '.join(KINDS)}", code="unknown_kind")
    return kind


async def take_in(door: FrontDoor, body: Body) -> Receipt:
    """Takes in one body; returns when every record of it is durable in the log, or refused with a reason.

    The same body (or idempotency key) again changes nothing: all its records are duplicates. Raises NotFound for an
    unknown kind, Invalid for a body that cannot be read, Conflict for another body under a used key, Unavailable
    when the door holds too much or the log is away; then the same body may be sent again.
    """
    return await asyncio.shield(enter(door, body))


def enter(
    door: FrontDoor, body: Body, trace: Callable[[], contextvars.Context] | None = None
) -> asyncio.Future[Receipt]:
    """Like `take_in`, for who has many bodies: each goes on its way at once, and the receipt follows.

    `trace` makes a context that holds the trace of the body; without it that is the one of here and now.
    """
    kind = known_kind(body.kind)
    source = _source(body.source)
    digest = _digest(body)
    # Keys belong to who sends: two partners may both count from 1.
    told = f"{body.sent_by}\x1f{body.idempotency_key}" if body.idempotency_key else digest
    now = door.now()
    stamp = Stamp(batch_id=batch_id(source, kind.name, told), source=source, trace_id=body.trace_id, at=now, op=body.op)
    release = door.holding.take(source, len(body.content))
    try:
        arrival = Arrival(body, kind, stamp, digest, now, trace or contextvars.copy_context().copy, release)
        if door.passage.on_the_way(stamp.batch_id) is None:
            return door.passage.answer(door, arrival)
        return _after_its_like(door, arrival)
    except BaseException:
        release()
        raise


def _after_its_like(door: FrontDoor, arrival: Arrival) -> asyncio.Future[Receipt]:
    async def wait() -> Receipt:
        while (before := door.passage.on_the_way(arrival.stamp.batch_id)) is not None:
            await asyncio.wait([before])
        now = door.now()
        late = replace(arrival, stamp=replace(arrival.stamp, at=now), at=now, release=nothing)
        return await asyncio.shield(door.passage.answer(door, late))

    def done(waiting: asyncio.Future[Receipt]) -> None:
        arrival.release()
        # Who asked may be gone; then nobody misses the error either.
        if not waiting.cancelled():
            waiting.exception()

    waiting = asyncio.ensure_future(wait())
    waiting.add_done_callback(done)
    return waiting


def _digest(body: Body) -> str:
    """What tells two bodies apart: a body sent under a wrong content type may be sent again under the right one."""
    told = _begun(body.content_type).copy()
    told.update(body.content)
    return told.hexdigest()


@lru_cache(maxsize=NAMES)
def _begun(content_type: str) -> hashlib._Hash:
    return hashlib.sha256(content_type.replace(" ", "").lower().encode() + b"\0")


@lru_cache(maxsize=NAMES)
def _source(name: str) -> str:
    if not name:
        return UNNAMED_SOURCE
    if not SOURCE_NAME.fullmatch(name) or mask_text(name) != name:
        message = "a source name begins with a letter and has small letters, digits, _ . and -"
        raise Invalid("the source has no valid name", errors=[Problem("", "source", message)])
    return name
