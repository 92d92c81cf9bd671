"""Taking in a body: decode, map, clean, make durable, answer.

body ─▶ known already? ─▶ decode ─▶ map ─▶ clean ─▶ refused records into the log
                                                 └▶ accepted ones, 1,000 a message ─▶ receipt
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import polars as pl

from chassis.errors import Conflict, Invalid, NotFound, Problem
from services.ingest.domain.batch import TRADE_ZONE, Door
from services.ingest.domain.clean import Cleaned, Raw, Stamp, clean
from services.ingest.domain.decode import Malformed, decode
from services.ingest.domain.fields import Kind
from services.ingest.domain.identity import batch_id, part_id
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.mapping import Mapping, to_canonical
from services.ingest.domain.receipt import Receipt
from services.ingest.domain.text import mask_text
from services.ingest.usecases.ports import Accepted, Body, Entry, FrontDoor, SetAside, Taken

SOURCE_NAME = re.compile(r"[a-z][a-z0-9_.\-]{0,62}")
UNNAMED_SOURCE = "api"
MESSAGE_RECORDS = 1000
MAX_NAME = 200
INLINE_BYTES = 256 * 1024
"""Larger bodies are cleaned beside the event loop."""


def known_kind(name: str) -> Kind:
    """The kind of that name; raises NotFound."""
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound(f"there is no such record kind; the kinds are {', '.join(KINDS)}", code="unknown_kind")
    return kind


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One body at the door."""

    kind: Kind
    source: str
    stamp: Stamp
    at: datetime


async def take_in(door: FrontDoor, body: Body) -> Receipt:
    """Takes in one body; returns when every record of it is durable in the log, or refused with a reason.

    The same body (or idempotency key) again changes nothing: all its records are duplicates. Raises NotFound for an
    unknown kind, Invalid for a body that cannot be read, Conflict for another body under a used key, Unavailable
    when the log is away; then the same body may be sent again.
    """
    kind = known_kind(body.kind)
    source = _source(body.source)
    digest = hashlib.sha256(body.content).hexdigest()
    # Keys belong to who sends: two partners may both count from 1.
    told = f"{body.sent_by}\x1f{body.idempotency_key}" if body.idempotency_key else digest
    batch = batch_id(source, kind.name, told)
    now = door.now()
    known = await door.memory.recall(batch)
    if known is not None:
        return _repeated(door, known, digest, now)
    arrival = _Arrival(kind, source, Stamp(batch_id=batch, source=source, trace_id=body.trace_id), now)
    work = partial(_cleaned, door, body, arrival)
    cleaned = work() if len(body.content) <= INLINE_BYTES else await door.off_loop(work)
    receipt, entries = await _publish(door, arrival, cleaned)
    _remember(door, kind.name, source, cleaned.accepted)
    door.counted(kind.name, source, cleaned.counts)
    if receipt.sent:
        door.memory.note(Taken(source, kind.name, digest, receipt, now, _safe(body.sent_by)), entries)
    return receipt


def _source(name: str) -> str:
    if not name:
        return UNNAMED_SOURCE
    if not SOURCE_NAME.fullmatch(name) or mask_text(name) != name:
        message = "a source name begins with a letter and has small letters, digits, _ . and -"
        raise Invalid("the source has no valid name", errors=[Problem("", "source", message)])
    return name


def _safe(name: str) -> str:
    """The sender's name as it may be kept: a user id may be a phone number."""
    return mask_text(name).replace("\0", "")[:MAX_NAME]


def _repeated(door: FrontDoor, known: Taken, digest: str, now: datetime) -> Receipt:
    if known.digest != digest:
        raise Conflict("the idempotency key was used for another body; use a new one", code="key_reused")
    receipt = known.receipt.as_repeated()
    door.memory.note(known, [_again(known.source, known.kind, receipt.batch_id, receipt.sent, now)])
    return receipt


def _again(source: str, kind: str, batch: str, count: int, now: datetime) -> Entry:
    return Entry(
        id=f"{batch}:again:{now.isoformat()}",
        batch_id=batch,
        source=source,
        kind=kind,
        at=now,
        received=count,
        duplicate=count,
    )


def _cleaned(door: FrontDoor, body: Body, arrival: _Arrival) -> Cleaned:
    mapping = door.mappings.get((arrival.source, arrival.kind.name))
    raw = _read(door, body, arrival.kind, mapping)
    return clean(raw, arrival.kind, _rules_of(door, mapping, arrival), arrival.stamp)


def _read(door: FrontDoor, body: Body, kind: Kind, mapping: Mapping | None) -> Raw:
    try:
        return to_canonical(decode(body.content, body.content_type, door.limits), kind, mapping)
    except Malformed as error:
        problems = [Problem(error.pointer, error.code, error.message)]
        code = error.code if error.code in ("too_large", "unsupported_type") else "malformed"
        raise Invalid(error.message, code=code, errors=problems) from None


def _rules_of(door: FrontDoor, mapping: Mapping | None, arrival: _Arrival) -> Door:
    known = Door(now=arrival.at, directory=door.directory, regions=door.regions, tokens=door.tokens)
    if mapping is None:
        return known
    return replace(
        known,
        zone=mapping.zone or TRADE_ZONE,
        zone_is_declared=mapping.zone is not None,
        earliest=mapping.earliest,
        late_days=mapping.late_days,
        newest=door.newest.of(arrival.source, arrival.kind.name),
        on_data_clock=mapping.on_data_clock,
        time_formats=mapping.time_formats,
    )


async def _publish(door: FrontDoor, arrival: _Arrival, cleaned: Cleaned) -> tuple[Receipt, list[Entry]]:
    """Makes refused and accepted records durable; what the log had already counts as duplicate."""
    refusals = list(_refusals(arrival, cleaned))
    refused_before = await asyncio.gather(*(door.log.refuse(part) for part in refusals))
    parts = list(_parts(arrival, cleaned))
    accepted_before = await asyncio.gather(*(door.log.accept(part) for part in parts))
    entries = [_refusal_entry(part) for part, before in zip(refusals, refused_before, strict=True) if not before] + [
        _entry(part) for part, before in zip(parts, accepted_before, strict=True) if not before
    ]
    receipt = cleaned.receipt
    if (refusals or parts) and all(refused_before) and all(accepted_before):
        again = receipt.as_repeated()
        return again, [_again(arrival.source, arrival.kind.name, receipt.batch_id, again.sent, arrival.at)]
    seen = [part for part, before in zip(parts, accepted_before, strict=True) if before]
    if seen:
        accepted = sum(part.records.height for part in seen)
        receipt = receipt.with_repeated(accepted, sum(part.repaired for part in seen))
        entries.append(_again(arrival.source, arrival.kind.name, receipt.batch_id, accepted, arrival.at))
    return receipt, entries


def _refusals(arrival: _Arrival, cleaned: Cleaned) -> Iterator[SetAside]:
    batch = cleaned.receipt.batch_id
    for place, start in enumerate(range(0, len(cleaned.refused), MESSAGE_RECORDS)):
        yield SetAside(
            message_id=f"{batch}:refused:{place}",
            batch_id=batch,
            kind=arrival.kind.name,
            source=arrival.source,
            records=cleaned.refused[start : start + MESSAGE_RECORDS],
            at=arrival.at,
            trace_id=arrival.stamp.trace_id,
        )


def _parts(arrival: _Arrival, cleaned: Cleaned) -> Iterator[Accepted]:
    receipt = cleaned.receipt
    for place, records in enumerate(cleaned.accepted.iter_slices(MESSAGE_RECORDS)):
        if records.is_empty():
            return
        part = part_id(receipt.batch_id, place)
        is_first = place == 0
        yield Accepted(
            part_id=part,
            kind=arrival.kind.name,
            schema_version=arrival.kind.schema_version,
            source=arrival.source,
            records=records if is_first else records.with_columns(pl.lit(part).alias("batch_id")),
            at=arrival.at,
            duplicates=receipt.duplicates if is_first else 0,
            repaired=int((records.get_column("quality_status") == "repaired").sum()),
            refused=receipt.quarantined + receipt.rejected if is_first else 0,
        )


def _entry(part: Accepted) -> Entry:
    newest = part.records.get_column("biz_date").max()
    return Entry(
        id=part.part_id,
        batch_id=part.part_id,
        source=part.source,
        kind=part.kind,
        at=part.at,
        received=part.records.height + part.duplicates,
        pending=part.records.height,
        duplicate=part.duplicates,
        repaired=part.repaired,
        newest=newest,  # type: ignore[arg-type]  # the maximum of a column of dates is a date
    )


def _refusal_entry(part: SetAside) -> Entry:
    rejected = sum(record.severity == "reject" for record in part.records)
    return Entry(
        id=part.message_id,
        batch_id=part.batch_id,
        source=part.source,
        kind=part.kind,
        at=part.at,
        received=len(part.records),
        quarantined=len(part.records) - rejected,
        rejected=rejected,
    )


def _remember(door: FrontDoor, kind: str, source: str, accepted: pl.DataFrame) -> None:
    """What went through is known to the next body, before the book has it."""
    door.directory.put(kind, accepted)
    door.newest.note(source, kind, accepted)
